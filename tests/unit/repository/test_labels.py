"""Which version a label means."""

from __future__ import annotations

import pytest

from seaway.repository.ids import ServableId
from seaway.repository.labels import resolve_labels, unassigned_label
from seaway.repository.snapshot import ModelSnapshot, VersionSnapshot
from seaway.repository.states import ServableState, State


def model(**states: State) -> ModelSnapshot:
    versions = (ServableState(ServableId("m", int(name[1:])), state) for name, state in states.items())
    return ModelSnapshot("m", tuple(VersionSnapshot(state, True) for state in versions))


@pytest.mark.parametrize(
    ("assigned", "states", "allow", "expected"),
    [
        pytest.param({}, {"v2": State.AVAILABLE}, False, {"stable": 2}, id="assigned-when-available"),
        pytest.param({}, {"v2": State.LOADING}, False, {}, id="not-before"),
        pytest.param(
            {"stable": 1},
            {"v1": State.AVAILABLE, "v2": State.LOADING},
            False,
            {"stable": 1},
            id="stays-until-the-new-version-is-available",
        ),
        pytest.param(
            {"stable": 1},
            {"v1": State.AVAILABLE, "v2": State.AVAILABLE},
            False,
            {"stable": 2},
            id="moves-when-the-new-version-is-available",
        ),
        pytest.param({"stable": 2}, {"v2": State.LOADING}, False, {"stable": 2}, id="stays-while-its-worker-restarts"),
        pytest.param({"stable": 1}, {"v1": State.END}, False, {}, id="goes-with-a-version-that-ended"),
        pytest.param({}, {}, True, {"stable": 2}, id="a-new-label-may-wait-for-its-version-if-allowed"),
        pytest.param(
            {"stable": 1},
            {"v1": State.AVAILABLE},
            True,
            {"stable": 1},
            id="a-label-in-use-is-not-moved-to-an-unavailable-version-even-if-allowed",
        ),
    ],
)
def test_label_resolution(
    assigned: dict[str, int], states: dict[str, State], allow: bool, expected: dict[str, int]
) -> None:
    assert resolve_labels({"stable": 2}, assigned, model(**states), allow) == expected


def test_label_that_is_no_longer_configured_goes() -> None:
    assert resolve_labels({}, {"stable": 1}, model(v1=State.AVAILABLE)) == {}


def test_unassigned_label_is_reported_in_the_known_words() -> None:
    error = unassigned_label("m", {"stable": 2}, {"stable": 1})

    assert error is not None
    assert error.message.startswith(
        "Request to assign label to version 2 of model m, which is not currently available for inference"
    )
    assert unassigned_label("m", {"stable": 2}, {"stable": 2}) is None
