"""`seaway log`: what can be made of a log of requests, whichever form its files have."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs

from seaway.errors import FailedPrecondition, InvalidArgument
from seaway.proof.passport import PASSPORT_FILE, Examples, Passport, read_passport, write_passport
from seaway.proof.warmup import MAX_RECORDS, WARMUP_FILE
from seaway.request_log.examples import example_records
from seaway.request_log.jsonl import line_of
from seaway.request_log.line import readable
from seaway.request_log.reading import read_entries, read_records
from seaway.request_log.writing import FORMS, TFRECORD, Form, form_of_name, require_form, write_log
from seaway.serving.warmup_from_log import warmup_records

Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="Files of the log, in any of its forms: paths, globs or URLs."),
]


def log() -> typer.Typer:
    """Return the verb with what it can do."""
    app = typer.Typer(help="Make something of a log of requests.", no_args_is_help=True, rich_markup_mode="markdown")
    app.command("show")(show)
    app.command("convert")(convert)
    app.command("warmup")(warmup)
    app.command("examples")(examples)
    return app


def show(
    files: Files,
    as_json: Annotated[bool, typer.Option("--json", help="Print lines of JSON, with all values.")] = False,
    most: Annotated[int, typer.Option(metavar="N", min=0, help="Requests to show at most; 0 for all.")] = 0,
) -> None:
    """Show logged requests with their answers, a line for each."""
    for entry in islice(read_entries(files), most or None):
        if as_json:
            sys.stdout.write(line_of(entry).decode())
        else:
            typer.echo(readable(entry))


def convert(
    files: Files,
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="OUT", help="File to write; its ending is the form unless --format is."),
    ],
    form: Annotated[str, typer.Option("--format", metavar="FORM", help=f"Form of the file: {', '.join(FORMS)}.")] = "",
) -> None:
    """Write a log in another form, all files as one."""
    wanted = _form(form) if form else form_of_name(out)
    require_form(wanted)
    _refuse_itself(files, out)
    count = 0

    def records() -> Iterator[bytes]:
        nonlocal count
        count = 0
        for _, record in read_records(files):
            count += 1
            yield record

    write_log(out, wanted, records)
    typer.echo(f"{count} requests in {out}")


def warmup(
    files: Files,
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", metavar="OUT", help="File to write: `VERSION/assets.extra/tf_serving_warmup_requests`."
        ),
    ],
    most: Annotated[int, typer.Option(metavar="N", min=1, max=MAX_RECORDS, help="Records to write at most.")] = 100,
) -> None:
    """Write a warm-up file: each request once, every kind of call and signature in turn, without answers."""
    records = warmup_records((record for _, record in read_records(files)), most)
    if not records:
        raise InvalidArgument(f"there is no request that can be replayed in {', '.join(files)}")
    if out.parts[-2:] == WARMUP_FILE.parts:
        _refuse_fewer(out.parent.parent, 0)
    write_log(out, TFRECORD, lambda: records)
    typer.echo(f"{len(records)} requests in {out}")


def examples(
    files: Files,
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="VERSION_DIR", help="Directory of the version that the examples are for."),
    ],
    version: Annotated[
        int | None,
        typer.Option(
            "--version", metavar="V", min=0, help="Whose answers are expected; the version of the directory's name."
        ),
    ] = None,
    most: Annotated[int, typer.Option(metavar="N", min=1, max=MAX_RECORDS, help="Examples to write at most.")] = 100,
    force: Annotated[bool, typer.Option("--force", help="Replace the warm-up file that is there.")] = False,
) -> None:
    """Write Predict requests with their answers into a version: any engine must answer them the same there."""
    file = out / WARMUP_FILE
    if not out.is_dir():
        raise InvalidArgument(f"{str(out)!r} is no directory; name the one of a version")
    if file.exists() and not force:
        raise FailedPrecondition(f"{file} is there already; --force replaces it")
    expected = version
    with suppress(ValueError):
        expected = int(out.resolve().name) if version is None else version
    records = example_records(read_records(files), expected, most)
    passport = _refuse_fewer(out, len(records))
    write_log(file, TFRECORD, lambda: records)
    if passport is not None:
        # With more answers than the version promised until now it is good all along, so the order does not matter.
        now = Examples("logged", len(records), file.stat().st_size)
        write_passport(out, structs.replace(passport, examples=now))
    typer.echo(f"{len(records)} requests with their answers in {file}")


def _refuse_fewer(version: Path, answers: int) -> Passport | None:
    """Make sure that a version keeps as many answers as it was exported with: servers refuse it with fewer.

    Return what its exporter said of it.
    """
    passport = read_passport(version)
    promised = passport.examples.records if passport is not None and passport.examples is not None else 0
    if answers < promised:
        raise FailedPrecondition(
            f"{version} was exported with {promised} examples and is refused with fewer; this would leave {answers}: "
            f"write another file, or remove {version / PASSPORT_FILE} first to serve it without its proof"
        )
    return passport


def _form(text: str) -> Form:
    for form in FORMS:
        if form == text:
            return form
    raise InvalidArgument(f"--format {text!r} is none of {', '.join(FORMS)}")


def _refuse_itself(files: list[str], out: Path) -> None:
    if any(Path(each).resolve() == out.resolve() for each in files):
        raise InvalidArgument(f"{str(out)!r} is one of the files that are read; write another one")
