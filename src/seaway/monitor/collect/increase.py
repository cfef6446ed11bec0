"""From totals to what was added between two looks at one server. Pure.

A total that is smaller than before began again at 0 with its process, so it is itself what was added since. What was
added before the first look is of unknown time and counts nowhere; a series that appears later began at 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from seaway.monitor.collect.exposition import Exposition, Histogram, Labels
from seaway.monitor.point import Kind, Point, Sample, Series


def samples(before: Exposition | None, now: Exposition, at: int, extra: Labels) -> Iterator[Sample]:
    """Yield what happened between two looks, each series with the labels of its server added.

    A counter or histogram to which nothing was added is left out: a sum misses nothing by it.

    Args:    before - None for the first look. at - when the second took place, in milliseconds since the Unix epoch.
    """
    for (name, labels), value in now.gauges.items():
        yield Sample(
            Series(name, with_server(labels, extra), Kind.GAUGE), Point(at, value, number=1.0, low=value, high=value)
        )
    if before is None:
        return
    for who, total in now.counters.items():
        added = _added(before.counters.get(who, 0.0), total)
        if added > 0:
            yield Sample(Series(who[0], with_server(who[1], extra), Kind.COUNTER), Point(at, added))
    for who, histogram in now.histograms.items():
        if histogram is before.histograms.get(who):
            continue
        point = _added_to(before.histograms.get(who), histogram, at)
        if point is not None:
            yield Sample(Series(who[0], with_server(who[1], extra), Kind.HISTOGRAM, histogram.bounds), point)


def _added(before: float, now: float) -> float:
    return now - before if now >= before else now


def _added_to(before: Histogram | None, now: Histogram, at: int) -> Point | None:
    if before is None or before.bounds != now.bounds or now.number < before.number:
        before = Histogram(now.bounds, (0.0,) * len(now.bounds), 0.0, 0.0)
    count = now.number - before.number
    if count <= 0:
        return None
    up_to = [new - old for new, old in zip(now.totals, before.totals, strict=True)]
    edges = [0.0, *up_to, count]
    # Lines are written one after another while requests end, so neighbours may disagree by a few for a moment.
    buckets = [max(0.0, high - low) for low, high in pairwise(edges)]
    return Point(at, max(0.0, now.sum - before.sum), count, buckets=buckets)


def with_server(labels: Labels, extra: Labels) -> Labels:
    """Return the labels of a series with those of its server."""
    names = {name for name, _ in extra}
    # As in Prometheus: what the collector knows wins, and a server's own label of that name is kept beside it.
    own = ((f"exported_{name}" if name in names else name, value) for name, value in labels)
    return tuple(sorted((*own, *extra)))
