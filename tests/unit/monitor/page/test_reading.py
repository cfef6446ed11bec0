"""Reading the store, and what can be compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.monitor.page import compare, panels, queries
from seaway.monitor.page.charts import Content, Drawn
from seaway.monitor.page.queries import ANYTHING, Scope, span_of
from seaway.monitor.page.reading import Answers, Reader, known
from seaway.monitor.point import Kind, Point, Sample, Series
from seaway.monitor.store.store import Event, Store

NOW_MS = 1_700_000_002_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store.db")
    for version in ("9", "10"):
        labels = (("api", "grpc"), ("code", "OK"), ("instance", "a"), ("model", "m"), ("signature", "s"))
        series = Series("seaway_requests_total", (*labels, ("version", version)), Kind.COUNTER)
        store.append([Sample(series, Point(NOW_MS - 10_000, 120.0))])
    store.note(Event(NOW_MS - 60_000, "version", {"model": "m"}, "10 is live"))
    yield store
    store.close()


def test_lines_have_bounded_moments_on_a_grid_and_versions_in_the_order_of_numbers(store: Store) -> None:
    reader = Reader(store, span_of("15m"), NOW_MS)
    lines = reader.lines(queries.requests(ANYTHING, 60_000, ("version",)))
    assert [line.labels["version"] for line in lines] == ["9", "10"]
    assert reader.end_ms == NOW_MS - NOW_MS % 5000
    assert lines[0].points[-1] == (reader.end_ms, 2.0)
    assert lines[0].last == 2.0
    assert len(lines[0].points) <= queries.MOMENTS + 1


def test_a_question_is_asked_again_only_when_there_may_be_news(store: Store) -> None:
    answers = Answers(most=1)
    question = queries.requests(ANYTHING, 60_000, ())
    first = Reader(store, span_of("30d"), NOW_MS, answers)
    again = first._replace(now_ms=first.end_ms + 1)
    assert again.lines(question) is first.lines(question)
    later = first._replace(now_ms=first.end_ms + first.span.grid_ms)
    assert later.lines(question) is not first.lines(question)
    before = first.lines(question)
    first.lines("1")
    assert first.lines(question) is not before, "only so many are kept"


def test_a_plain_number_is_a_line_and_a_value(store: Store) -> None:
    reader = Reader(store, span_of("15m"), NOW_MS)
    assert reader.lines("1")[0].last == 1.0
    assert reader.values("1", ()) == {(): 1.0}


def test_quantiles_of_nothing_are_no_line(store: Store) -> None:
    reader = Reader(store, span_of("15m"), NOW_MS)
    assert reader.lines(queries.latency(ANYTHING, 0.99, 60_000, ())) == []
    assert reader.values(queries.latency(ANYTHING, 0.99, 60_000, ()), ()) == {}


def test_present_values_and_events_are_read(store: Store) -> None:
    reader = Reader(store, span_of("15m"), NOW_MS)
    by = ("model", "version")
    assert reader.values(queries.requests(ANYTHING, 60_000, by), by) == {("m", "9"): 2.0, ("m", "10"): 2.0}
    assert [event.text for event in reader.events()] == ["10 is live"]


def test_known_versions_and_replicas(store: Store) -> None:
    assert known(store, "model", "version") == [("m", "9"), ("m", "10")]
    assert known(store, "instance") == [("a",)]
    assert known(store, "no_such_label") == []


def test_the_last_two_versions_are_compared_unless_others_are_asked_for(store: Store) -> None:
    found = compare.choices(store, "version")
    nine, ten = found
    assert nine.scope == Scope("m", "9")
    assert compare.chosen(found, "", "") == (nine, ten)
    assert compare.chosen(found, json.dumps(["m", "10"]), json.dumps(["m", "9"])) == (ten, nine)
    assert compare.chosen(found, "<not one>", "neither") == (nine, ten)
    assert compare.chosen(found, nine.value, nine.value) == (nine, nine)
    assert compare.chosen(found[:1], "", "") is None


def test_both_sides_have_one_scale() -> None:
    stacked = Content("rate", [Drawn("a", [(0, 1.0)]), Drawn("b", [(0, 2.0)])], 0, 1, True)
    single = Content("rate", [Drawn("a", [(0, 2.5)])], 0, 1)
    left, right = panels.of_equal_height(single, stacked)
    assert left.top == right.top == 3.0


def test_gauges_of_a_month_have_a_value_at_every_moment_though_only_quarters_of_an_hour_are_kept(store: Store) -> None:
    series = Series("seaway_worker_memory_bytes", (("kind", "pss"), ("model", "m"), ("version", "1")), Kind.GAUGE)
    quarter_ms, month_ms = 900_000, 31 * 86_400_000
    end = NOW_MS // quarter_ms * quarter_ms
    moments = range(end - month_ms, end + 1, quarter_ms // 3)
    store.append(Sample(series, Point(at, 5.0, 1.0, 5.0, 5.0)) for at in moments)
    store.roll_up(end + 60_000)
    store.forget(end, 2**40)
    (line,) = panels.MEMORY.draw(Reader(store, span_of("30d"), end), Scope("m"))
    assert {value for _, value in line.points[1:]} == {5.0}


def test_every_panel_can_be_drawn_of_nothing(store: Store) -> None:
    reader = Reader(store, span_of("30d"), NOW_MS)
    for panel in (*panels.OF_MODEL, *panels.COMPARED):
        assert panels.content(panel, reader, Scope("no such model")).lines == []
