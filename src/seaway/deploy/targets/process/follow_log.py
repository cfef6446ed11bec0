"""The lines of a log file that is rotated while it is read."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

from seaway.clock import Clock

_POLL_S = 0.2


def log_lines(file: Path, follow: bool, tail: int, clock: Clock) -> Iterator[str]:
    """Yield the last `tail` lines, from the file before too where this one is short; then those to come."""
    opened = _open(file)
    before = _open(file.with_name(f"{file.name}.1"))
    last: deque[str] = deque(maxlen=tail)
    for each in (before, opened):
        if each is not None:
            last.extend(each)
    if before is not None:
        before.close()
    yield from (line.rstrip("\n") for line in last)
    try:
        while follow:
            opened = opened or _open(file)
            if opened is not None:
                yield from (line.rstrip("\n") for line in opened)
                if _was_rotated(opened, file):
                    opened.close()
                    opened = None
                    continue
            clock.wait(threading.Event(), _POLL_S)
    finally:
        if opened is not None:
            opened.close()


def _open(file: Path) -> TextIOWrapper | None:
    try:
        return file.open(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _was_rotated(opened: TextIOWrapper, file: Path) -> bool:
    try:
        return os.fstat(opened.fileno()).st_ino != file.stat().st_ino
    except OSError:
        return False
