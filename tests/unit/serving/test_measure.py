"""What a change of state means for the counters."""

from __future__ import annotations

import pytest

from seaway.errors import OK, DataLoss
from seaway.repository.ids import ServableId
from seaway.repository.states import ServableState, State
from seaway.serving.measure import of_state

LOADS = "seaway_model_loads_total"


@pytest.mark.parametrize(
    ("before", "after", "code", "counted"),
    [
        pytest.param(State.LOADING, State.AVAILABLE, OK, (LOADS, {"model": "m", "outcome": "ok"}), id="loaded"),
        pytest.param(
            State.LOADING, State.LOADING, DataLoss.code, (LOADS, {"model": "m", "outcome": "failed"}), id="try-failed"
        ),
        pytest.param(
            State.LOADING, State.END, DataLoss.code, (LOADS, {"model": "m", "outcome": "failed"}), id="load-given-up"
        ),
        pytest.param(State.LOADING, State.END, OK, None, id="no-longer-wanted"),
        pytest.param(
            State.AVAILABLE, State.LOADING, OK, ("seaway_worker_restarts_total", {"model": "m"}), id="restart"
        ),
        pytest.param(State.UNLOADING, State.END, OK, ("seaway_model_unloads_total", {"model": "m"}), id="unloaded"),
        pytest.param(State.START, State.LOADING, OK, None, id="load-begins"),
        pytest.param(State.AVAILABLE, State.UNLOADING, OK, None, id="unload-begins"),
    ],
)
def test_state_changes_are_counted(
    before: State, after: State, code: int, counted: tuple[str, dict[str, str]] | None
) -> None:
    observations = of_state(before, ServableState(ServableId("m", 1), after, code))

    assert [(each.name, each.labels) for each in observations] == ([counted] if counted else [])
    assert all(each.op == "add" and each.value == 1 for each in observations)
