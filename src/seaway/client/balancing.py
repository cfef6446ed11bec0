"""Which address is asked next.

Pure. In turn, leaving out those that failed a moment ago: an address that was not to be reached is left out for a
second, twice as long each time it fails again, and is then simply in turn once more; a request that finds it still dead
goes on to the next one. With none left, the one that has been out the longest is tried: no answer is worse than a try.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

FIRST_EJECTION_S = 1.0
LONGEST_EJECTION_S = 30.0


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of one address."""

    failures: int = 0
    """In a row."""
    out_until_s: float = 0.0


HEALTHY = Health()


def pick(healths: Sequence[Health], turn: int, now_s: float, asked: Collection[int] = ()) -> int:
    """Return the address whose turn it is: the first from `turn` on that works and was not asked in this call.

    Units:   now_s on the clock of `out_until_s`.
    """
    order = [(turn + step) % len(healths) for step in range(len(healths))]
    works = [index for index in order if healths[index].out_until_s <= now_s]
    fresh = [index for index in works if index not in asked]
    if fresh or works:
        return (fresh or works)[0]
    return min(order, key=lambda index: (index in asked, healths[index].out_until_s))


def has_another(healths: Sequence[Health], now_s: float, asked: Collection[int]) -> bool:
    """Whether an address is left that works and was not asked in this call."""
    return any(index not in asked and health.out_until_s <= now_s for index, health in enumerate(healths))


def after_failure(health: Health, now_s: float) -> Health:
    """Return what is known of an address that could not be reached.

    Calls that were under way at the same time fail together: they count as one.
    """
    if health.out_until_s > now_s:
        return health
    out_s = min(FIRST_EJECTION_S * 2**health.failures, LONGEST_EJECTION_S)
    return Health(health.failures + 1, now_s + out_s)
