"""How objectives were kept, and what is left of the errors and the late answers that they allow. Pure.

It works on numbers that were counted already, and knows neither where they come from nor how they are shown. What is
counted is compared as counts: shares such as 1 - 0.999 are not exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from seaway.fleet.data import Data
from seaway.monitor.report.asked import Latency

_ROUNDING = 1e-6


class Budget(Data, frozen=True):
    """Availability and what is left of the errors that the objective allows: 1 all, 0 none, below 0 overdrawn."""

    objective: float
    attained: float
    is_met: bool
    allowed: float
    left: float


class LatencyBudget(Data, frozen=True):
    """The share of requests within a time; it lies between `at_least` and `at_most`, as buckets tell no more."""

    within_s: float
    objective: float
    attained: float
    at_least: float
    at_most: float
    is_met: bool
    left: float


def budget(requests: float, errors: float, objective: float) -> Budget:
    """Return how an availability was kept. Pure. At least one request is needed."""
    allowed = requests * (1 - objective)
    attained = 1 - errors / requests
    # What is bought with counts is compared as counts: 1 - 0.999 is not exact.
    return Budget(objective, attained, errors <= allowed + _ROUNDING, allowed, 1 - errors / allowed)


def budget_over_time(
    requests: Sequence[float | None], errors: Sequence[float | None], objective: float
) -> tuple[float | None, ...]:
    """Return what was left of the whole time's error budget after each step. Pure."""
    allowed = sum(each or 0.0 for each in requests) * (1 - objective)
    used, found = 0.0, []
    for each in errors:
        used += each or 0.0
        found.append(1 - used / allowed if allowed > 0 else None)
    return tuple(found)


def latency_budget(up_to: Mapping[float, float], wanted: Latency) -> LatencyBudget | None:
    """Return how a latency objective was kept, from how many requests took at most each bound. Pure.

    Between two bounds it is estimated on the logarithmic scale, as quantiles are; None without requests.
    """
    bounds = sorted(up_to)
    total = up_to.get(math.inf, max(up_to.values(), default=0.0))
    if total <= 0:
        return None
    low = max((bound for bound in bounds if bound <= wanted.within_s), default=0.0)
    high = min((bound for bound in bounds if bound >= wanted.within_s), default=math.inf)
    below, above = up_to.get(low, 0.0), up_to.get(high, total)
    share = below + (above - below) * _place(low, high, wanted.within_s)
    attained = share / total
    left = 1 - (1 - attained) / (1 - wanted.share)
    return LatencyBudget(wanted.within_s, wanted.share, attained, below / total, above / total, left > -_ROUNDING, left)


def _place(low: float, high: float, value: float) -> float:
    if high <= low or high == math.inf:  # Nothing is known above the last bound, so nothing is taken for granted.
        return 0.0
    return math.log(value / low) / math.log(high / low) if low > 0 else value / high
