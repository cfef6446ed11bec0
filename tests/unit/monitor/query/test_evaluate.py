"""Questions in PromQL, each with the answer that is known from what was written."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from seaway.errors import InvalidArgument
from seaway.monitor.point import Change, Kind, Point, Sample, Series
from seaway.monitor.query.evaluate import query, query_range, rows
from seaway.monitor.store.store import Store

BEGIN = 1_700_000_100_000
END = BEGIN + 600_000


def series(name: str, kind: Kind = Kind.COUNTER, bounds: tuple[float, ...] = (), **labels: str) -> Series:
    return Series(name, tuple(sorted(labels.items())), kind, bounds)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Ten minutes of two replicas: a answers 10 a second, b 20 of which one in ten fails, slowly."""
    store = Store(tmp_path_factory.mktemp("query") / "monitor.db")
    bounds = (0.1, 0.2, 0.4)
    for at in range(BEGIN + 10_000, END + 1, 10_000):
        store.append(
            [
                Sample(series("requests_total", model="m", instance="a", code="OK"), Point(at, 100.0)),
                Sample(series("requests_total", model="m", instance="b", code="OK"), Point(at, 180.0)),
                Sample(series("requests_total", model="m", instance="b", code="INTERNAL"), Point(at, 20.0)),
                Sample(
                    series("seconds", Kind.HISTOGRAM, bounds, model="m", instance="a"),
                    Point(at, 5.0, 100.0, buckets=[100.0, 0.0, 0.0, 0.0]),
                ),
                Sample(
                    series("seconds", Kind.HISTOGRAM, bounds, model="m", instance="b"),
                    Point(at, 60.0, 200.0, buckets=[0.0, 100.0, 100.0, 0.0]),
                ),
                Sample(series("depth", Kind.GAUGE, instance="a"), Point(at, 3.0, low=3.0, high=3.0)),
                Sample(series("depth", Kind.GAUGE, instance="b"), Point(at, 7.0, low=7.0, high=7.0)),
            ]
        )
    store.append([Sample(series("gone", Kind.GAUGE, instance="a"), Point(BEGIN + 1, 3.0, low=3.0, high=3.0))])
    # Two that are there and to which nothing is added, and one that went after a minute.
    idle = [series("idle_total", instance="a"), series("idle_seconds", Kind.HISTOGRAM, (0.1, 0.2), instance="a")]
    store.append(
        [],
        [
            *(Change(each, BEGIN + 10_000, True) for each in idle),
            Change(series("went_total"), BEGIN + 10_000, True),
            Change(series("went_total"), BEGIN + 60_000, False),
        ],
    )
    yield store
    store.close()


