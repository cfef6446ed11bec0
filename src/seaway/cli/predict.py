"""`seaway predict`: predictions from the shell, of what was typed or of what lies in files.

It owns the options and the order of things; `predict_values` reads files, `predict_output` writes answers, and the
client does the rest. Values from the shell have no type of their own: they are rounded to what the model takes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seaway.cli.predict_output import Form, form_of, printed, written
from seaway.cli.predict_values import ImageOptions, named_values, read_input, table_values
from seaway.cli.rest import Refused
from seaway.errors import InvalidArgument, SeawayError

if TYPE_CHECKING:
    from seaway.client import Answer, Client
    from seaway.client.signature import Signature

__all__ = ["predict", "printed", "read_input"]

_Model = Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")]
_Input = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="NAME=VALUE",
        help="JSON, or @FILE with .json, .npy, or an image or a directory of images; once per input.",
    ),
]
_Inputs = Annotated[
    Path | None,
    typer.Option("--inputs", metavar="FILE", help="All inputs in one file: .csv (columns), .npz, .json (an object)."),
]
_Signature = Annotated[
    str, typer.Option("--signature", metavar="NAME", help="Signature; the default is serving_default.")
]
_Version = Annotated[int | None, typer.Option("--version", metavar="N", help="Version; the default is the latest.")]
_Label = Annotated[str, typer.Option("--label", metavar="NAME", help="Version label, instead of a version.")]
_Only = Annotated[list[str] | None, typer.Option("--only", metavar="NAME", help="Answer this output; repeatable.")]
_Server = Annotated[
    str,
    typer.Option(
        "--server", metavar="ADDRESS", help="HOST:PORT of the REST API, or grpc://HOST:PORT, or an https URL."
    ),
]
_Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0.001, help="Seconds to wait for each answer.")
]
_Rows = Annotated[
    int | None, typer.Option("--batch-rows", metavar="N", min=1, help="Send this many rows at a time; shows progress.")
]
_Resize = Annotated[
    str, typer.Option("--resize", metavar="WxH|model", help="Resize images; `model` takes the size of the signature.")
]
_Divide = Annotated[
    float | None, typer.Option("--divide-by", metavar="NUMBER", help="Divide the values of images, often by 255.")
]
_Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write there: .json, .csv, .npy or .npz.")
]
_Format = Annotated[
    Literal["json", "csv", "npy", "npz"] | None,
    typer.Option("--format", help="Form of the answer; the default is that of the file's name, or JSON."),
]
_TokenFile = Annotated[Path | None, typer.Option("--token-file", metavar="FILE", help="Bearer token to send.")]
_CaFile = Annotated[Path | None, typer.Option("--ca-file", metavar="FILE", help="Authorities to trust with TLS.")]


def predict(  # noqa: PLR0913, PLR0917 - the options of the verb, which only typer passes
    model: _Model,
    inputs: _Input = None,
    inputs_file: _Inputs = None,
    signature: _Signature = "",
    version: _Version = None,
    label: _Label = "",
    only: _Only = None,
    server: _Server = "localhost:8501",
    timeout: _Timeout = 60.0,
    batch_rows: _Rows = None,
    resize: _Resize = "",
    divide_by: _Divide = None,
    output: _Output = None,
    form: _Format = None,
    token_file: _TokenFile = None,
    ca_file: _CaFile = None,
) -> None:
    """Ask a running server for predictions and print the outputs.

    For instance: `seaway predict half_plus_two --input 'x=[1.0, 2.0]'`, `--input image=@cat.png --resize model`, or
    `--inputs rows.csv --batch-rows 256 -o answers.csv`.
    """
    if version is not None and label:
        raise InvalidArgument(f"--version {version} and --label {label!r} are both given; keep one of them")
    chosen_form = form_of(form, output)
    given = named_values(inputs or [], inputs_file)
    with _client(server, timeout, token_file, ca_file) as client, _told_as_refused():
        found = _signature(client, model, {"version": version, "label": label}, signature)
        values = table_values(given, found, ImageOptions(resize, divide_by))
        with _progress(values, batch_rows) as (progress, rounds):
            answer = client.answer(
                model,
                values,
                version=version,
                label=label,
                signature=signature,
                outputs=only or (),
                timeout_s=timeout * rounds,
                max_batch_rows=batch_rows,
                progress=progress,
            )
    _write(answer, chosen_form, output)


def _client(server: str, timeout_s: float, token_file: Path | None, ca_file: Path | None) -> Client:
    from seaway.client import Client, Tls  # noqa: PLC0415 - brings numpy, which every other command starts sooner without

    address = server if ":/" in server or server.startswith(("unix:", "http+unix:")) else f"http://{server}"
    tls = Tls(ca_file) if ca_file is not None else None
    return Client(address, timeout_s=timeout_s, check="dtypes", token_file=token_file, tls=tls)


def _signature(client: Client, model: str, which: Mapping[str, object], name: str) -> Signature | None:
    """Return what the model takes; None where the server does not tell, and judges by itself."""
    from seaway.client.signature import DEFAULT_SIGNATURE  # noqa: PLC0415 - as above
    from seaway.errors import DeadlineExceeded, Unavailable  # noqa: PLC0415

    try:
        return client.metadata(model, **which).get(name or DEFAULT_SIGNATURE)  # type: ignore[arg-type]
    except (Unavailable, DeadlineExceeded):
        raise
    except SeawayError:
        return None


@contextmanager
def _told_as_refused() -> Iterator[None]:
    """Tell what a server refuses from what was asked wrongly here: the exit codes differ."""
    from seaway.client.exchange import Refusal  # noqa: PLC0415 - as above

    try:
        yield
    except InvalidArgument as err:
        if isinstance(err.__cause__, Refusal):
            raise Refused(err.message) from err
        raise


@contextmanager
def _progress(
    values: Mapping[str, object], batch_rows: int | None
) -> Iterator[tuple[Callable[[int], None] | None, int]]:
    """Give what is told of each part, and the number of parts; a bar is shown where somebody looks."""
    rows = max(map(_rows, values.values()), default=0)
    rounds = -(-rows // batch_rows) if batch_rows else 1
    if not batch_rows or not sys.stderr.isatty():
        yield None, max(rounds, 1)
        return
    from rich.console import Console  # noqa: PLC0415 - only where a bar is shown
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("rows", total=rows)
        yield (lambda count: bar.advance(task, count)), max(rounds, 1)


def _rows(value: object) -> int:
    shape: tuple[int, ...] | None = getattr(value, "shape", None)
    if shape is not None:
        return shape[0] if shape else 0
    return len(value) if isinstance(value, list) else 0


def _write(answer: Answer, form: Form, output: Path | None) -> None:
    data = written(answer.outputs, form)
    if output is None:
        sys.stdout.flush()
        typer.echo(data, nl=False)
        return
    try:
        output.write_bytes(data)
    except OSError as err:
        raise InvalidArgument(f"--output {str(output)!r} cannot be written: {err}") from err
