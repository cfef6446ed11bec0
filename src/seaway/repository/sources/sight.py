"""What a version directory looks like from outside: is a whole model in it, and is it still changing?

Only names, sizes and times are read, never contents.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seaway.stores.layout import missing_parts


@dataclass(frozen=True, slots=True)
class Sight:
    """A version directory as it was at one moment."""

    fingerprint: str
    """Of paths, sizes and modification times; equal means nothing was written in between."""
    newest_s: float
    """The latest change to any file or directory, in seconds since the epoch."""
    size_bytes: int
    missing: tuple[str, ...]
    """What a whole model would have besides; empty when it is complete."""


def look_at(directory: Path) -> Sight:
    """Walk a version directory; what cannot be read counts as missing."""
    digest = hashlib.sha256()
    newest_s, size_bytes = -math.inf, 0
    unreadable: list[str] = []
    files: dict[str, int] = {}
    for path, status in _walk(directory, unreadable):
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
        newest_s = max(newest_s, status.st_mtime, status.st_ctime)
        if not os.path.isdir(directory / path):
            files[path] = status.st_size
            size_bytes += status.st_size
    if newest_s == -math.inf:  # removed while we looked: as fresh as can be
        newest_s = math.inf
    return Sight(digest.hexdigest(), newest_s, size_bytes, (*missing_parts(files), *unreadable))


def _walk(directory: Path, unreadable: list[str]) -> Iterator[tuple[str, os.stat_result]]:
    def note(err: OSError) -> None:
        unreadable.append(f"{err.filename}: {err.strerror}")

    for parent, directories, names in os.walk(directory, onerror=note, followlinks=False):
        directories.sort()
        for path in (parent, *(os.path.join(parent, name) for name in sorted(names))):
            try:
                yield os.path.relpath(path, directory), os.stat(path)
            except FileNotFoundError:
                continue  # gone between listing and looking: the next look sees a different directory
            except OSError as err:
                note(err)
