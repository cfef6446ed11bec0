"""What a plan says, done: single measurements, comparisons and searches. No decision is made here.

measure_once   scrape · load · scrape
compare        A B A B …, a pair per round
find_max       decide (search.py) · load at that rate · judge (objective.py) · again, until found or out of time
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seaway.bench import search, stages
from seaway.bench.comparison import Pair
from seaway.bench.generator import Load, Measurement, OnProgress, measure
from seaway.bench.objective import Objective, violations
from seaway.bench.request import Request
from seaway.bench.target import Target
from seaway.errors import Unavailable

# A probe for the rate that a search starts from: with one request in flight, any server that can be measured keeps up.
_PROBE_S = 1.0
_PROBE_SHARE = 0.5
# How long a trial's answers are awaited, in multiples of the slowest latency that would still do.
_GRACE_FACTOR = 10.0
_LEAST_GRACE_S = 1.0


@dataclass(frozen=True, slots=True)
class Subject:
    """One server, and how it is asked."""

    target: Target
    request: Request
    model: str
    metrics: Target | None
    allow_remote: bool = False


@dataclass(frozen=True, slots=True)
class TrialRun:
    """A rate that was tried, what was measured, and how it broke the objective if it did."""

    measured: Measurement
    why: str
    violations: tuple[str, ...]

    @property
    def trial(self) -> search.Trial:
        """What the decision needs to know of it."""
        return search.Trial(self.measured.rate or 0.0, not self.violations)


@dataclass(frozen=True, slots=True)
class SearchRun:
    """A search for the highest rate: its answer, and every trial on the way."""

    objective: Objective
    answer: search.Found | search.NotFound
    trials: tuple[TrialRun, ...]
    seconds: float


Watch = Callable[[str, Load], OnProgress]
"""Told what is measured next, gives whom to tell how far it is."""


def measure_once(subject: Subject, load: Load, on_progress: OnProgress) -> Measurement:
    """Measure one load, with the server's stages where it tells them.

    Raises:  Unavailable - it cannot be reached.
    """
    before = stages.read_totals(subject.metrics, subject.model, subject.target.api)
    measured = measure(subject.target, subject.request, load, subject.allow_remote, on_progress)
    after = stages.read_totals(subject.metrics, subject.model, subject.target.api)
    return measured.with_stages(stages.stage_micros(before, after))


def require_success(measured: Measurement) -> Measurement:
    """Return the measurement if it says anything.

    Raises:  Unavailable - not one request succeeded; tells how they failed.
    """
    if measured.succeeded:
        return measured
    kinds = ", ".join(f"{count} x {code}" for code, count in measured.failures.items()) or "no answer"
    raise Unavailable(f"not one request to {measured.target} succeeded: {kinds}: {measured.first_failure or ''}")


def compare(a: Subject, b: Subject, load: Load, rounds: int, watch: Watch) -> Sequence[Pair]:
    """Measure two servers in turn and return the pairs; an interrupt ends it with the pairs that are complete.

    Raises:  Unavailable - one of them answers nothing.
    """
    pairs: list[Pair] = []
    for number in range(1, rounds + 1):
        both = []
        for name, subject in (("A", a), ("B", b)):
            title = f"{name} {number}/{rounds}"
            measured = measure_once(subject, load, watch(title, load))
            if measured.interrupted:
                return pairs
            both.append(require_success(measured))
        pairs.append(Pair(*both))
    return pairs


def find_max(  # noqa: PLR0913, PLR0917 - what is searched for, where, for how long; the clock is an argument
    subject: Subject, load: Load, objective: Objective, limit_s: float, now: Callable[[], float], watch: Watch
) -> SearchRun:
    """Search the highest rate that keeps the objective, for `limit_s` seconds at most and one trial more.

    The search starts at the load's rate, or at half of what one request in flight at a time reaches.

    Raises:  Unavailable - the server answers nothing.
    """
    began = now()
    limits = search.Limits(start=load.rate or _probe(subject, load, watch))
    slowest = max(bound.micros for bound in objective.bounds) / 1e6
    patient = dataclasses.replace(load, grace_s=max(_LEAST_GRACE_S, slowest * _GRACE_FACTOR))
    runs: list[TrialRun] = []
    step = search.decide([], limits)
    while isinstance(step, search.Try):
        late = now() - began > limit_s
        tried = None if late else _try(subject, patient, step, objective, watch)
        if tried is None or tried.measured.interrupted:
            step = search.best_so_far([run.trial for run in runs], limits)
            break
        runs.append(tried)
        step = search.decide([run.trial for run in runs], limits)
    return SearchRun(objective, step, tuple(runs), now() - began)


def _probe(subject: Subject, load: Load, watch: Watch) -> float:
    closed = dataclasses.replace(load, rate=None, in_flight=1, duration_s=_PROBE_S, count=None)
    measured = require_success(measure_once(subject, closed, watch("probe", closed)))
    return measured.per_second * _PROBE_SHARE


def _try(subject: Subject, load: Load, step: search.Try, objective: Objective, watch: Watch) -> TrialRun:
    at_rate = dataclasses.replace(load, rate=step.rate)
    measured = measure_once(subject, at_rate, watch(f"{step.rate:g}/s", at_rate))
    return TrialRun(measured, step.why, tuple(violations(objective, measured)))
