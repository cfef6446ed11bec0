"""Wait for what must happen, by asking again and again, and fail with the last answer when it does not.

End-to-end tests never sleep for a guessed time: they state what must become true and how long it may take at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0


class NotInTime(AssertionError):
    """What had to happen did not; the message carries the last answer."""


def eventually(ask: Callable[[], T], holds: Callable[[T], object], what: str, limit_s: float = 60.0) -> T:
    """Return the first answer for which `holds` is true; an exception of `ask` counts as an answer that is not.

    Raises: NotInTime - no answer held within the limit.
    """
    end = time.monotonic() + limit_s
    while True:
        begun = time.monotonic()
        last: object
        try:
            answer = ask()
            if holds(answer):
                return answer
            last = answer
        except Exception as error:
            last = repr(error)
        now = time.monotonic()
        if now > end:
            raise NotInTime(f"not within {limit_s:g} s: {what}; the last answer was {last}")
        # A question that takes a whole process is asked half of the time at most: the machine has other things to do.
        time.sleep(min(max(PAUSE_S, now - begun), LONGEST_PAUSE_S))


def true_soon(ask: Callable[[], object], what: str, limit_s: float = 60.0) -> None:
    """Wait until the question is answered with something true."""
    eventually(ask, bool, what, limit_s)