CASES = [
    ("rate(idle_total[1m])", {"instance=a": 0.0}),
    ("increase(idle_seconds_count[1m])", {"instance=a": 0.0}),
    ("increase(idle_seconds_sum[1m])", {"instance=a": 0.0}),
    ("increase(idle_seconds_bucket[1m])", {f"instance=a,le={le}": 0.0 for le in ("0.1", "0.2", "+Inf")}),
    ("histogram_quantile(0.5, sum by (le) (rate(idle_seconds_bucket[1m])))", {}),
    ("rate(idle_total[1m] offset 9m)", {"instance=a": 0.0}),
    ("rate(idle_total[1m] offset 10m)", {}),
    ("absent(rate(idle_total[1m]))", {}),
    ("rate(went_total[1m])", {}),
    ("rate(went_total[1m] offset 9m)", {"": 0.0}),
    ("rate(went_total[9m] offset 1m)", {"": 0.0}),
    ("1 + 2 * 3", 7.0),
    ("-(2 ^ 3)", -8.0),
    ("rate(requests_total{instance='a'}[1m])", {"code=OK,instance=a,model=m": 10.0}),
    ("sum(rate(requests_total[1m]))", {"": 30.0}),
    ("sum by (instance) (increase(requests_total[5m]))", {"instance=a": 3000.0, "instance=b": 6000.0}),
    ("sum without (instance, code) (rate(requests_total[1m]))", {"model=m": 30.0}),
    (
        'sum by (model) (rate(requests_total{code!="OK"}[1m])) / sum by (model) (rate(requests_total[1m]))',
        {"model=m": 2.0 / 30.0},
    ),
    ("rate(seconds_count[1m])", {"instance=a,model=m": 10.0, "instance=b,model=m": 20.0}),
    (
        "sum by (instance) (rate(seconds_sum[1m])) / sum by (instance) (rate(seconds_count[1m]))",
        {"instance=a": 0.05, "instance=b": 0.3},
    ),
    ('rate(seconds_bucket{instance="b",le="0.2"}[1m])', {"instance=b,le=0.2,model=m": 10.0}),
    ("histogram_quantile(0.5, sum by (le) (rate(seconds_bucket[1m])))", {"": 0.1 * 2**0.5}),
    ("histogram_quantile(1, sum by (le, instance) (rate(seconds_bucket[1m])))", {"instance=a": 0.1, "instance=b": 0.4}),
    ("depth", {"instance=a": 3.0, "instance=b": 7.0}),
    ("depth > 5", {"instance=b": 7.0}),
    ("depth > bool 5", {"instance=a": 0.0, "instance=b": 1.0}),
    ("avg(depth)", {"": 5.0}),
    ("min(depth) + max(depth) + count(depth)", {"": 12.0}),
    ("max_over_time(depth[5m])", {"instance=a": 3.0, "instance=b": 7.0}),
    ("clamp_max(depth, 5)", {"instance=a": 3.0, "instance=b": 5.0}),
    ("depth and on (instance) (depth > 5)", {"instance=b": 7.0}),
    ("depth unless on (instance) (depth > 5)", {"instance=a": 3.0}),
    ('depth{instance="a"} or depth', {"instance=a": 3.0, "instance=b": 7.0}),
    ("depth and on () (depth > 5)", {"instance=a": 3.0, "instance=b": 7.0}),
    ("vector(1) and on () (requests > 0 or depth > 5)", {"": 1.0}),
    ("(depth > 5) or vector(2)", {"instance=b": 7.0, "": 2.0}),
    ("(depth > 50) or vector(2)", {"": 2.0}),
    ("(depth > 5) or depth", {"instance=a": 3.0, "instance=b": 7.0}),
    ("vector(14) / on () (depth > 5)", {"": 2.0}),
    ('absent(nothing{a="b",c=~"d"})', {"a=b": 1.0}),
    ("gone", {}),
    ("absent(gone)", {"": 1.0}),
    ("absent(depth)", {}),
    ("vector(4)", {"": 4.0}),
    ("depth offset 5m", {"instance=a": 3.0, "instance=b": 7.0}),
    ('{__name__="depth",instance=~"a|c"}', {"instance=a": 3.0}),
    ("2 > bool 1", 1.0),
    ("rate(nothing_total[1m])", {}),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_answers(store: Store, text: str, expected: float | dict[str, float]) -> None:
    found = query(store, text, END)
    if isinstance(found, float):
        assert found == expected
        return
    named = {
        ",".join(f"{name}={value}" for name, value in labels.items()): pairs[0][1]
        for labels, pairs in rows(found, [END])
    }
    assert named == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rate(", "is no PromQL"),
        ("requests_total", "additions are kept, not totals"),
        ("rate(depth[1m])", "depth is a gauge"),
        ("topk(3, depth)", "the aggregation topk is not among"),
        ("deriv(depth[1m])", "the function deriv is not among"),
        ("depth / on () group_left requests", "group_left"),
        ("requests_total[5m]", "inside a function"),
        ("sum(1)", "expected type vector"),
        ("depth + on () depth", "several series on the right are alike"),
        ("1 > 2", "must use BOOL"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(store: Store, text: str, said: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        query(store, text, END)
    assert said in caught.value.message


def test_a_range_has_no_value_before_a_counter_came_and_after_it_went(store: Store) -> None:
    moments, found = query_range(store, "rate(went_total[30s])", BEGIN, BEGIN + 120_000, 10_000)
    assert not isinstance(found, float)
    there = [(at - BEGIN) // 1000 for at, value in zip(moments.times, found[()], strict=True) if value == 0.0]
    assert there == [20, 30, 40, 50, 60, 70, 80]


def test_a_range_has_a_value_for_each_moment(store: Store) -> None:
    moments, found = query_range(store, "sum(rate(requests_total[1m]))", BEGIN, END, 60_000)
    ((labels, pairs),) = rows(found, list(moments.times))
    assert labels == {}
    assert [at for at, _ in pairs] == list(range(BEGIN, END + 1, 60_000))
    assert [value for _, value in pairs] == pytest.approx([0.0] + [30.0] * 10)


@pytest.mark.parametrize("by", ["by (le)", "by (instance, le)", "without (instance)", "without (model)"])
def test_the_short_way_to_a_quantile_is_the_long_one(store: Store, by: str) -> None:
    # A clamp that changes nothing keeps the question from being recognized.
    for share in (0.1, 0.5, 0.99):
        short = query(store, f"histogram_quantile({share}, sum {by} (rate(seconds_bucket[1m])))", END)
        long = query(store, f"histogram_quantile({share}, clamp_min(sum {by} (rate(seconds_bucket[1m])), 0))", END)
        assert not isinstance(short, float)
        assert not isinstance(long, float)
        assert short.keys() == long.keys() != set()
        for labels, values in short.items():
            assert values == pytest.approx(long[labels])


@pytest.mark.parametrize(("start", "end", "step"), [(1, 0, 1), (0, 1, 0), (0, 10**9, 1)])
def test_a_range_that_makes_no_sense_is_refused(store: Store, start: int, end: int, step: int) -> None:
    with pytest.raises(InvalidArgument):
        query_range(store, "1", start, end, step)


def test_a_replica_that_ended_keeps_its_share_of_the_past(store: Store) -> None:
    _, found = query_range(store, "sum(increase(requests_total[10m]))", END, END + 300_000, 300_000)
    assert not isinstance(found, float)
    assert list(found[()]) == pytest.approx([18_000.0, 9_000.0])
    assert np.isfinite(found[()]).all()
