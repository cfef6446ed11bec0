"""Writes a log in one of its forms, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from seaway.errors import InvalidArgument
from seaway.protos.tfrecord import write_tfrecords
from seaway.request_log.entry import Entry, entry_of
from seaway.request_log.jsonl import line_of
from seaway.request_log.parquet import require_pyarrow, write_parquet

Form: TypeAlias = Literal["tfrecord", "jsonl", "parquet"]
"""The forms of a log's files; each is also how their names end."""
TFRECORD: Form = "tfrecord"
FORMS: tuple[Form, ...] = get_args(Form)
_MODE = 0o640
"""As the plane's own files: not for everybody's eyes."""

Records: TypeAlias = Callable[[], Iterable[bytes]]
"""Gives the records anew each time it is asked: Parquet needs to see them twice."""


def require_form(form: Form) -> None:
    """Raise unless files of this form can be written here.

    Raises:  FailedPrecondition - a package is missing; says how to install it.
    """
    if form == "parquet":
        require_pyarrow()


def form_of_name(path: Path) -> Form:
    """Return the form that the ending of a name asks for.

    Raises:  InvalidArgument - it asks for none.
    """
    for form in FORMS:
        if path.suffix == f".{form}":
            return form
    raise InvalidArgument(f"{str(path)!r} says no form; end it with {', '.join(f'.{form}' for form in FORMS)}")


def write_log(path: Path, form: Form, records: Records) -> None:
    """Write a file in the place of what was there, beside first and then moved in: it is there whole or not at all.

    Raises:  InvalidArgument - a record cannot have that form; FailedPrecondition - a package is missing; OSError.
    """
    if form == TFRECORD:
        with _beside(path) as beside, beside.open("wb") as file:
            write_tfrecords(file, records())
    else:
        write_entries(path, form, lambda: _entries(records))


def write_entries(path: Path, form: Form, entries: Callable[[], Iterable[Entry]]) -> None:
    """Write entries as JSON lines or Parquet, as `write_log` does; `entries` gives them anew each time.

    Raises:  FailedPrecondition - a package is missing; OSError.
    """
    with _beside(path) as beside:
        if form == "parquet":
            write_parquet(beside, entries)
            return
        with beside.open("wb") as file:
            file.writelines(line_of(entry) for entry in entries())


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Give a file beside to be written, which then takes the place of `path`; after an error nothing is left of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    try:
        os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE))
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _entries(records: Records) -> Iterable[Entry]:
    return (entry_of(record, f"record {index}") for index, record in enumerate(records()))
