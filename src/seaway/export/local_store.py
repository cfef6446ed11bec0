"""A model's directory on a file system.

A draft is a directory with a name that is no number, so no server takes it for a version, and on the same file system,
so that it is moved in by one rename. The rename fails where the number is taken: whoever comes second takes the next.

    .seaway-export-RANDOM     being written; locked by the process that writes it
    4                         a version

A process that was killed leaves its draft; the lock went with the process, and the next export removes it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seaway.errors import FailedPrecondition, PermissionDenied, ResourceExhausted
from seaway.export.store import Published
from seaway.repository.sources.base_path import MODEL_FILES, version_number

_PREFIX = ".seaway-export-"
_LARGEST_VERSION = 2**63 - 1


class LocalStore:
    """One base path."""

    def __init__(self, base_path: Path) -> None:
        """The directory is made when something is written."""
        self._base_path = base_path

    def versions(self) -> tuple[int, ...]:
        """Return the numbers that are taken, ascending; whatever has a version's name takes its number."""
        if not self._base_path.is_dir():
            return ()
        numbers = (version_number(entry) for entry in os.listdir(self._base_path))
        return tuple(sorted({number for number in numbers if number is not None}))

    @contextmanager
    def begin(self) -> Iterator[Path]:
        """Give an empty draft.

        Raises:  FailedPrecondition - the base path is a model itself, or no directory; PermissionDenied.
        """
        self._prepare()
        draft, lock = self._locked_draft()
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)  # published, it is not there any more
            os.close(lock)

    def publish(self, draft: Path) -> Published:
        """Rename a draft to the number after the highest.

        Raises:  ResourceExhausted - there is no higher number.
        """
        _flush(draft)
        while True:
            version = max(self.versions(), default=0) + 1
            if version > _LARGEST_VERSION:
                raise ResourceExhausted(f"version {_LARGEST_VERSION} of {self._base_path} is taken, and none is higher")
            target = self._base_path / str(version)
            try:
                draft.rename(target)
            except OSError as err:
                if err.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                    raise
                continue  # somebody else took this number a moment ago
            _flush_directory(self._base_path)
            return Published(version, str(target))

    def _prepare(self) -> None:
        try:
            self._base_path.mkdir(parents=True, exist_ok=True)
        except FileExistsError as err:
            raise FailedPrecondition(f"{self._base_path} is a file; name the model's directory") from err
        except PermissionError as err:
            raise PermissionDenied(f"{self._base_path} may not be written: {err}") from err
        found = [file for file in MODEL_FILES if (self._base_path / file).is_file()]
        if found:
            raise FailedPrecondition(
                f"{self._base_path} holds {found[0]} itself, so it is a version and not a model's directory; move it "
                f"to {self._base_path / '1'}, or name the directory above it"
            )
        for left in self._base_path.glob(f"{_PREFIX}*"):
            _remove_if_abandoned(left)

    def _locked_draft(self) -> tuple[Path, int]:
        while True:
            draft = self._base_path / f"{_PREFIX}{secrets.token_hex(8)}"
            try:
                draft.mkdir()
            except PermissionError as err:
                raise PermissionDenied(f"{self._base_path} may not be written: {err}") from err
            try:
                lock = os.open(draft, os.O_RDONLY)
            except FileNotFoundError:  # somebody took it for abandoned, since nobody held it yet
                continue
            with suppress(OSError):  # some network file systems lock no directory; then nobody removes one either
                fcntl.flock(lock, fcntl.LOCK_EX)
            if draft.is_dir():
                return draft, lock
            os.close(lock)


def _remove_if_abandoned(draft: Path) -> None:
    try:
        lock = os.open(draft, os.O_RDONLY)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(draft, ignore_errors=True)
    except OSError:
        return  # it is being written, or it cannot be known
    finally:
        os.close(lock)


def _flush(directory: Path) -> None:
    """Have the disk hold all files before the rename, so that a power failure cannot leave a version of empty files."""
    for parent, _, files in os.walk(directory):
        for file in files:
            with (Path(parent) / file).open("rb") as opened:
                os.fsync(opened.fileno())
        _flush_directory(Path(parent))


def _flush_directory(directory: Path) -> None:
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
