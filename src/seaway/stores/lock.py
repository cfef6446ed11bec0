"""A lock on a file, shared or exclusive, which ends with the process that holds it, however that ends.

The lock is the system's (`flock`), so nobody has to find out whether the holder of an old one still lives. Files of
locks come and go with what they guard: whoever gets a lock on a file that is not there any more has none.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class FileLock:
    """A lock that is held until `release`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Take over a descriptor that holds the lock; see `try_lock`."""
        self._path = path
        self._descriptor = descriptor

    @property
    def path(self) -> Path:
        """Return the file."""
        return self._path

    def read(self) -> str:
        """Return what the file says."""
        return os.pread(self._descriptor, 1 << 16, 0).decode(errors="replace")

    def write(self, text: str) -> None:
        """Have the file say this; for the holder of an exclusive lock."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)

    def touch(self) -> None:
        """Take note that what is guarded was used now."""
        with suppress(OSError):
            os.utime(self._descriptor)

    def release(self) -> None:
        """Let go; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def try_lock(path: Path, exclusive: bool, create: bool = True) -> FileLock | None:
    """Return the lock if it is free, None while it is held by somebody else or the file is gone.

    Raises:  OSError - the file cannot be made or opened.
    """
    try:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o644)
    except FileNotFoundError:
        return None  # it, or the directory around it, was taken away just now
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        if _is_still(path, descriptor):
            return FileLock(path, descriptor)
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _is_still(path: Path, descriptor: int) -> bool:
    held = os.fstat(descriptor)
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return (held.st_dev, held.st_ino) == (there.st_dev, there.st_ino)
