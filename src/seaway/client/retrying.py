"""Whether a call that failed is made again, when, and out of which budget.

Pure, but for the budget, which remembers. A server that is down makes every client retry at once; the budget is what
keeps retries from becoming its load: they stop while fewer than half of the tokens are left.

    UNAVAILABLE          again, at once where another address is left, after a back-off otherwise
    RESOURCE_EXHAUSTED   again, after a back-off that is at least what the server asks for
    anything else        never

Source: gRFC A6, "Throttling Retry Attempts and Hedged RPCs" and "Exponential Backoff".
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from seaway.client.exchange import Refusal
from seaway.client.options import RetryPolicy


@dataclass(frozen=True, slots=True)
class Attempt:
    """How far a call is when it fails."""

    number: int
    """1 is the first."""
    remaining_s: float
    """Until the caller's deadline."""
    other_address: bool = False
    """Whether there is an address that works and was not asked yet."""
    may_repeat: bool = True


def delay_before_retry(attempt: Attempt, refusal: Refusal, policy: RetryPolicy, chance: float) -> float | None:
    """Return the seconds to wait before the call is made again; None gives up.

    Units:   chance in [0, 1), drawn by the caller.
    """
    if not attempt.may_repeat or not refusal.is_passing or attempt.number >= policy.max_attempts:
        return None
    if refusal.blames_address and attempt.other_address:
        return 0.0
    backoff = policy.initial_backoff_s * policy.backoff_multiplier ** (attempt.number - 1)
    delay = chance * min(backoff, policy.max_backoff_s)
    if not attempt.other_address:
        delay = max(delay, refusal.retry_after_s or 0.0)
    return delay if delay < attempt.remaining_s else None


class Budget:
    """The tokens that retries and hedges of one client share."""

    def __init__(self, policy: RetryPolicy) -> None:
        """Start with all of them."""
        self._most = policy.budget_tokens
        self._per_success = policy.budget_per_success
        self._tokens = policy.budget_tokens
        self._lock = threading.Lock()

    @property
    def tokens(self) -> float:
        """How many are left."""
        return self._tokens

    def take(self) -> bool:
        """Count a failure, and return whether a retry is allowed."""
        with self._lock:
            self._tokens = max(0.0, self._tokens - 1)
            return self._tokens > self._most / 2

    def has_room(self) -> bool:
        """Whether a second request is allowed; it takes no token, since nothing has failed."""
        return self._tokens > self._most / 2

    def put_back(self) -> None:
        """Count an answer."""
        if self._tokens < self._most:  # without a lock: nearly every call ends here, and the next one sees a late token
            with self._lock:
                self._tokens = min(self._most, self._tokens + self._per_success)


Chance = Callable[[], float]
