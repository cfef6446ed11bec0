"""Two servers in turn: ratios pair by pair, and when they say something."""

from __future__ import annotations

import pytest

from seaway.bench.comparison import Pair, Ratio, ratios, verdict
from tests.support.bench_results import measured


def test_ratios_are_taken_pair_by_pair() -> None:
    pairs = [
        Pair(measured(per_second=100.0), measured(per_second=200.0)),
        Pair(measured(per_second=50.0), measured(per_second=150.0)),
        Pair(measured(per_second=100.0), measured(per_second=250.0)),
    ]
    throughput = ratios(pairs)[0]
    assert throughput == Ratio("answers per second", (2.0, 3.0, 2.5), 2.5, 2.0, 3.0)
    assert [ratio.median for ratio in ratios(pairs)[1:]] == [1.0, 1.0, 1.0]


def test_a_side_without_a_value_leaves_its_pair_out() -> None:
    empty = measured(latency_micros=None, per_second=0.0, succeeded=0)
    assert [ratio.pairs for ratio in ratios([Pair(measured(), empty), Pair(measured(), measured())])] == [(1.0,)] * 4
    assert list(ratios([])) == []


@pytest.mark.parametrize(
    ("lowest", "highest", "words"),
    [
        pytest.param(1.1, 1.3, "B higher in every pair", id="higher"),
        pytest.param(0.7, 0.9, "B lower in every pair", id="lower"),
        pytest.param(0.9, 1.1, "within the spread", id="both"),
    ],
)
def test_only_pairs_that_agree_say_something(lowest: float, highest: float, words: str) -> None:
    assert verdict(Ratio("x", (), 1.0, lowest, highest)) == words
