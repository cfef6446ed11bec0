"""Objectives as they are written, and measurements that keep or break them."""

from __future__ import annotations

from typing import Any

import pytest

from seaway.bench.objective import Bound, parse_objective, violations
from seaway.errors import InvalidArgument
from tests.support.bench_results import measured


def test_an_objective_is_one_bound_or_several() -> None:
    objective = parse_objective("p50=500us, p99.9=0.02s")
    assert objective.bounds == (Bound("p50", 500.0), Bound("p99.9", 20_000.0))
    assert [str(bound) for bound in objective.bounds] == ["p50=500us", "p99.9=20ms"]


@pytest.mark.parametrize("text", ["p99", "p99=20", "p98=20ms", "p99=-1ms", "p99=0ms", "", "p99=20ms,"])
def test_an_objective_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="p99=20ms"):
        parse_objective(text)


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        pytest.param({}, [], id="kept"),
        pytest.param({"latency": {"p99": 20_000.0}}, [], id="just-kept"),
        pytest.param({"latency": {"p99": 20_100.0}}, ["p99 20.1 ms > 20 ms"], id="too-slow"),
        pytest.param({"failed": 1}, [], id="one-in-a-thousand-may-fail"),
        pytest.param({"failed": 2}, ["2 of 1002 failed"], id="too-many-failures"),
        pytest.param({"unanswered": 3}, ["3 unanswered"], id="unanswered"),
        pytest.param({"rate": 1000.0}, ["500/s answered of 1000/s"], id="falls-behind"),
        pytest.param({"rate": 510.0}, [], id="keeps-up"),
        pytest.param({"succeeded": 0, "latency_micros": None}, ["nothing succeeded"], id="nothing"),
    ],
)
def test_a_measurement_keeps_or_breaks_an_objective(changes: dict[str, Any], broken: list[str]) -> None:
    assert list(violations(parse_objective("p99=20ms"), measured(**changes))) == broken


def test_few_poisson_arrivals_say_nothing_about_the_rate() -> None:
    slow = measured(rate=10.0, per_second=8.0, succeeded=16)
    assert list(violations(parse_objective("p99=20ms"), slow)) == []
