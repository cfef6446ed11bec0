"""How many may begin, and when the next thing is due."""

from __future__ import annotations

import pytest

from seaway.repository.options import ManagerOptions
from seaway.repository.places import free_places, next_due_s
from seaway.repository.record import Record
from seaway.repository.states import State
from tests.support.fakes import aspired


@pytest.mark.parametrize(
    ("begun", "limit", "expected"),
    [
        pytest.param([], 0, 1, id="zero-is-one-after-another"),
        pytest.param([99.0], 0, 0, id="the-one-place-is-taken"),
        pytest.param([95.0], 0, 1, id="a-hanging-one-does-not-count"),
        pytest.param([99.0, 98.0], 4, 2, id="two-of-four-are-free"),
        pytest.param([99.0] * 9, 4, 0, id="never-negative"),
    ],
)
def test_free_places(begun: list[float], limit: int, expected: int) -> None:
    assert free_places(100.0, begun, limit, patience_s=5.0) == expected


@pytest.mark.parametrize(
    ("state", "busy_since_s", "due_s", "expected"),
    [
        pytest.param(State.START, None, None, None, id="nothing-is-due"),
        pytest.param(State.LOADING, None, 103.0, 3.0, id="the-next-attempt"),
        pytest.param(State.LOADING, None, 90.0, None, id="what-is-overdue-waits-for-a-place"),
        pytest.param(State.LOADING, 98.0, None, 3.0, id="the-end-of-patience"),
        pytest.param(State.LOADING, 90.0, None, 20.0, id="the-time-limit-of-a-load"),
        pytest.param(State.UNLOADING, 90.0, None, 10.0, id="the-time-limit-of-an-unload"),
    ],
)
def test_next_due(state: State, busy_since_s: float | None, due_s: float | None, expected: float | None) -> None:
    options = ManagerOptions(patience_s=5.0, load_timeout_s=30.0, unload_timeout_s=20.0)
    record = Record(aspired("m", 1), state=state, busy_since_s=busy_since_s, due_s=due_s)

    assert next_due_s(100.0, [record], options) == expected
