"""Which rate to try next in the search for the highest one that keeps an objective: a function of the trials so far.

Double until a rate breaks it (or halve until one keeps it), then bisect by ratio until the bracket is narrow. A hiccup
of the machine must not decide: a rate is broken only when two trials broke there, and the answer has to be kept twice.

    no trial ─► start ─► kept ─► twice as much … ─► broken twice ─► between … ─► narrow ─► kept once more ─► Found
                  └──► broken twice ─► half of it … ─► below the lowest ─► NotFound
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_CERTAIN = 2


@dataclass(frozen=True, slots=True)
class Trial:
    """A rate that was tried, and whether it kept the objective."""

    rate: float
    kept: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the search starts, between which rates it stays, and how narrow a bracket ends it."""

    start: float
    lowest: float = 1.0
    highest: float = 200_000.0
    precision: float = 0.05


@dataclass(frozen=True, slots=True)
class Try:
    """Measure this rate next."""

    rate: float
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """The highest rate that keeps the objective; not confirmed when time ran out before it was kept twice."""

    rate: float
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class NotFound:
    """Even the lowest rate breaks the objective."""

    lowest: float


def decide(trials: Sequence[Trial], limits: Limits) -> Try | Found | NotFound:
    """Return the next step of the search; the same trials always give the same step."""
    if not trials:
        return Try(_within(limits.start, limits), "start")
    doubtful = [rate for rate in _rates(trials) if _count(trials, rate, False) == 1 and not _count(trials, rate, True)]
    if doubtful:
        return Try(doubtful[0], "broken once: again")
    low, high = _bracket(trials)
    if high is None:
        return (
            _confirmed(trials, low) if low >= limits.highest else Try(_within(low * 2, limits), "kept: twice as much")
        )
    if low == 0.0:
        lower = _within(high / 2, limits)
        return NotFound(limits.lowest) if high <= limits.lowest else Try(lower, "broken: half of it")
    if high / low > 1 + limits.precision:
        return Try(_rounded(math.sqrt(low * high)), f"between {low:g} and {high:g}")
    return _confirmed(trials, low)


def best_so_far(trials: Sequence[Trial], limits: Limits) -> Found | NotFound:
    """Return what is known when time has run out."""
    low, _ = _bracket(trials)
    if low == 0.0:
        return NotFound(min((trial.rate for trial in trials), default=limits.lowest))
    return Found(low, confirmed=_count(trials, low, True) >= _CERTAIN)


def _confirmed(trials: Sequence[Trial], rate: float) -> Try | Found:
    return Found(rate) if _count(trials, rate, True) >= _CERTAIN else Try(rate, "confirm")


def _bracket(trials: Sequence[Trial]) -> tuple[float, float | None]:
    """The highest kept rate below every broken one (0 if none), and the lowest broken one."""
    broken = [rate for rate in _rates(trials) if _count(trials, rate, False) >= _CERTAIN]
    high = min(broken, default=None)
    kept = [trial.rate for trial in trials if trial.kept and (high is None or trial.rate < high)]
    return max(kept, default=0.0), high


def _rates(trials: Sequence[Trial]) -> list[float]:
    return list(dict.fromkeys(trial.rate for trial in trials))


def _count(trials: Sequence[Trial], rate: float, kept: bool) -> int:
    return sum(trial.rate == rate and trial.kept is kept for trial in trials)


def _within(rate: float, limits: Limits) -> float:
    return _rounded(min(max(rate, limits.lowest), limits.highest))


def _rounded(rate: float) -> float:
    """Three digits that matter: nobody reads more, and the bracket is never narrower."""
    return float(f"{rate:.3g}")
