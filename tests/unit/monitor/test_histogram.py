"""Quantiles from buckets: within the bounds that are stated, whatever the numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.monitor.histogram import coarser, common_bounds, quantile

BOUNDS = [10e-6 * math.sqrt(2) ** n for n in range(47)]


def buckets(values: list[float]) -> list[float]:
    counts = [0.0] * (len(BOUNDS) + 1)
    for value in values:
        counts[next((n for n, bound in enumerate(BOUNDS) if value <= bound), len(BOUNDS))] += 1
    return counts


@given(st.lists(st.floats(10e-6, 80.0), min_size=1, max_size=200), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_the_estimate_is_within_the_stated_error(values: list[float], share: float) -> None:
    true = sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
    found = quantile(share, BOUNDS, buckets(values))
    assert found is not None
    assert found.low <= true * (1 + 1e-9)
    assert true <= found.high * (1 + 1e-9)
    if true > BOUNDS[0]:
        assert 0.70 <= found.estimate / true <= 1.415


@given(st.lists(st.floats(1e-5, 100.0), max_size=50), st.lists(st.floats(1e-5, 100.0), max_size=50))
def test_buckets_of_two_replicas_add_up(left: list[float], right: list[float]) -> None:
    added = [a + b for a, b in zip(buckets(left), buckets(right), strict=True)]
    assert quantile(0.9, BOUNDS, added) == quantile(0.9, BOUNDS, buckets(left + right))


@pytest.mark.parametrize(
    ("share", "bounds", "counts", "expected"),
    [
        pytest.param(0.5, [1.0, 2.0], [0.0, 0.0, 0.0], None, id="nothing"),
        pytest.param(0.5, [1.0, 2.0], [4.0, 0.0, 0.0], (0.5, 0.0, 1.0), id="first-bucket"),
        pytest.param(0.99, [1.0, 2.0], [0.0, 0.0, 1.0], (2.0, 2.0, math.inf), id="beyond"),
        pytest.param(1.0, [1.0, 2.0], [1.0, 1.0, 0.0], (2.0, 1.0, 2.0), id="largest"),
    ],
)
def test_edges(share: float, bounds: list[float], counts: list[float], expected: tuple[float, ...] | None) -> None:
    assert quantile(share, bounds, counts) == expected


def test_different_layouts_meet_in_the_bounds_that_they_share() -> None:
    shared = common_bounds([(1.0, 2.0, 4.0), (1.0, 4.0, 8.0)])
    assert shared == (1.0, 4.0)
    assert coarser((1.0, 2.0, 4.0), [1, 2, 3, 4], shared) == [1, 5, 4]
    assert coarser((1.0, 4.0, 8.0), [1, 2, 3, 4], shared) == [1, 2, 7]
