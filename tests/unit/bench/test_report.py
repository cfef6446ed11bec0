"""The report as text, page and JSON."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from seaway.bench.comparison import Pair
from seaway.bench.objective import parse_objective
from seaway.bench.page import html_page
from seaway.bench.report import Comparison, Report, Result, as_json
from seaway.bench.run import SearchRun, TrialRun
from seaway.bench.search import Found, NotFound
from seaway.bench.table import render, time_of
from tests.support.bench_results import measured

FACTS = {"server": "grpc://127.0.0.1:8500", "model": "<m&m>"}
FAILING = {"failed": 7, "failures": {"grpc 14": 6, "connection": 1}, "first_failure": "busy <now>"}
STAGES = {"queue": 20.0, "run": 300.0}
TRIALS = (
    TrialRun(measured(rate=500.0), "start", ()),
    TrialRun(measured(rate=1000.0, latency={"p99": 9e6}), "twice", ("p99 9000.0 ms > 20 ms",)),
)


def search(answer: Found | NotFound) -> SearchRun:
    return SearchRun(parse_objective("p99=20ms"), answer, TRIALS, 12.0)


RESULTS = [
    pytest.param(
        measured(**FAILING).with_stages(STAGES),
        ["500.0", "6 x grpc 14 UNAVAILABLE, 1 x connection; the first: busy <now>", "queue 20 µs, run 300 µs"],
        id="a-load",
    ),
    pytest.param(
        measured(client_processor_seconds=1.9), ["95% of a processor: it may be the limit"], id="a-busy-generator"
    ),
    pytest.param(measured(rows=32), ["rows per second", "16000.0"], id="a-load-of-batches"),
    pytest.param(measured(interrupted=True, unanswered=3), ["Interrupted", "unanswered"], id="an-interrupted-load"),
    pytest.param(
        Comparison((Pair(measured(), measured(per_second=750.0)),)),
        ["1.500", "B higher in every pair", "within the spread"],
        id="a-comparison",
    ),
    pytest.param(Comparison(()), ["median"], id="a-comparison-without-pairs"),
    pytest.param(
        search(Found(500.0)),
        ["500/s is the highest rate that keeps p99=20ms", "p99 9000.0 ms > 20 ms"],
        id="a-search",
    ),
    pytest.param(search(Found(500.0, confirmed=False)), ["not confirmed"], id="a-search-out-of-time"),
    pytest.param(search(NotFound(1.0)), ["no rate keeps p99=20ms: not even 1/s"], id="a-search-in-vain"),
]


@pytest.mark.parametrize(("result", "parts"), RESULTS)
def test_the_text_says_what_was_measured(result: Result, parts: list[str]) -> None:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(render(Report(FACTS, result)))
    for part in ["<m&m>", *parts]:
        assert part in captured.get()


class Tags(HTMLParser):
    """Collects what a page opens and what it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)
        self.fetched += [name for name, _ in attrs if name in ("src", "href")]


@pytest.mark.parametrize(("result", "parts"), RESULTS)
def test_the_page_has_plots_and_fetches_nothing(result: Result, parts: list[str]) -> None:
    page = html_page(Report(FACTS, result))
    tags = Tags()
    tags.feed(page)
    assert "svg" in tags.opened
    assert "script" not in tags.opened
    assert tags.fetched == []
    assert "&lt;m&amp;m&gt;" in page
    assert "<m&m>" not in page
    assert not re.search(r"\bnan\b|\binf\b", page)


@pytest.mark.parametrize(("result", "parts"), RESULTS)
def test_the_json_has_the_facts_and_one_result(result: Result, parts: list[str]) -> None:
    told = json.loads(as_json(Report(FACTS, result)))
    assert told.pop("facts") == FACTS
    assert list(told) in (["measurement"], ["comparison"], ["search"])


def test_the_json_tells_the_generators_own_cost() -> None:
    told = json.loads(as_json(Report(FACTS, measured(succeeded=900, failed=100))))["measurement"]
    assert told["generator_micros_per_request"] == 20.0
    assert told["generator_share"] == 0.01


@pytest.mark.parametrize(("micros", "text"), [(431.2, "431 µs"), (12_345.0, "12.35 ms"), (2.1e6, "2.10 s")])
def test_a_time_has_the_unit_that_suits_it(micros: float, text: str) -> None:
    assert time_of(micros) == text
