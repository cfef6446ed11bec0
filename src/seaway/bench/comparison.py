"""Two servers measured in turn, A B A B …, and what their pairs say.

A machine drifts: what else it does, how warm it is. Each pair is measured within seconds, so its ratio drifts little;
the median of the ratios is the answer and their spread says how far to trust it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from seaway.bench.generator import Measurement

FIGURES: dict[str, Callable[[Measurement], float]] = {
    "answers per second": lambda measured: measured.per_second,
    "mean latency": lambda measured: measured.latency_micros.get("mean", 0.0),
    "p50 latency": lambda measured: measured.latency_micros.get("p50", 0.0),
    "p99 latency": lambda measured: measured.latency_micros.get("p99", 0.0),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """The two servers measured one right after the other."""

    a: Measurement
    b: Measurement


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure of B divided by A's: pair by pair, their median and their extremes."""

    figure: str
    pairs: tuple[float, ...]
    median: float
    lowest: float
    highest: float


def ratios(pairs: Sequence[Pair]) -> Sequence[Ratio]:
    """Return the ratios of every figure, without pairs in which a side has no value and figures without pairs."""
    found = []
    for name, value in FIGURES.items():
        each = tuple(value(pair.b) / value(pair.a) for pair in pairs if value(pair.a) > 0 and value(pair.b) > 0)
        if each:
            found.append(Ratio(name, each, median(each), min(each), max(each)))
    return found


def verdict(ratio: Ratio) -> str:
    """Return in words whether every pair says the same."""
    if ratio.lowest > 1:
        return "B higher in every pair"
    if ratio.highest < 1:
        return "B lower in every pair"
    return "within the spread"
