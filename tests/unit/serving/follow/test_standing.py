"""How far a replica is with what it was told to serve."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from seaway.errors import InvalidArgument
from seaway.repository.ids import ServableId
from seaway.repository.snapshot import ModelSnapshot, ModelView, VersionSnapshot
from seaway.repository.states import ServableState, State
from seaway.serving.follow.standing import Standing, standing
from seaway.settings.model_config import EntryProblem, ModelConfig, ModelList, SpecificVersions

WANTED = ModelConfig("m", "/store/m", version_policy=SpecificVersions(frozenset({2})), version_labels={"stable": 2})
OLD = ModelConfig("m", "/store/m", version_policy=SpecificVersions(frozenset({1})))


def view(
    *versions: tuple[int, State, str], config: ModelConfig = WANTED, labels: Mapping[str, int] | None = None
) -> dict[str, ModelView]:
    snapshots = tuple(
        VersionSnapshot(ServableState(ServableId("m", version), state, 3 if message else 0, message), version != 1)
        for version, state, message in versions
    )
    shown = {"stable": 2} if labels is None else labels
    return {"m": ModelView("m", config, True, None, ModelSnapshot("m", snapshots), shown)}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param({}, Standing(False), id="not-looked-at-yet"),
        pytest.param(view((2, State.LOADING, "")), Standing(False), id="it-loads"),
        pytest.param(view((2, State.AVAILABLE, "")), Standing(True), id="it-serves"),
        pytest.param(
            view((1, State.UNLOADING, ""), (2, State.AVAILABLE, "")), Standing(True), id="the-old-one-may-still-drain"
        ),
        pytest.param(view((2, State.AVAILABLE, ""), labels={}), Standing(False), id="a-label-is-not-there-yet"),
        pytest.param(view((2, State.AVAILABLE, ""), config=OLD), Standing(False), id="the-list-before-is-in-force"),
        pytest.param(
            view((2, State.END, "an unknown op")), Standing(False, "version 2 of 'm': an unknown op"), id="it-cannot"
        ),
        pytest.param(
            view((2, State.LOADING, "out of memory")),
            Standing(False, "version 2 of 'm': out of memory"),
            id="it-failed-once-and-is-tried-again",
        ),
        pytest.param(
            view((1, State.END, "corrupt"), (2, State.AVAILABLE, "")), Standing(True), id="others-are-no-matter"
        ),
    ],
)
def test_standing(found: dict[str, ModelView], expected: Standing) -> None:
    assert standing(ModelList((WANTED,)), found) == expected


def test_nothing_to_serve_is_served() -> None:
    assert standing(ModelList(), {}) == Standing(True)


def test_an_entry_that_cannot_be_used_is_a_problem() -> None:
    wanted = ModelList((), (EntryProblem("m", InvalidArgument("it leaves the store")),))
    assert standing(wanted, {}) == Standing(False, "it leaves the store")
