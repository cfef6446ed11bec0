"""The history of a deployment."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from seaway.deploy import history
from seaway.deploy.desired import Desired
from seaway.deploy.history import Entry, Outcome, begin, complete, newest_done, previous_deployment, read
from seaway.deploy.state import StateDirectory
from seaway.errors import DataLoss
from tests.support.simulated_deployment import desired


def entry(id_: int = 0, outcome: Outcome = "done", wanted: Desired | None = None) -> Entry:
    return Entry(id_, 1000.0 + id_, "ann@desk", "deploy", steps=("[1] x",), outcome=outcome, desired=wanted)


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path)


def test_entries_are_numbered_and_completed_in_place(state: StateDirectory) -> None:
    first = begin(state, entry(outcome="running"))
    complete(state, structs.replace(first, outcome="done", done=1))
    second = begin(state, entry(outcome="running"))
    assert [(each.id, each.outcome, each.done) for each in read(state)] == [(1, "done", 1), (2, "running", 0)]
    complete(state, structs.replace(second, outcome="failed", error="no such image"))
    assert read(state)[1].error == "no such image"


def test_what_never_ended_was_interrupted(state: StateDirectory) -> None:
    begin(state, entry(outcome="running"))
    begin(state, entry(outcome="running"))
    assert [each.outcome for each in read(state)] == ["interrupted", "running"]


def test_it_stays_within_bounds(state: StateDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_ENTRIES", 3)
    for _ in range(5):
        begin(state, entry())
    assert [each.id for each in read(state)] == [3, 4, 5]
    monkeypatch.setattr(history, "MOST_BYTES", 10)
    begin(state, entry())
    assert [each.id for each in read(state)] == [6]


def test_what_is_damaged_is_said_to_be(state: StateDirectory) -> None:
    state.write(history.NAME, b"[{]")
    with pytest.raises(DataLoss, match=r"history\.json"):
        read(state)


def test_the_previous_deployment_is_the_last_with_other_servers() -> None:
    old, new = desired(image="a"), desired(image="b")
    entries = (
        entry(1, wanted=old),
        entry(2, "failed", wanted=desired(image="broken")),
        entry(3, wanted=new),
        entry(4, wanted=structs.replace(new, replicas=5)),
        entry(5, "failed", wanted=desired(image="broken")),
    )
    found = newest_done(entries)
    assert found is not None
    assert found.id == 4
    before = previous_deployment(entries)
    assert before is not None
    assert before.id == 1
    assert previous_deployment(entries[2:]) is None
    assert previous_deployment(()) is None
