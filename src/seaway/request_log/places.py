"""Where a log may lie: local paths, globs, and the URLs of object stores.

What opens a URL belongs to `seaway.stores`; here is only what a log needs of it.
"""

from __future__ import annotations

import glob
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from seaway.errors import InvalidArgument
from seaway.stores.faults import as_seaway_error
from seaway.stores.filesystems import filesystem
from seaway.stores.url import is_remote, local_path, shown


def expanded(place: str) -> list[str]:
    """Return the files that a path, a glob or a URL names, sorted.

    Raises:  InvalidArgument - there is none; SeawayError - a store cannot be asked.
    """
    found = _expanded_url(place) if is_remote(place) else _expanded_path(str(local_path(place)))
    if not found:
        raise InvalidArgument(f"{shown(place)!r} cannot be read: there is no such file")
    return found


def opened(place: str) -> AbstractContextManager[BinaryIO]:
    """Open a file or a URL to be read.

    Raises:  InvalidArgument - a file cannot be read; SeawayError - a store cannot be asked.
    """
    if is_remote(place):
        return _opened_url(place)
    try:
        return Path(place).open("rb")
    except OSError as err:
        raise InvalidArgument(f"{place!r} cannot be read: {err}") from err


def _expanded_path(place: str) -> list[str]:
    return [place] if Path(place).exists() else sorted(glob.glob(place))


def _expanded_url(place: str) -> list[str]:
    if not any(sign in place for sign in "*["):
        return [place]
    system = filesystem(place)
    try:
        return sorted(str(system.unstrip_protocol(each)) for each in system.glob(place))
    except Exception as err:  # each client of a store has errors of its own
        raise as_seaway_error(err, f"{shown(place)} cannot be listed") from err


def _opened_url(place: str) -> AbstractContextManager[BinaryIO]:
    try:
        file: AbstractContextManager[BinaryIO] = filesystem(place).open(place, "rb")
    except Exception as err:  # as above
        raise as_seaway_error(err, f"{shown(place)} cannot be read") from err
    return file
