"""Where files wait that go to a URL: a directory for each server, so that no two do the same work or share a name.

    DIRECTORY/spool/REPLICA/QUOTED-URL/PREFIX-20260131T235959Z-PID-N.tfrecord

A server holds the lock of its directory for as long as it lives. So what one has left that is gone, or was renamed, is
told from what another one is still at, and is taken over.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from seaway.errors import DataLoss, FailedPrecondition
from seaway.protos.tfrecord import read_tfrecords
from seaway.request_log.stock import PART
from seaway.settings.log_prefix import spool_name

SPOOL = "spool"
_LOCK = ".lock"
_FRAME_BYTES = 16
"""Of a TFRecord around each record: its length and two checksums."""
_MOST_NAMESAKES = 100


@dataclass(frozen=True, slots=True)
class Spool:
    """One server's directory, and the descriptor that holds its lock."""

    directory: Path
    lock: int

    @property
    def replica(self) -> str:
        """The name under which its files are uploaded."""
        return self.directory.name

    def local_prefix(self, url: str) -> str:
        """Return where the plane writes what goes to a URL's prefix."""
        return str(self.directory / spool_name(url) / url.rpartition("/")[2])

    def places(self) -> Iterator[Path]:
        """Yield the directory of each URL's directory."""
        with suppress(FileNotFoundError):
            yield from sorted(each for each in self.directory.iterdir() if each.is_dir())

    def release(self) -> None:
        """Give the directory up; one in which nothing waits is removed."""
        for place in self.places():
            with suppress(OSError):
                place.rmdir()
        with suppress(OSError):
            if not any(self.places()):
                (self.directory / _LOCK).unlink()
                self.directory.rmdir()
        os.close(self.lock)


def claim(root: Path, replica: str) -> Spool:
    """Take a directory of this server's own; a second server of the same name gets one beside.

    Raises:  FailedPrecondition - the directory cannot be written.
    """
    try:
        for number in range(1, _MOST_NAMESAKES):
            directory = root / SPOOL / (replica if number == 1 else f"{replica}.{number}")
            directory.mkdir(parents=True, exist_ok=True)
            found = _locked(directory)
            if found is not None:
                return found
    except OSError as err:
        raise FailedPrecondition(
            f"the request log needs a directory for files on their way to a URL, and {str(root)!r} cannot be written "
            f"({err}); name another one with --request-log-directory"
        ) from err
    raise FailedPrecondition(f"{_MOST_NAMESAKES} servers named {replica!r} are at work in {str(root / SPOOL)!r}")


def left_by_others(root: Path, own: Path | None) -> Iterator[Spool]:
    """Take over the directories of servers that are gone."""
    spools = root / SPOOL
    with suppress(OSError):
        for directory in sorted(each for each in spools.iterdir() if each.is_dir() and each != own):
            found = _locked(directory)
            if found is not None:
                yield found


def complete_parts(place: Path) -> None:
    """Give the files that a server could not complete their names, up to their last whole record.

    Raises:  OSError.
    """
    for part in place.glob(f".*.tfrecord{PART}"):
        whole = _whole_bytes(part)
        if not whole:
            part.unlink()
            continue
        os.truncate(part, whole)
        part.rename(part.with_name(part.name[1 : -len(PART)]))
    for part in place.glob(f".*{PART}"):
        part.unlink()  # of a conversion, which is made anew


@contextmanager
def exclusively(path: Path) -> Iterator[bool]:
    """Hold the lock of a file; False when another one has it, or has done with the file meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _lock(descriptor)
    finally:
        os.close(descriptor)


def _locked(directory: Path) -> Spool | None:
    descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    if _lock(descriptor):
        return Spool(directory, descriptor)
    os.close(descriptor)
    return None


def _lock(descriptor: int) -> bool:
    """Take a file's lock, which ends with the descriptor; False when another one has it, or has removed the file."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(descriptor).st_nlink > 0


def _whole_bytes(part: Path) -> int:
    whole = 0
    with part.open("rb") as file, suppress(DataLoss):
        for record in read_tfrecords(file, part.name):
            whole += len(record) + _FRAME_BYTES
    return whole
