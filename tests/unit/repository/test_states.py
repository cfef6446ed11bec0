"""The state machine and its numbers."""

from __future__ import annotations

import pytest

from seaway.repository.ids import ServableId
from seaway.repository.states import ServableState, State, is_legal

LEGAL = {
    (State.UNKNOWN, State.START),
    (State.START, State.LOADING),
    (State.START, State.END),
    (State.LOADING, State.LOADING),
    (State.LOADING, State.AVAILABLE),
    (State.LOADING, State.UNLOADING),
    (State.LOADING, State.END),
    (State.AVAILABLE, State.LOADING),
    (State.AVAILABLE, State.UNLOADING),
    (State.AVAILABLE, State.END),
    (State.UNLOADING, State.END),
    (State.END, State.START),
}


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_only_the_drawn_moves_are_legal(before: State, after: State) -> None:
    assert is_legal(before, after) == ((before, after) in LEGAL)


def test_numbers_and_names_are_those_of_the_wire() -> None:
    assert {state.name: state.value for state in State} == {
        "UNKNOWN": 0,
        "START": 10,
        "LOADING": 20,
        "AVAILABLE": 30,
        "UNLOADING": 40,
        "END": 50,
    }


def test_only_an_end_with_a_code_is_a_failure() -> None:
    servable = ServableId("m", 1)

    assert ServableState(servable, State.END, 3, "corrupt").is_failed
    assert not ServableState(servable, State.END).is_failed
    assert not ServableState(servable, State.LOADING, 14, "worker died").is_failed
