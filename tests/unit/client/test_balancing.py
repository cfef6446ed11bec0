"""Whose turn it is."""

from __future__ import annotations

import pytest

from seaway.client.balancing import HEALTHY, Health, after_failure, has_another, pick

OUT = Health(1, 20.0)
LONGER_OUT = Health(3, 30.0)


@pytest.mark.parametrize(
    ("healths", "turn", "asked", "expected"),
    [
        pytest.param([HEALTHY, HEALTHY, HEALTHY], 4, (), 1, id="in-turn"),
        pytest.param([HEALTHY, OUT, HEALTHY], 1, (), 2, id="leaves-out-what-failed"),
        pytest.param([HEALTHY, HEALTHY], 0, (0,), 1, id="not-one-that-was-asked"),
        pytest.param([HEALTHY, OUT], 0, (0,), 0, id="rather-one-that-works-than-one-that-was-not-asked"),
        pytest.param([LONGER_OUT, OUT], 0, (), 1, id="all-out-the-first-to-return"),
        pytest.param([OUT, LONGER_OUT], 0, (0,), 1, id="all-out-one-that-was-not-asked"),
        pytest.param([Health(2, 10.0), HEALTHY], 0, (), 0, id="tried-again-when-its-time-is-over"),
    ],
)
def test_the_next_address(healths: list[Health], turn: int, asked: tuple[int, ...], expected: int) -> None:
    assert pick(healths, turn, 10.0, asked) == expected


def test_another_address_is_one_that_works_and_was_not_asked() -> None:
    assert has_another([HEALTHY, HEALTHY], 10.0, [0])
    assert not has_another([HEALTHY, OUT], 10.0, [0])


def test_an_address_is_left_out_twice_as_long_each_time_and_not_for_ever() -> None:
    health, spans = HEALTHY, []
    for _ in range(7):
        now = health.out_until_s
        health = after_failure(health, now)
        spans.append(health.out_until_s - now)
    assert spans == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_calls_that_fail_together_count_once() -> None:
    once = after_failure(HEALTHY, 10.0)
    assert after_failure(once, 10.5) == once
