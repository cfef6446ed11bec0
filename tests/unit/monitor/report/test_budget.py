"""How objectives were kept, by tables."""

from __future__ import annotations

import math

import pytest

from seaway.monitor.report.asked import Latency
from seaway.monitor.report.budget import budget, budget_over_time, latency_budget


@pytest.mark.parametrize(
    ("requests", "errors", "attained", "is_met", "left"),
    [(1000, 0, 1, True, 1), (1000, 1, 0.999, True, 0), (1000, 2, 0.998, False, -1), (10, 0, 1, True, 1)],
)
def test_budgets(requests: float, errors: float, attained: float, is_met: bool, left: float) -> None:
    found = budget(requests, errors, 0.999)
    assert (found.attained, found.left) == pytest.approx((attained, left), abs=1e-9)
    assert found.is_met == is_met


def test_a_budget_is_used_up_over_time() -> None:
    assert budget_over_time((50, None, 50), (0, None, 2), 0.99) == pytest.approx((1, 1, -1))
    assert budget_over_time((None, 0), (None, 0), 0.99) == (None, None)


@pytest.mark.parametrize(
    ("within", "attained", "at_least", "at_most"),
    [
        (0.1, 0.5, 0.5, 0.5),
        (0.2, 0.9, 0.9, 0.9),
        (0.1 * 2**0.5, 0.7, 0.5, 0.9),
        (0.05, 0.25, 0.0, 0.5),
        (5.0, 0.9, 0.9, 1.0),
    ],
)
def test_a_latency_objective_is_known_to_the_bucket(
    within: float, attained: float, at_least: float, at_most: float
) -> None:
    found = latency_budget({0.1: 50.0, 0.2: 90.0, math.inf: 100.0}, Latency(within, 0.9))
    assert found is not None
    assert (found.attained, found.at_least, found.at_most) == pytest.approx((attained, at_least, at_most))
    assert found.is_met == (attained >= 0.9)


def test_a_latency_objective_without_requests_is_none() -> None:
    assert latency_budget({}, Latency(0.1, 0.9)) is None
    assert latency_budget({0.1: 0.0, math.inf: 0.0}, Latency(0.1, 0.9)) is None
