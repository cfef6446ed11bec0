"""Reads a log whatever its form: every file becomes the PredictionLogs that it holds.

The form is known by the first bytes, so that a file may have any name, as warm-up files do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from seaway.protos.tfrecord import read_tfrecords
from seaway.request_log.entry import Entry, entry_of, record_of
from seaway.request_log.jsonl import entry_of_line
from seaway.request_log.parquet import read_parquet
from seaway.request_log.places import expanded, opened

_PARQUET = b"PAR1"
_HEAD_BYTES = 8


def read_records(places: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the records of paths, globs and URLs, each with its place: the file, and its number there.

    Raises:  InvalidArgument - a file cannot be read; DataLoss - one is damaged; FailedPrecondition - a package is
             missing.
    """
    for name in (name for place in places for name in expanded(place)):
        with opened(name) as file:
            for index, record in enumerate(_records(file, name)):
                yield f"{name}: record {index}", record


def read_entries(places: Iterable[str]) -> Iterator[Entry]:
    """Yield what `read_records` reads as entries.

    Raises:  as `read_records`; InvalidArgument - a record is of a kind that no log holds.
    """
    for place, record in read_records(places):
        yield entry_of(record, place)


def _records(file: BinaryIO, name: str) -> Iterator[bytes]:
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    # The length before a record of less than 4 GiB ends with four bytes of zero, which no other form begins with.
    if head[4:] == bytes(_HEAD_BYTES - 4) or not head:
        yield from read_tfrecords(file, name)
    elif head.startswith(_PARQUET):
        yield from map(record_of, read_parquet(file, name))
    elif head.startswith(b"{"):
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield record_of(entry_of_line(line, f"{name}:{number}"))
    else:
        yield from read_tfrecords(file, name)
