"""What one series did between two looks at it, and who the series is.

A counter and a histogram are kept as what was added since the look before, never as totals: additions of replicas and
of moments add up, so that a sum over any of them is exact, and a restarted process needs no care later on.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple


class Kind(enum.IntEnum):
    """How values of a series are joined. The numbers are in the store's files."""

    COUNTER = 1
    GAUGE = 2
    HISTOGRAM = 3


class Series(NamedTuple):
    """Who it is. `labels` are sorted by name; `bounds` are a histogram's upper bounds without the infinite one."""

    name: str
    labels: tuple[tuple[str, str], ...]
    kind: Kind
    bounds: tuple[float, ...] = ()


class Point(NamedTuple):
    """What a series did until `at`.

    counter      `value` was added.
    gauge        `number` values were seen; `value` is their sum, `low` and `high` the smallest and largest.
    histogram    `number` observations of the sum `value` were added, `buckets` by bucket (one more than the bounds).

    Units:   at in milliseconds since the Unix epoch.
    """

    at: int
    value: float
    number: float = 1.0
    low: float = 0.0
    high: float = 0.0
    buckets: Sequence[float] = ()


class Sample(NamedTuple):
    """One point of one series."""

    series: Series
    point: Point


class Change(NamedTuple):
    """A counter or histogram that came, or that was seen last, at a moment; as of `Point`."""

    series: Series
    at: int
    is_there: bool


def joined(points: Sequence[Point], at: int) -> Point:
    """Return what several points of one series say together, as of `at`; at least one is needed. Pure."""
    buckets: Sequence[float] = ()
    if points[0].buckets:
        buckets = [sum(counts) for counts in zip(*(point.buckets for point in points), strict=True)]
    return Point(
        at,
        sum(point.value for point in points),
        sum(point.number for point in points),
        min(point.low for point in points),
        max(point.high for point in points),
        buckets,
    )
