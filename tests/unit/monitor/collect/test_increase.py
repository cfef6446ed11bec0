"""From totals to additions."""

from __future__ import annotations

import pytest

from seaway.monitor.collect.exposition import Exposition, Histogram
from seaway.monitor.collect.increase import samples
from seaway.monitor.point import Kind, Point

EXTRA = (("instance", "a:1"),)
NOTHING = Exposition({}, {}, {})


def counted(value: float) -> Exposition:
    return Exposition({("requests", ()): value}, {}, {})


def measured(*totals: float, total: float, seconds: float) -> Exposition:
    return Exposition({}, {}, {("seconds", ()): Histogram((1.0, 2.0), totals, seconds, total)})


@pytest.mark.parametrize(
    ("before", "now", "added"),
    [
        pytest.param(counted(3), counted(10), 7.0, id="grew"),
        pytest.param(counted(10), counted(4), 4.0, id="began-again"),
        pytest.param(NOTHING, counted(4), 4.0, id="appeared"),
        pytest.param(counted(4), counted(4), None, id="stood-still"),
        pytest.param(None, counted(4), None, id="first-look"),
    ],
)
def test_counters(before: Exposition | None, now: Exposition, added: float | None) -> None:
    found = list(samples(before, now, 5, EXTRA))
    assert [sample.point.value for sample in found] == ([] if added is None else [added])
    assert all(sample.series.labels == EXTRA for sample in found)


@pytest.mark.parametrize(
    ("before", "now", "point"),
    [
        pytest.param(
            measured(1, 2, total=3, seconds=4.0),
            measured(1, 5, total=7, seconds=9.0),
            Point(5, 5.0, 4.0, buckets=[0.0, 3.0, 1.0]),
            id="grew",
        ),
        pytest.param(
            measured(8, 9, total=9, seconds=4.0),
            measured(1, 2, total=2, seconds=3.0),
            Point(5, 3.0, 2.0, buckets=[1.0, 1.0, 0.0]),
            id="began-again",
        ),
        pytest.param(
            measured(1, 2, total=3, seconds=4.0), measured(1, 2, total=3, seconds=4.0), None, id="stood-still"
        ),
    ],
)
def test_histograms(before: Exposition, now: Exposition, point: Point | None) -> None:
    found = list(samples(before, now, 5, EXTRA))
    assert [sample.point for sample in found] == ([] if point is None else [point])


def test_a_label_that_the_collector_sets_is_kept_beside_it() -> None:
    now = Exposition({}, {("up", (("instance", "liar"),)): 1.0}, {})
    (sample,) = samples(None, now, 5, EXTRA)
    assert sample.series.labels == (("exported_instance", "liar"), ("instance", "a:1"))
    assert sample.series.kind is Kind.GAUGE
