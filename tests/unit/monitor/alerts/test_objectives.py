"""What a model promises becomes rules, which hold when it is broken and not before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.monitor.alerts.book import holding
from seaway.monitor.alerts.objectives import Promise, objective_rules
from seaway.monitor.point import Kind, Point, Sample, Series
from seaway.monitor.store.store import Store

NOW = 1_700_000_100_000
HOSTILE = 'm"} or vector(1) #'


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "monitor.db")
    yield store
    store.close()


def answered(store: Store, model: str, failed: float, seconds: float, memory: float) -> None:
    """A minute ago a thousand requests were answered."""
    at, labels = NOW - 60_000, (("api", "grpc"), ("model", model), ("version", "1"))
    requests = {code: tuple(sorted((*labels, ("code", code)))) for code in ("OK", "INTERNAL")}
    bounds = (0.1, 1.0)
    buckets = [100.0, 0.0, 0.0] if seconds <= 0.1 else [0.0, 100.0, 0.0]
    worker = (("kind", "pss"), ("model", model), ("version", "1"))
    store.append(
        [
            Sample(Series("seaway_requests_total", requests["OK"], Kind.COUNTER), Point(at, 1000 - failed)),
            Sample(Series("seaway_requests_total", requests["INTERNAL"], Kind.COUNTER), Point(at, failed)),
            Sample(
                Series("seaway_request_seconds", labels, Kind.HISTOGRAM, bounds),
                Point(at, 100 * seconds, 100.0, buckets=buckets),
            ),
            Sample(
                Series("seaway_worker_memory_bytes", worker, Kind.GAUGE), Point(at, memory, low=memory, high=memory)
            ),
        ]
    )


@pytest.mark.parametrize("model", ["digits", HOSTILE])
@pytest.mark.parametrize(
    ("failed", "seconds", "memory", "broken"),
    [
        pytest.param(10.0, 0.05, 900.0, [], id="kept"),
        pytest.param(30.0, 0.05, 900.0, ["ObjectiveErrors"], id="errors"),
        pytest.param(10.0, 0.5, 900.0, ["ObjectiveLatency"], id="latency"),
        pytest.param(10.0, 0.05, 1100.0, ["ObjectiveMemory"], id="memory"),
    ],
)
def test_a_rule_holds_when_its_promise_is_broken(
    store: Store, model: str, failed: float, seconds: float, memory: float, broken: list[str]
) -> None:
    answered(store, model, failed, seconds, memory)
    answered(store, "other", 500.0, 0.5, 5000.0)
    rules = objective_rules([Promise(model, 0.02, 0.2, 1000)])
    assert [rule.name for rule in rules if holding(store, rule, NOW / 1000)] == [f"{each} ({model})" for each in broken]


@pytest.mark.parametrize(("failed", "holds"), [(9.0, False), (10.0, True)])
def test_a_share_of_few_failures_is_no_broken_promise(store: Store, failed: float, holds: bool) -> None:
    answered(store, "quiet", failed, 0.05, 900.0)
    (rule,) = objective_rules([Promise("quiet", 0.002)])
    assert bool(holding(store, rule, NOW / 1000)) is holds


def test_what_is_not_promised_has_no_rule() -> None:
    assert [rule.name for rule in objective_rules([Promise("a", 0.01), Promise("b", 0.01)])] == [
        "ObjectiveErrors (a)",
        "ObjectiveErrors (b)",
    ]
