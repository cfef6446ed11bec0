"""The states of all alerts: over a restart, silenced, and with a rule that cannot be answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.errors import NotFound
from seaway.monitor.alerts.book import AlertBook
from seaway.monitor.alerts.rule import Rule
from seaway.monitor.alerts.transition import Labels
from seaway.monitor.point import Kind, Point, Sample, Series
from seaway.monitor.store.store import Store
from seaway.monitor.view import AlertState

BEGIN = 1_700_000_000.0
M: Labels = (("model", "m"),)
DEEP = Rule("Deep", "depth > 5", keep_s=60.0, summary="{{ $labels.model }} is deep")
WAITS = Rule("Waits", "depth > 5", for_s=30.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "monitor.db")
    yield store
    store.close()


def seen(store: Store, at_s: float, value: float, name: str = "depth") -> float:
    """Keep a gauge and return the moment."""
    at = BEGIN + at_s
    point = Point(round(at * 1000), value, 1.0, value, value)
    store.append([Sample(Series(name, M, Kind.GAUGE), point)])
    return at


def states(book: AlertBook) -> list[tuple[str, AlertState]]:
    return [(each.rule, each.state) for each in book.all()]


def test_an_alert_fires_and_ends_and_is_remembered(store: Store, tmp_path: Path) -> None:
    book = AlertBook([DEEP], tmp_path / "alerts.json")
    (fired,) = book.look(store, seen(store, 0, 9)).changes
    assert (fired.alert.state, fired.alert.value) == (AlertState.FIRING, 9)
    assert book.look(store, seen(store, 10, 9)).changes == []
    assert book.look(store, seen(store, 20, 1)).changes == []
    (ended,) = book.look(store, seen(store, 90, 1)).changes
    assert ended.alert.state is AlertState.RESOLVED
    (status,) = book.all()
    assert (status.state, status.ended_at, status.summary) == (AlertState.RESOLVED, BEGIN + 90, "m is deep")
    # A day later nobody wants to know; it is dropped when the next one ends.
    book.look(store, seen(store, 90_000, 9))
    book.look(store, seen(store, 90_100, 1))
    assert [each.ended_at for each in book.all()] == [BEGIN + 90_100]


def test_a_restart_keeps_states_and_silences(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "alerts.json"
    book = AlertBook([DEEP, WAITS], file)
    book.silence("Deep", M, BEGIN + 1000, "ann")
    book.look(store, seen(store, 0, 9))
    again = AlertBook([DEEP, WAITS], file)
    assert sorted(states(again)) == [("Deep", AlertState.FIRING), ("Waits", AlertState.PENDING)]
    # It fires already and is not told again; the other has waited since before the restart.
    changes = again.look(store, seen(store, 30, 9)).changes
    assert [(each.rule.name, each.alert.began_at) for each in changes] == [("Waits", BEGIN)]
    assert {each.rule: each.silenced_until for each in again.all()} == {"Deep": BEGIN + 1000, "Waits": None}


def test_a_rule_that_is_gone_leaves_no_alert_behind(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "alerts.json"
    AlertBook([DEEP], file).look(store, seen(store, 0, 9))
    assert states(AlertBook([WAITS], file)) == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"active": 5}', b"\xff\xfe"])
def test_a_file_that_cannot_be_read_counts_as_none(store: Store, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "alerts.json"
    file.write_bytes(content)
    book = AlertBook([DEEP], file)
    assert book.all() == ()
    assert len(book.look(store, seen(store, 0, 9)).changes) == 1


def test_what_begins_and_ends_in_a_silence_is_never_heard_of(store: Store, tmp_path: Path) -> None:
    book = AlertBook([DEEP], tmp_path / "alerts.json")
    book.silence("Deep", M, BEGIN + 50, "ann")
    assert book.look(store, seen(store, 0, 9)).changes == []
    assert states(book) == [("Deep", AlertState.FIRING)]
    book.look(store, seen(store, 40, 1))
    # It is over after the silence; nobody was told that it began.
    assert book.look(store, seen(store, 100, 1)).changes == []
    assert states(book) == [("Deep", AlertState.RESOLVED)]


def test_what_still_fires_after_its_silence_is_told(store: Store, tmp_path: Path) -> None:
    book = AlertBook([DEEP], tmp_path / "alerts.json")
    book.silence("Deep", M, BEGIN + 50, "ann")
    assert book.look(store, seen(store, 0, 9)).changes == []
    (told,) = book.look(store, seen(store, 60, 9)).changes
    assert (told.alert.state, told.alert.began_at) == (AlertState.FIRING, BEGIN)
    assert book.look(store, seen(store, 70, 9)).changes == []
    book.look(store, seen(store, 80, 1))
    (ended,) = book.look(store, seen(store, 150, 1)).changes
    assert ended.alert.state is AlertState.RESOLVED


def test_a_silence_is_of_one_set_of_labels(store: Store, tmp_path: Path) -> None:
    book = AlertBook([DEEP], tmp_path / "alerts.json")
    book.silence("Deep", (("model", "other"),), BEGIN + 50, "ann")
    assert len(book.look(store, seen(store, 0, 9)).changes) == 1


def test_a_silence_of_no_rule_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no rule 'Deepp'; there are Deep"):
        AlertBook([DEEP], tmp_path / "alerts.json").silence("Deepp", M, BEGIN, "ann")


def test_a_rule_that_cannot_be_answered_keeps_its_alerts_and_costs_the_others_nothing(
    store: Store, tmp_path: Path
) -> None:
    number = Rule("Number", "1 + 1")
    both = Rule("Both", "depth > 5 and on (model) rate(depth[5m]) > 0")
    broken = AlertBook([number, both, DEEP], tmp_path / "alerts.json")
    found = broken.look(store, seen(store, 0, 9))
    assert [each.rule.name for each in found.changes] == ["Deep"]
    assert sorted(found.problems) == ["Both", "Number"]
    assert "depth is a gauge" in found.problems["Both"]

    # One that fires goes on firing while it cannot be answered.
    counters = Rule("Deep", "rate(depth[5m]) > 0")
    book = AlertBook([counters], tmp_path / "alerts.json")
    assert states(book) == [("Deep", AlertState.FIRING)]
    assert "Deep" in book.look(store, seen(store, 1000, 1)).problems
    assert states(book) == [("Deep", AlertState.FIRING)]


def test_a_disk_that_cannot_be_written_costs_the_memory_only(store: Store, tmp_path: Path) -> None:
    book = AlertBook([DEEP], tmp_path / "gone" / "alerts.json")
    assert len(book.look(store, seen(store, 0, 9)).changes) == 1
    assert states(book) == [("Deep", AlertState.FIRING)]
