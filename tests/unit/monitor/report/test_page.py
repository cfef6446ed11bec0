"""The page: it stands alone, whatever the names are."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from seaway.monitor.report import chart
from seaway.monitor.report.asked import Asked, Latency
from seaway.monitor.report.figures import Figures, figures
from seaway.monitor.report.page import attained, change, page
from seaway.monitor.store.store import Event
from tests.support.report_samples import BEGIN_S, HOSTILE, filled, minute

TAGS = re.compile(
    "html|head|meta|title|style|body|h[123]|p|section|div|b|span|figure|svg|rect|path|text|table|thead|tbody|tr|th|td|ul|li"
)
ATTRIBUTES = re.compile("lang|charset|name|content|http-equiv|class|viewbox|role|aria-label|x|y|width|height|d")


class Seen(HTMLParser):
    """Everything in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta" and not (tag in {"rect", "path"} and self.get_starttag_text().endswith("/>")):  # type: ignore[union-attr]
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def of(path: Path, name: str, signature: str) -> Figures:
    store = filled(path)
    for number in range(1, 121):
        at = BEGIN_S + number * 60
        store.append(
            minute(at, {"OK": 5.0, HOSTILE: 1.0}, (6.0, 0, 0, 0), model=name, signature=signature, instance=name)
        )
    at = (BEGIN_S + 5000) * 1000
    store.note(Event(at, "version", {"model": name, "version": HOSTILE}, f"version {HOSTILE} is served"))
    store.note(Event(at, "alert", {"model": name, "rule": HOSTILE}, f"firing: {HOSTILE}"))
    end = (BEGIN_S + 7200) * 1000
    found = figures(store, Asked(name, end - 3_600_000, end, 0.999, Latency(0.25, 0.99)))
    store.close()
    return found


def test_names_are_text_and_nothing_else(tmp_path: Path) -> None:
    text = page(of(tmp_path / "monitor.db", HOSTILE, HOSTILE), BEGIN_S)
    seen = Seen(text)
    assert all(TAGS.fullmatch(tag) for tag in seen.tags)
    assert all(ATTRIBUTES.fullmatch(name) for name in seen.attributes)
    assert seen.open == []
    assert "<script>alert('1')</script><img src=x onerror=alert(2)>\\u202e\\u0000" in seen.text
    assert "\u202e" not in text
    assert "\x00" not in text


def test_it_fetches_nothing_and_has_all_parts(tmp_path: Path) -> None:
    text = page(of(tmp_path / "monitor.db", "m", "serving_default"), BEGIN_S + 7200)
    assert not re.search(r"https?:|//|url\(|@import|<script|<link", text)
    assert "default-src 'none'" in text
    assert "@media print" in text
    seen = Seen(text)
    for part in (
        "Report on m", "2023-11-14", "Availability", "Error budget left", "Answered within 250 ms", "In total",
        "Requests per second", "Share of errors", "p99 of latency", "Versions and signatures", "a:1", "b:1",
        "INVALID_ARGUMENT", "SeawayErrorBudgetBurnsFast", "Model m fails", "version 2 is served (tf)",
    ):  # fmt: skip
        assert part in seen.text, part
    assert seen.tags.count("svg") == 6


def test_without_incidents_it_says_so(tmp_path: Path) -> None:
    store = filled(tmp_path / "monitor.db")
    asked = Asked("m", BEGIN_S * 1000, (BEGIN_S + 3500) * 1000, 0.999)
    text = page(figures(store, asked), BEGIN_S)
    store.close()
    assert "No alert fired" in text
    assert "Nothing was recorded." in text
    assert "Answered within" not in text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, "100 %"),
        (0.999, "99.9 %"),
        (0.99899999, "99.899 %"),
        (0.9999999, "99.99999 %"),
        (0.999999999, "99.99999 %"),
        (0.5, "50 %"),
        (0.0, "0 %"),
        (0.98765, "98.76 %"),
    ],
)
def test_what_was_missed_is_never_rounded_away(value: float, expected: str) -> None:
    assert attained(value) == expected


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [(110, 100, "+10 %"), (50, 100, "-50 %"), (100.1, 100, "none"), (1, 0, "—"), (None, 1, "—"), (1, None, "—")],
)
def test_changes(now: float | None, before: float | None, expected: str) -> None:
    assert change(now, before) == expected


def test_gaps_are_no_lines() -> None:
    assert chart.runs([1, None, 2, 3, None, None]) == [[(0, 1)], [(2, 2), (3, 3)]]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.25, 0.5, 0.75, 1]), (0, 0, None), (0, 7, [0, 2, 4, 6, 8]), (-1.5, 1, [-2, -1, 0, 1])],
)
def test_ticks_are_round_and_wide_enough(low: float, high: float, expected: list[float] | None) -> None:
    found = chart.ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert found[-1] > found[0]
    if expected is not None:
        assert found == pytest.approx(expected)


def test_a_chart_of_nothing_says_so() -> None:
    empty = chart.Chart("x", (0, 60), (chart.Line("now", (None, None)),), str)
    assert "nothing was recorded" in chart.drawn(empty)


def test_a_single_point_is_seen_and_names_in_a_chart_are_escaped() -> None:
    lines = (chart.Line("now", (None, 5.0)),)
    text = chart.drawn(
        chart.Chart(HOSTILE, (0, 60), lines, str, (chart.Band(-100, 900, HOSTILE),), (chart.Mark(30, HOSTILE),))
    )
    assert set(Seen(text).tags) == {"svg", "rect", "title", "path", "text"}
    assert re.search(r'class="line now" d="M[\d. ]+h0"', text)
