"""Quantiles of latencies from buckets. Pure.

Buckets add up over replicas and over time, so a quantile of any group is read from the sum of its buckets and is known
to the bucket that it falls into. Within the bucket it is estimated on the logarithmic scale: with two buckets an
octave, as Seaway's servers have, the estimate is at most 41 % too high or 29 % too low, whatever the distribution; with
TensorFlow Serving's own (a factor of 1.8) at most 80 % or 44 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Quantile(NamedTuple):
    """An estimate, and the bounds that the true value lies within."""

    estimate: float
    low: float
    high: float


def quantile(share: float, bounds: Sequence[float], buckets: Sequence[float]) -> Quantile | None:
    """Return the value that a share of all observations does not exceed; None without observations.

    Args:    share - between 0 and 1. bounds - rising upper bounds; buckets - counts, one more than bounds.
    """
    total = sum(buckets)
    if total <= 0:
        return None
    rank, seen = share * total, 0.0
    for number, count in enumerate(buckets):
        if count > 0 and seen + count >= rank:
            return _within(bounds, number, max(0.0, (rank - seen) / count))
        seen += count
    return _within(bounds, len(bounds), 1.0)


def _within(bounds: Sequence[float], number: int, share: float) -> Quantile:
    if not bounds:
        return Quantile(math.nan, 0.0, math.inf)
    if number >= len(bounds):  # Nothing is known above the last bound but that it is above.
        return Quantile(bounds[-1], bounds[-1], math.inf)
    high = bounds[number]
    low = bounds[number - 1] if number else 0.0
    estimate = low * (high / low) ** share if low > 0 else high * share
    return Quantile(estimate, low, high)


def common_bounds(layouts: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Return the bounds that all layouts have; what lies between them is known of some only."""
    shared = set(layouts[0]).intersection(*layouts[1:]) if layouts else set()
    return tuple(sorted(shared))


def coarser(bounds: Sequence[float], buckets: Sequence[float], to: Sequence[float]) -> list[float]:
    """Return the same counts in fewer buckets; every bound of `to` is one of `bounds`."""
    if tuple(bounds) == tuple(to):
        return list(buckets)
    found, kept = [0.0] * (len(to) + 1), 0
    for number, count in enumerate(buckets):
        while kept < len(to) and (number >= len(bounds) or bounds[number] > to[kept]):
            kept += 1
        found[kept] += count
    return found
