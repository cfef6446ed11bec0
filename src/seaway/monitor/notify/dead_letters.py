"""Messages that could not be sent, in a file that outlives the process, until somebody retries or clears them.

The file has one JSON object per line, is readable by its owner only and is replaced whole, so that a crash leaves the
old or the new one. It is bounded: the oldest letters make room. It holds no addresses, only the channels' names.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from seaway.errors import FailedPrecondition, InvalidArgument
from seaway.monitor.notify.message import Notice

log = logging.getLogger(__name__)

MAX_LETTERS = 500


class Delivery(msgspec.Struct, frozen=True):
    """One message for one channel, and how often it was tried."""

    id: str
    channel: str
    title: str
    body: str
    notices: tuple[Notice, ...]
    queued_at: float
    tries: int = 0

    @property
    def group(self) -> str:
        """Return what the notices are about."""
        return self.notices[0].group if self.notices else ""


class DeadLetter(msgspec.Struct, frozen=True):
    """A delivery that was given up, when and why."""

    delivery: Delivery
    died_at: float
    reason: str


class DeadLetters:
    """The letters, the oldest first; any thread may ask."""

    def __init__(self, path: Path, limit: int = MAX_LETTERS) -> None:
        """Read what an earlier process left; lines that cannot be read are skipped with a warning.

        Raises:
            FailedPrecondition: the file is there and cannot be read.
            InvalidArgument: the limit is below 1.
        """
        if limit < 1:
            raise InvalidArgument(f"the limit of dead letters is {limit}; it must be at least 1")
        self._path = path
        self._limit = limit
        self._lock = threading.Lock()
        self._letters = _read(path)[-limit:]

    def all(self) -> tuple[DeadLetter, ...]:
        """Return the letters, the oldest first."""
        with self._lock:
            return tuple(self._letters)

    def add(self, *letters: DeadLetter) -> None:
        """Keep letters; the oldest beyond the limit are lost, and the log says so."""
        with self._lock:
            self._letters.extend(letters)
            lost = len(self._letters) - self._limit
            if lost > 0:
                del self._letters[:lost]
                log.warning("%d dead letters beyond the limit of %d were dropped", lost, self._limit)
            self._write()

    def take(self, wanted: Callable[[DeadLetter], bool]) -> tuple[DeadLetter, ...]:
        """Remove and return those that are wanted; asked once for each, the oldest first."""
        with self._lock:
            taken: list[DeadLetter] = []
            kept: list[DeadLetter] = []
            for letter in self._letters:
                (taken if wanted(letter) else kept).append(letter)
            if taken:
                self._letters = kept
                self._write()
            return tuple(taken)

    def _write(self) -> None:
        # A full disk must not end the thread that delivers; the letters stay in memory and go out with the next write.
        try:
            _replace(self._path, b"".join(_line(letter) for letter in self._letters))
        except OSError as err:
            log.warning("dead letters cannot be written to %s: %s", self._path, err)


def _line(letter: DeadLetter) -> bytes:
    try:
        return msgspec.json.encode(letter) + b"\n"
    except UnicodeEncodeError:
        # Half of a surrogate pair in a label, which is no text in UTF-8; a letter with a ? is better than none.
        text = json.dumps(msgspec.to_builtins(letter), ensure_ascii=False)
        return text.encode(errors="replace") + b"\n"


def _read(path: Path) -> list[DeadLetter]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as err:
        raise FailedPrecondition(f"dead letters cannot be read from {path}: {err}; make it a readable file") from err
    decoder = msgspec.json.Decoder(DeadLetter)
    letters: list[DeadLetter] = []
    for line in lines:
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            letters.append(decoder.decode(line))
    if len(letters) < len(lines):
        log.warning("%d lines of %s are no dead letters and were skipped", len(lines) - len(letters), path)
    return letters


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with suppress(FileNotFoundError):
        partial.unlink()
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
