"""What the page asks: every question is one that can be answered, whatever the names in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import promql_parser
import pytest

from seaway.monitor.page import queries
from seaway.monitor.page.queries import ANYTHING, MOMENTS, SPANS, Scope, span_of
from seaway.monitor.query.evaluate import query
from seaway.monitor.query.quote import quoted
from seaway.monitor.store.store import Store

HOSTILE = [
    "plain",
    "",
    'with "quotes"',
    "back\\slash",
    "ends with \\",
    "new\nline\r\ttab",
    '"} or vector(1) or x{a="',
    "`${1}`",
    "nul\x00 bell\x07 delete\x7f",
    "模型 \u202e \U0001f6a2",
    "%s %n {{x}}",
    "x" * 10_000,
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_quoted_text_is_read_as_itself(name: str) -> None:
    tree = promql_parser.parse(f"x{{model={quoted(name)}}}")
    assert isinstance(tree, promql_parser.VectorSelector)
    assert [(each.name, each.value) for each in tree.matchers.matchers] == [("model", name)]


QUESTIONS: list[Callable[[Scope], str]] = [
    lambda scope: queries.requests(scope, 60_000, ("model",)),
    lambda scope: queries.requests(scope, 60_000, ()),
    lambda scope: queries.failures(scope, 60_000, ("code",)),
    lambda scope: queries.latency(scope, 0.99, 60_000, ()),
    lambda scope: queries.latency(scope, 0.5, 60_000, ("version", "signature")),
    lambda scope: queries.stage_quantile(scope, 0.99, 60_000),
    lambda scope: queries.stage_mean(scope, 60_000),
    lambda scope: queries.batch_rows(scope, 0.5, 60_000),
    lambda scope: queries.queue(scope, ("version",)),
    lambda scope: queries.in_flight(scope, ()),
    lambda scope: queries.memory(scope, ("instance",)),
    lambda scope: queries.cpu(scope, 60_000, ("version",)),
    lambda scope: queries.engines(scope, ("version", "engine")),
    lambda scope: queries.load_seconds(scope, ("version",)),
    lambda _: queries.replicas(),
    lambda scope: queries.queue(scope, (), 60_000),
    lambda scope: queries.in_flight(scope, ("version",), 60_000),
    lambda scope: queries.memory(scope, (), 60_000),
    lambda _: queries.host_cpu(),
    lambda _: queries.host_cpu(60_000),
    lambda _: queries.host_memory(),
    lambda _: queries.host_memory(60_000),
    lambda _: queries.host_memory_total(),
    lambda _: queries.up(60_000),
    lambda _: queries.scrape_seconds(60_000),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=range(len(QUESTIONS)))
def test_every_question_can_be_asked_of_every_scope(question: Callable[[Scope], str], tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db")
    try:
        for name in HOSTILE:
            assert query(store, question(Scope(name, name, name, name)), 1_700_000_000_000) == {}
        assert query(store, question(ANYTHING), 1_700_000_000_000) == {}
    finally:
        store.close()


def test_quantiles_are_of_summed_buckets() -> None:
    assert queries.latency(Scope("m", "2"), 0.99, 60_000, ("version",)) == (
        'histogram_quantile(0.99, sum by (version, le) (rate(seaway_request_seconds_bucket{model="m",version="2",'
        'api!="shadow"}[60000ms])))'
    )


def test_metrics_of_workers_are_not_narrowed_by_a_signature_that_they_do_not_have() -> None:
    scope = Scope("m", "2", "serving_default")
    assert "signature" in queries.requests(scope, 60_000, ())
    for question in (queries.queue(scope, ()), queries.memory(scope, ()), queries.cpu(scope, 60_000, ())):
        assert "signature" not in question


@pytest.mark.parametrize("span", SPANS, ids=[span.name for span in SPANS])
def test_a_span_has_a_bounded_number_of_moments_and_leaves_nothing_out_between_them(span: queries.Span) -> None:
    for most in (MOMENTS, queries.SPARK_MOMENTS):
        assert span.seconds * 1000 / span.step_ms(most) <= most
        assert span.window_ms(most) >= span.step_ms(most)


@pytest.mark.parametrize(("name", "span"), [("6h", "6h"), ("", "1h"), ("<b>", "1h"), ("1H", "1h")])
def test_an_unknown_span_is_the_default_one(name: str, span: str) -> None:
    assert span_of(name).name == span
