"""The values of a selector at given moments, from what the store keeps. Pure but for reading the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seaway.errors import InvalidArgument
from seaway.monitor.point import Kind, Point
from seaway.monitor.question import Labels, Moments, Values, Vector
from seaway.monitor.store.store import Matcher, Run, Store

LOOKBACK_MS = 300_000
"""A gauge that was not seen for so long has no value any more, as in Prometheus."""
_PARTS = ("_bucket", "_sum", "_count")


class Selector(NamedTuple):
    """A name and what labels have to be. `offset_ms`: ask that much earlier."""

    name: str
    matchers: tuple[Matcher, ...]
    offset_ms: int = 0


def instant(store: Store, selector: Selector, moments: Moments) -> Vector:
    """Return the last value of each gauge.

    Raises:  InvalidArgument - the name is a counter's or a histogram's.
    """
    times = moments.times - selector.offset_ms
    # Rows as coarse as the step end up to a step before a moment.
    lookback = max(LOOKBACK_MS, moments.step_ms)
    found: Vector = {}
    for labels, points in _gauges(store, selector, times, lookback, moments.step_ms):
        at = np.array([point.at for point in points])
        value = np.array([point.value / point.number for point in points])
        last = np.searchsorted(at, times, "right") - 1
        seen = (last >= 0) & (at[last] > times - lookback)
        found[labels] = np.where(seen, value[last], np.nan)
    return found


def over_time(store: Store, selector: Selector, range_ms: int, moments: Moments, how: str) -> Vector:
    """Return what `how` says (`avg_over_time` and the like) of each gauge in the time before each moment."""
    times = moments.times - selector.offset_ms
    reduce = _REDUCTIONS[how]
    found: Vector = {}
    for labels, points in _gauges(store, selector, times, range_ms, _fineness(range_ms, moments)):
        at = np.array([point.at for point in points])
        begins, ends = np.searchsorted(at, times - range_ms, "right"), np.searchsorted(at, times, "right")
        found[labels] = np.array(
            [reduce(points[begin:end]) if end > begin else np.nan for begin, end in zip(begins, ends, strict=True)]
        )
    return found


def increase(store: Store, selector: Selector, range_ms: int, moments: Moments) -> Vector:
    """Return what was added to each counter in the time before each moment; exact, nothing is extrapolated.

    Of a histogram `x` there are `x_bucket` with the label `le`, `x_sum` and `x_count`.
    """
    times = moments.times - selector.offset_ms
    fineness = _fineness(range_ms, moments)
    for part in _PARTS:
        whole = selector.name.removesuffix(part)
        if whole != selector.name and any(each.kind is Kind.HISTOGRAM for each in store.series(whole)):
            return _of_histogram(store, selector._replace(name=whole), part, range_ms, times, fineness)
    found: Vector = {}
    for run in _runs(store, selector, times, range_ms, fineness, idle=True):
        if run.series.kind is not Kind.COUNTER:
            raise InvalidArgument(f"{selector.name} is a {run.series.kind.name.lower()}: {_FIT[run.series.kind]}")
        added = np.array([point.value for point in run.points])
        found[run.series.labels] = np.where(
            _there(run, range_ms, times), _windows(run.points, added[:, None], range_ms, times)[:, 0], np.nan
        )
    return found


class Buckets(NamedTuple):
    """What was added to one histogram: for each moment, how many observations up to each bound and in all."""

    labels: Labels
    bounds: tuple[float, ...]
    totals: Values


def bucket_increases(store: Store, selector: Selector, range_ms: int, moments: Moments) -> list[Buckets] | None:
    """Return what was added to the histograms of `x_bucket`; None for another name, and when `le` is asked for."""
    whole = selector.name.removesuffix("_bucket")
    if whole == selector.name or any(each.label == "le" for each in selector.matchers):
        return None
    times = moments.times - selector.offset_ms
    runs = _runs(store, selector._replace(name=whole), times, range_ms, _fineness(range_ms, moments))
    return [
        Buckets(run.series.labels, run.series.bounds, _bucket_totals(run, range_ms, times))
        for run in runs
        if run.series.kind is Kind.HISTOGRAM
    ]


def _bucket_totals(run: Run, range_ms: int, times: NDArray[np.int64]) -> Values:
    if not run.points:
        return np.zeros((len(times), len(run.series.bounds) + 1))
    counts = np.cumsum(np.array([point.buckets for point in run.points]), axis=1)
    return _windows(run.points, counts, range_ms, times)


def _of_histogram(  # noqa: PLR0913, PLR0917 - one question, taken apart
    store: Store, selector: Selector, part: str, range_ms: int, times: NDArray[np.int64], fineness: int
) -> Vector:
    about_le = tuple(each for each in selector.matchers if each.label == "le")
    others = selector._replace(matchers=tuple(each for each in selector.matchers if each.label != "le"))
    found: Vector = {}
    for run in _runs(store, others, times, range_ms, fineness, idle=True):
        labels, there = run.series.labels, _there(run, range_ms, times)
        if part != "_bucket":
            added = np.array([point.value if part == "_sum" else point.number for point in run.points])
            found[labels] = np.where(there, _windows(run.points, added[:, None], range_ms, times)[:, 0], np.nan)
            continue
        totals = _bucket_totals(run, range_ms, times)
        for number, bound in enumerate((*run.series.bounds, np.inf)):
            le = "+Inf" if np.isinf(bound) else format(bound, ".12g")
            if all(matcher.fits({"le": le}) for matcher in about_le):
                found[tuple(sorted((*labels, ("le", le))))] = np.where(there, totals[:, number], np.nan)
    return found


def _windows(points: Sequence[Point], added: Values, range_ms: int, times: NDArray[np.int64]) -> Values:
    """Return what was added in (time - range, time] for each time."""
    at = np.array([point.at for point in points], dtype=np.int64)
    summed = np.vstack([np.zeros((1, added.shape[1])), np.cumsum(added, axis=0)])
    begins, ends = np.searchsorted(at, times - range_ms, "right"), np.searchsorted(at, times, "right")
    found: Values = summed[ends] - summed[begins]
    return found


def _there(run: Run, range_ms: int, times: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell of each window whether the series was there for a part of it, or anything was added in it.

    A window in which it was only looked at once has no answer, as in Prometheus: nothing is known of the time between.
    """
    if run.seen is None:
        return np.ones(len(times), dtype=np.bool_)
    at = np.array([point.at for point in run.points], dtype=np.int64)
    there = np.searchsorted(at, times, "right") > np.searchsorted(at, times - range_ms, "right")
    for began, ended in run.seen:
        there |= (began < times) & (ended > times - range_ms) & (began < ended)
    return there


