"""What happens next to a message that is to be sent: pure functions, so that tables can test them.

They know no threads, files or clocks; delivery.py acts on what they return.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from seaway.errors import InvalidArgument, NotFound, PermissionDenied, Unauthenticated

# The address or the credentials are wrong: the same message fails the same way until somebody changes them.
LASTING = (InvalidArgument, NotFound, PermissionDenied, Unauthenticated)


class RetryPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often and how far apart: a pause is anything up to `first_s`, twice that, and so on up to `longest_s`."""

    max_tries: int = 8
    first_s: float = 2.0
    longest_s: float = 300.0

    def __post_init__(self) -> None:
        """Refuse what would never send or never pause.

        Raises:  InvalidArgument - a number is out of its bounds.
        """
        if self.max_tries < 1:
            raise InvalidArgument(f"max_tries is {self.max_tries}; it must be at least 1")
        if not 0 < self.first_s <= self.longest_s < float("inf"):
            raise InvalidArgument(
                f"first_s is {self.first_s:g} and longest_s is {self.longest_s:g}; "
                "both must be above 0, and longest_s at least first_s"
            )


@dataclass(frozen=True, slots=True)
class Sent:
    """It has arrived."""


@dataclass(frozen=True, slots=True)
class Again:
    """It is tried once more after a pause."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class Dead:
    """It is not tried any more by itself."""

    reason: str


def what_next(policy: RetryPolicy, tries: int, failure: Exception | None, jitter: float) -> Sent | Again | Dead:
    """Decide after an attempt; `tries` counts it too, `jitter` is a random number from 0 to 1."""
    if failure is None:
        return Sent()
    if isinstance(failure, LASTING):
        return Dead(f"trying again would not help: {failure}")
    if tries >= policy.max_tries:
        return Dead(f"tried {tries} times, at last: {failure}")
    return Again(longest_pause_s(policy, tries) * jitter)


def longest_pause_s(policy: RetryPolicy, tries: int) -> float:
    """Return the longest pause after so many tries that failed."""
    # 2.0**1024 is an overflow, and any pause is long before that as long as it may be.
    return min(policy.longest_s, policy.first_s * 2.0 ** min(tries - 1, 64))


@dataclass(frozen=True, slots=True)
class Turn:
    """What the order of messages needs to know of one: its group, and from when on it may be sent."""

    group: str
    due_at: float


def whose_turn(waiting: Sequence[Turn], now: float) -> tuple[int | None, float | None]:
    """Return which one is sent now, the oldest first, else None and for how long to wait; None when nothing waits.

    One that waits for its next try holds back those of its own group only: "resolved" must not arrive before
    "firing", and what one group cannot get through must not stop the others.
    """
    pause_s: float | None = None
    held: set[str] = set()
    for index, turn in enumerate(waiting):
        if turn.group in held:
            continue
        if turn.due_at <= now:
            return index, None
        held.add(turn.group)
        pause_s = turn.due_at - now if pause_s is None else min(pause_s, turn.due_at - now)
    return None, pause_s
