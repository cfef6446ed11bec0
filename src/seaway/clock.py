"""Time as an argument: whoever needs the time of day, an interval or a pause is given a Clock.

Tests pass a clock whose time moves only when they say so (tests/support/fakes.py); nothing else in the package reads
the system's clock or sleeps.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from typing import Protocol


class Clock(Protocol):
    """What the package may ask about time."""

    def now(self) -> float:
        """Return seconds since an arbitrary start; never goes backwards."""
        ...

    def wall(self) -> float:
        """Return seconds since the Unix epoch, comparable with file modification times."""
        ...

    def wait(self, event: threading.Event | threading.Condition, timeout_s: float | None) -> bool:
        """Wait until the event is set, or the condition (held by the caller) notified; False when time ran out."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """Return the monotonic clock in seconds."""
        return time.monotonic()

    def wall(self) -> float:
        """Return seconds since the Unix epoch."""
        return time.time()

    def wait(self, event: threading.Event | threading.Condition, timeout_s: float | None) -> bool:
        """Block the calling thread for at most `timeout_s`; None waits for as long as it takes."""
        return event.wait(timeout_s)


def utc(wall_s: float) -> str:
    """Return a moment for a person: `2026-11-25 15:14:00 UTC` for seconds since the Unix epoch."""
    return datetime.fromtimestamp(wall_s, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
