"""What becomes of a batch after a try to send it, and when the next try is. Pure.

Source: https://prometheus.io/docs/specs/prw/remote_write_spec/ ("Retries & Backoff"): an answer of 5xx is tried again,
429 may be, any other of 4xx must not.
"""

from __future__ import annotations

import enum
from email.utils import parsedate_to_datetime

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
LONGEST_ASKED_S = 300.0
"""A receiver that asks for a longer pause is asked again after so long."""
_TOO_MANY = 429


class Fate(enum.Enum):
    """What a try was."""

    SENT = "sent"
    AGAIN = "failed"
    DROPPED = "dropped"


def fate(status: int) -> Fate:
    """Return what an answer means; 0 is none. A redirect is not followed: the name of another host is a mistake."""
    if 200 <= status < 300:  # noqa: PLR2004 - the ranges of HTTP
        return Fate.SENT
    return Fate.AGAIN if status in {0, _TOO_MANY} or status >= 500 else Fate.DROPPED  # noqa: PLR2004


def pause_s(tries: int, asked: str, wall_s: float, draw: float) -> float:
    """Return how long to wait after so many tries that failed.

    Args:    asked - the header Retry-After, seconds or a date, empty if there is none. draw - a random number below 1.
    """
    wished = _asked_s(asked, wall_s)
    if wished is not None:
        return min(max(wished, FIRST_PAUSE_S), LONGEST_ASKED_S)
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(tries - 1, 16))
    # Many monitors that lost one receiver must not come back as one.
    return longest * (0.5 + draw / 2)


def _asked_s(text: str, wall_s: float) -> float | None:
    if text.strip().isdigit():
        return float(text)
    try:
        return parsedate_to_datetime(text).timestamp() - wall_s
    except (ValueError, TypeError, OverflowError):
        return None
