"""What stores listed last, kept on this machine: a server that begins while a store is down knows what to serve.

A listing is a hint. What it leads to is a copy in the cache that was checked when it was fetched; without one it is
worth nothing. So a file that cannot be read or written is no failure, and old ones are not cleaned up: they are small,
and one for each base path.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
from pathlib import Path

import msgspec

from seaway.stores.tree import Checksum, StoredFile

log = logging.getLogger(__name__)


class _File(msgspec.Struct, frozen=True):
    """A file as it is written: JSON has no infinity."""

    path: str
    size_bytes: int | None
    tag: str
    modified_s: float | None
    checksum: Checksum | None


class Listings:
    """The listings below one directory. For any thread, and for any number of processes."""

    def __init__(self, directory: Path) -> None:
        """Touch nothing yet."""
        self._directory = directory

    def remember(self, url: str, files: tuple[StoredFile, ...]) -> None:
        """Keep what a store listed, unless that is what is kept."""
        content = msgspec.json.encode([_written(file) for file in files])
        target = self._file(url)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            if target.is_file() and target.read_bytes() == content:
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content)
            partial.replace(target)
        except OSError as err:
            log.debug("the listing of a store cannot be kept: %s", err)

    def recall(self, url: str) -> tuple[StoredFile, ...] | None:
        """Return what a store listed last, None when that is not known."""
        try:
            found = msgspec.json.decode(self._file(url).read_bytes(), type=list[_File])
        except (OSError, msgspec.MsgspecError):
            return None
        return tuple(_read(file) for file in found)

    def _file(self, url: str) -> Path:
        return self._directory / f"{hashlib.sha256(url.encode()).hexdigest()[:40]}.json"


def _written(file: StoredFile) -> _File:
    modified_s = None if math.isinf(file.modified_s) else file.modified_s
    return _File(file.path, file.size_bytes, file.tag, modified_s, file.checksum)


def _read(file: _File) -> StoredFile:
    modified_s = math.inf if file.modified_s is None else file.modified_s
    return StoredFile(file.path, file.size_bytes, file.tag, modified_s, file.checksum)
