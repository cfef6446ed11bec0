"""A store that is a directory of this machine, for who writes to either kind; servers read directories as they are.

A version is copied beside and renamed, so it is there as a whole or not at all.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from seaway.errors import AlreadyExists, Cancelled, FailedPrecondition, NotFound
from seaway.stores.faults import as_seaway_error
from seaway.stores.layout import MODEL_FILES
from seaway.stores.store import Watch
from seaway.stores.tree import StoredFile
from seaway.stores.url import local_path, relative


class LocalStore:
    """What lies below one directory."""

    def __init__(self, url: str) -> None:
        """Touch nothing yet; `url` is a path or a `file://` URL."""
        self._url = url
        self._directory = local_path(url)

    @property
    def url(self) -> str:
        """Return the address as it was given."""
        return self._url

    def list(self, timeout_s: float, inside: str = "") -> tuple[StoredFile, ...]:
        """Return every file below the directory; see `Store`."""
        directory = self._directory / inside
        if not directory.is_dir():
            raise NotFound(f"{directory} cannot be listed: it is no directory")
        try:
            return tuple(_files(directory))
        except OSError as err:
            raise as_seaway_error(err, f"{directory} cannot be listed") from err

    def fetch(self, path: str, target: Path, watch: Watch) -> None:
        """Copy one file; see `Store`."""
        try:
            shutil.copyfile(self._directory / path, target)
        except OSError as err:
            raise as_seaway_error(err, f"{path} of {self._directory} cannot be copied") from err
        watch.on_bytes(target.stat().st_size)

    def has_certain_checksum(self, path: str) -> bool:
        """Tell that there is nothing to ask: a directory gives no checksums."""
        return True

    def put_tree(self, source: Path, path: str, watch: Watch) -> None:
        """Write a version below the directory by copy and rename; see `Store`."""
        target = self._directory / relative(path, f"a version for {self._directory}")
        if not any((source / name).is_file() for name in MODEL_FILES):
            raise FailedPrecondition(f"{source} is no model: it lacks one of {', '.join(MODEL_FILES)}")
        if target.exists():
            raise AlreadyExists(f"{target} is there already; give the new version a new number")
        beside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, beside, copy_function=_copier(watch))
            beside.rename(target)
        except OSError as err:
            raise as_seaway_error(err, f"{target} cannot be written") from err
        finally:
            shutil.rmtree(beside, ignore_errors=True)  # renamed, it is not there any more


def _copier(watch: Watch) -> _Copy:
    return _Copy(watch)


class _Copy:
    """Copies one file, with its bytes on disk before the version gets its name."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __call__(self, source: str, target: str) -> str:
        if self._watch.cancelled.is_set():
            raise Cancelled("it is no longer wanted")
        shutil.copyfile(source, target)
        with open(target, "rb") as written:
            os.fsync(written.fileno())
        self._watch.on_bytes(os.path.getsize(target))
        return target


def _files(directory: Path) -> Iterator[StoredFile]:
    for file in sorted(directory.rglob("*")):
        if file.is_file():
            status = file.stat()
            path = file.relative_to(directory).as_posix()
            yield StoredFile(path, status.st_size, f"modified:{status.st_mtime_ns}", status.st_mtime)