def _gauges(
    store: Store, selector: Selector, times: NDArray[np.int64], range_ms: int, fineness: int
) -> Iterator[tuple[Labels, list[Point]]]:
    for run in _runs(store, selector, times, range_ms, fineness):
        if run.series.kind is not Kind.GAUGE:
            raise InvalidArgument(f"{selector.name} is a {run.series.kind.name.lower()}: {_FIT[run.series.kind]}")
        yield run.series.labels, run.points


def _runs(  # noqa: PLR0913, PLR0917 - one question, taken apart
    store: Store,
    selector: Selector,
    times: NDArray[np.int64],
    range_ms: int,
    fineness: int,
    idle: bool = False,
) -> Iterator[Run]:
    """Yield one run per set of labels; a histogram whose bounds changed counts as of its newest form."""
    newest: dict[Labels, Run] = {}
    after, until = int(times[0]) - range_ms, int(times[-1])
    for run in store.read(selector.name, selector.matchers, after, until, fineness, idle):
        other = newest.get(run.series.labels)
        if other is None or _last(other) <= _last(run):
            newest[run.series.labels] = run
    yield from newest.values()


def _last(run: Run) -> int:
    """Return when a series was there last."""
    return max(run.points[-1].at if run.points else 0, run.seen[-1][1] if run.seen else 0)


def _fineness(range_ms: int, moments: Moments) -> int:
    """Return how coarse rows may be: a window's edges are off by at most a row, so four to a window at least."""
    return min(range_ms // 4, max(moments.step_ms, 1))


_FIT = {
    Kind.COUNTER: "additions are kept, not totals; ask for rate(…[5m]) or increase(…[5m])",
    Kind.GAUGE: "ask for it without rate() or increase(), or for avg_over_time(…[5m])",
    Kind.HISTOGRAM: "ask for rate() of its _bucket, _sum or _count",
}
_REDUCTIONS: dict[str, Callable[[Sequence[Point]], float]] = {
    "avg_over_time": lambda points: sum(each.value for each in points) / sum(each.number for each in points),
    "min_over_time": lambda points: min(each.low for each in points),
    "max_over_time": lambda points: max(each.high for each in points),
    "sum_over_time": lambda points: sum(each.value for each in points),
    "count_over_time": lambda points: sum(each.number for each in points),
    "last_over_time": lambda points: points[-1].value / points[-1].number,
}
OVER_TIME = frozenset(_REDUCTIONS)
