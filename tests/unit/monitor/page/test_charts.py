"""Lines to options, by tables: values arrive unchanged, and names only as values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from seaway.monitor.page import charts
from seaway.monitor.page.charts import Content, Drawn, Mark
from seaway.monitor.page.reading import Line
from seaway.monitor.store.store import Event

ATTACK = ":formatter\n<img src=x onerror=alert(1)>{a|b}`${1}`"


def keys_of(options: Any) -> Iterator[str]:
    if isinstance(options, dict):
        for key, value in options.items():
            yield key
            yield from keys_of(value)
    elif isinstance(options, list):
        for value in options:
            yield from keys_of(value)


def content(*names: str, unit: str = "rate", **more: Any) -> Content:
    lines = [Drawn(name, [(0, 1.0), (1000, None), (2000, number + 2.5)]) for number, name in enumerate(names)]
    return Content(unit, lines, 0, 2000, **more)


def test_values_are_drawn_as_they_are_with_gaps_where_there_are_none() -> None:
    first, second, _ = charts.options(content("a", "b"))["series"]
    assert (first["name"], first["data"]) == ("a", [[0, 1.0], [1000, None], [2000, 2.5]])
    assert (second["name"], second["data"]) == ("b", [[0, 1.0], [1000, None], [2000, 3.5]])
    assert first["connectNulls"] is False


def test_names_never_are_keys_or_formatters_and_the_javascript_is_constant() -> None:
    line = Line({"model": ATTACK}, [(0, 1.0)])
    plain = Line({"model": "m"}, [(0, 1.0)])
    event = Event(0, ATTACK, {"model": ATTACK}, ATTACK)
    hostile, harmless = (
        charts.options(
            Content("rate", charts.named([each], "model"), 0, 2000, False, charts.marks([event._replace(kind=kind)]))
        )
        for each, kind in ((line, ATTACK), (plain, "alert"))
    )
    assert list(keys_of(hostile)) == list(keys_of(harmless))
    assert hostile["tooltip"]["renderMode"] == "richText"
    assert hostile["tooltip"][":valueFormatter"] == charts.FORMATS["rate"]
    labels = [mark["label"]["formatter"] for mark in hostile["series"][-1]["markLine"]["data"]]
    assert labels == ["1"]
    assert "\n" not in hostile["series"][0]["name"]


def test_lines_whose_shortened_names_are_alike_stay_apart() -> None:
    lines = [Line({"model": "a" * 50 + middle + "b" * 50}, [(0, 1.0)]) for middle in "xyz"]
    names = [drawn.name for drawn in charts.named(lines, "model")]
    assert len(set(names)) == 3


def test_a_line_without_labels_has_a_name_of_its_own() -> None:
    assert [each.name for each in charts.named([Line({}, [(0, 1.0)])], otherwise="requests")] == ["requests"]
    assert charts.merged(p50=[], p99=[Line({}, [(0, 2.0)])]) == [Drawn("p99", [(0, 2.0)])]


def test_too_many_lines_are_bounded() -> None:
    assert len(charts.options(content(*map(str, range(100))))["series"]) == charts.MOST_LINES + 1


def test_marks_are_numbered_as_the_list_and_lie_within_the_chart() -> None:
    events = [Event(at, "version", {}, "") for at in (3000, 1500, 500, -1)]
    marks = charts.marks(events)
    assert marks[1] == Mark(1500, 2, "version")
    drawn = charts.options(content("a", marks=marks))["series"][-1]["markLine"]["data"]
    assert [(mark["xAxis"], mark["label"]["formatter"]) for mark in drawn] == [(1500, "2"), (500, "3")]


def test_a_chart_without_lines_still_shows_marks() -> None:
    options = charts.options(content(marks=[Mark(1000, 1, "alert")]))
    (events,) = options["series"]
    assert events["markLine"]["data"][0]["lineStyle"]["color"] == charts.EVENT_COLORS["alert"]
    assert options["yAxis"]["max"] is None


@pytest.mark.parametrize(
    ("labels", "is_about"),
    [({"model": "m"}, True), ({"model": "other"}, False), ({}, True), ({"instance": "a"}, True)],
)
def test_events_of_other_models_are_left_out(labels: dict[str, str], is_about: bool) -> None:
    event = Event(0, "restart", labels, "")
    assert charts.about([event], "m") == ([event] if is_about else [])


@pytest.mark.parametrize(
    ("top", "unit", "expected"),
    [
        (None, "rate", (None, None)),
        (1.0, "number", (1.0, 0.5)),
        (4.0, "number", (4.0, 1.0)),
        (110.0, "rate", (150.0, 50.0)),
        (0.03, "seconds", (0.03, 0.01)),
        (1.1 * 2**30, "bytes", (1.5 * 2**30, 2**29)),
        (3.0, "bytes", (3.0, 1.0)),
        (1e-9, "seconds", (1e-9, 5e-10)),
    ],
)
def test_an_axis_ends_at_a_round_number_of_round_steps(
    top: float | None, unit: str, expected: tuple[float | None, float | None]
) -> None:
    assert charts.scale(top, unit) == pytest.approx(expected)


def test_a_stack_is_as_high_as_its_sum() -> None:
    stacked, beside = content("a", "b", is_stacked=True), content("a", "b")
    assert charts.top_of([charts.outline(stacked)]) == 6.0
    assert charts.top_of([charts.outline(beside)]) == 3.5
    assert charts.top_of([[]]) is None


def test_a_chart_is_told_as_a_table() -> None:
    first, second = charts.as_rows(content("a", "b"))
    assert first["cells"] == {"line": "a", "last": "2.5/s", "low": "1/s", "high": "2.5/s"}
    assert second["cells"]["high"] == "3.5/s"
    (nothing,) = charts.as_rows(Content("seconds", [Drawn("a", [(0, None)])], 0, 1))
    assert nothing["cells"] == {"line": "a", "last": "—", "low": "—", "high": "—"}


@pytest.mark.parametrize("unit", charts.FORMATS)
def test_every_unit_is_written_in_both_languages(unit: str) -> None:
    assert charts.WRITTEN[unit](0.5)
    assert charts.options(content("a", unit=unit))["yAxis"]["axisLabel"][":formatter"] == charts.FORMATS[unit]
