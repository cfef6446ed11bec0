"""What a figure is worth beside its reference: pure, so that a table of cases can test it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Met = Literal["yes", "in part", "no", ""]


@dataclass(frozen=True, slots=True)
class Reference:
    """A stated figure, or a range where the statement is one."""

    low: float
    high: float

    @staticmethod
    def of(figure: float) -> Reference:
        """A single figure."""
        return Reference(figure, figure)


@dataclass(frozen=True, slots=True)
class Target:
    """How a figure must relate to its reference: at least `factor` times it, or at most where less is better."""

    factor: float
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The ratio to the lower and to the upper end of the reference, and whether the target is met.

    A reference that is a range is met in part when the target is met for one end of it only.
    """

    to_low: float
    to_high: float
    met: Met


def judge(figure: float, reference: Reference, target: Target | None) -> Verdict:
    """Compare a figure with its reference; without a target there is nothing to be met."""
    to_low, to_high = figure / reference.low, figure / reference.high
    if target is None:
        return Verdict(to_low, to_high, "")
    holds = [ratio <= target.factor if target.at_most else ratio >= target.factor for ratio in (to_low, to_high)]
    return Verdict(to_low, to_high, "yes" if all(holds) else "in part" if any(holds) else "no")


@dataclass(frozen=True, slots=True)
class Spread:
    """Repeated measurements of one thing."""

    median: float
    lowest: float
    highest: float


def spread(figures: Sequence[float]) -> Spread:
    """Return the median and the extremes."""
    return Spread(statistics.median(figures), min(figures), max(figures))


def grows(samples: Sequence[float], tolerance: float = 0.1) -> bool:
    """Whether the second half of a series went above the first half's highest by more than `tolerance` of it."""
    middle = len(samples) // 2
    if middle == 0:
        return False
    return max(samples[middle:]) > max(samples[:middle]) * (1 + tolerance)
