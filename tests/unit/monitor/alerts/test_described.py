"""The notation of promtool's tests: what it stands for, and what a collector would have kept of it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from seaway.errors import InvalidArgument
from seaway.monitor.alerts.described import (
    Described,
    described_samples,
    exposition,
    named,
    positive_s,
    read_tests,
    values,
)
from seaway.monitor.point import Kind, Sample

MINUTE = 60_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("5", [5]),
        ("-3 +4 1.5e3 .5", [-3, 4, 1500, 0.5]),
        ("1+2x3", [1, 3, 5, 7]),
        ("1-2x3", [1, -1, -3, -5]),
        ("-4-1x2", [-4, -5, -6]),
        ("4x2", [4, 4, 4]),
        ("4x0", [4]),
        ("0.5+0.25x2", [0.5, 0.75, 1]),
        ("1e3+1e2x1", [1000, 1100]),
        ("_", [None]),
        ("_x3", [None] * 3),
        ("1 stale 2", [1, None, 2]),
        ("1x1 _x2 3+1x1", [1, 1, None, None, 3, 4]),
        ("Inf -Inf", [math.inf, -math.inf]),
    ],
)
def test_values(text: str, expected: list[float | None]) -> None:
    assert values(text) == expected


def test_not_a_number_is_a_value_that_no_collector_keeps() -> None:
    (value,) = values("NaN")
    assert value is not None
    assert math.isnan(value)
    assert samples_of(("up", "NaN 1")) == [("up", Kind.GAUGE, 1, 1.0)]


@pytest.mark.parametrize("word", ["x3", "1+x3", "1+2", "1+2x", "1+2x-3", "1x1.5", "_x", "__", "one", "stalex2", "1,2"])
def test_what_is_no_value_is_named(word: str) -> None:
    with pytest.raises(InvalidArgument, match="is no value; expected for instance"):
        values(f"1 {word} 2")


def test_native_histograms_are_refused_by_name() -> None:
    with pytest.raises(InvalidArgument, match="native histograms"):
        values("{{schema:1}}")


@pytest.mark.parametrize("word", ["1x9999999", "_x1000001", "1+1x99999999999999999999"])
def test_a_mistyped_repetition_does_not_fill_the_memory(word: str) -> None:
    with pytest.raises(InvalidArgument, match="more than 1000000 values"):
        values(word)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("up", ("up", ())),
        ('up{b="2",a="1"}', ("up", (("a", "1"), ("b", "2")))),
        ('{__name__="up",a="1"}', ("up", (("a", "1"),))),
        ('{alertname="A"}', ("", (("alertname", "A"),))),
        ("{}", ("", ())),
        ("", ("", ())),
        (r'm{a="q\"\\n}"}', ("m", (("a", 'q"\\n}'),))),
        (
            ':tensorflow:serving:request_count{model_name="m"}',
            (":tensorflow:serving:request_count", (("model_name", "m"),)),
        ),
        ('up{a=""}', ("up", ())),
    ],
)
def test_names_of_series(text: str, expected: object) -> None:
    assert named(text) == expected


@pytest.mark.parametrize(
    "text", ['up{a=~"1"}', 'up{a!="1"}', "up[5m]", "up offset 5m", "up + 1", "up{", "rate(up[5m])"]
)
def test_what_is_no_series_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        named(text)


def samples_of(*series: tuple[str, str]) -> list[tuple[str, Kind, int, float]]:
    """Return name, kind, minute and value of what is kept."""
    found = described_samples([Described(name, text) for name, text in series], 0, MINUTE).samples
    return [(each.series.name, each.series.kind, each.point.at // MINUTE, each.point.value) for each in found]


def test_a_counter_is_kept_as_increases_and_its_first_total_counts_nowhere() -> None:
    assert samples_of(("x_total", "7 10 10 15")) == [
        ("x_total", Kind.COUNTER, 1, 3.0),
        ("x_total", Kind.COUNTER, 3, 5.0),
    ]


def test_a_counter_that_appears_later_began_at_0() -> None:
    assert samples_of(("x_total", "_x2 4 5")) == [("x_total", Kind.COUNTER, 2, 4.0), ("x_total", Kind.COUNTER, 3, 1.0)]


def test_a_counter_that_restarts_counts_from_0() -> None:
    assert samples_of(("x_total", "100 3")) == [("x_total", Kind.COUNTER, 1, 3.0)]


def test_a_total_goes_on_after_a_gap() -> None:
    assert samples_of(("x_total", "10 _ stale 14")) == [("x_total", Kind.COUNTER, 3, 4.0)]


def test_gauges_are_kept_as_they_are() -> None:
    assert samples_of(("depth", "1 _ 3")) == [("depth", Kind.GAUGE, 0, 1.0), ("depth", Kind.GAUGE, 2, 3.0)]


def test_count_and_sum_without_buckets_are_counters() -> None:
    assert [each[:2] for each in samples_of(("x_count", "0 1"), ("x_sum", "0 2"))] == [
        ("x_count", Kind.COUNTER),
        ("x_sum", Kind.COUNTER),
    ]


def test_buckets_become_one_histogram() -> None:
    series = [
        Described('s_bucket{m="a",le="1"}', "0 2"),
        Described('s_bucket{m="a",le="2.5"}', "0 5"),
        Described('s_bucket{m="a",le="+Inf"}', "0 6"),
        Described('s_sum{m="a"}', "0 9.5"),
        Described('s_count{m="a"}', "0 6"),
    ]
    (sample,) = described_samples(series, 0, MINUTE).samples
    assert sample.series == (("s"), (("m", "a"),), Kind.HISTOGRAM, (1.0, 2.5))
    assert sample.point == (MINUTE, 9.5, 6.0, 0.0, 0.0, [2.0, 3.0, 1.0])


def test_buckets_alone_are_enough() -> None:
    series = [Described('s_bucket{le="1"}', "0 2"), Described('s_bucket{le="+Inf"}', "0 3")]
    found: list[Sample] = described_samples(series, 0, MINUTE).samples
    assert [list(each.point.buckets) for each in found] == [[2.0, 1.0]]


def test_a_bound_that_is_none_is_named() -> None:
    with pytest.raises(InvalidArgument, match="le='wide' is no bound"):
        exposition({("s_bucket", (("le", "wide"),)): 1.0})


def test_a_series_that_cannot_be_read_is_named() -> None:
    with pytest.raises(InvalidArgument, match=r"series 'up\{a=\"1\"\}': 'many' is no value"):
        described_samples([Described('up{a="1"}', "many")], 0, MINUTE)
    with pytest.raises(InvalidArgument, match="it has no name"):
        described_samples([Described('{a="1"}', "1")], 0, MINUTE)


def test_scalars_of_a_file_are_text_and_what_is_empty_is_none(tmp_path: Path) -> None:
    file = tmp_path / "t.yml"
    file.write_text(
        "tests: [{input_series: [{series: up, values: 5}], alert_rule_test: [{alertname: A, eval_time: 0, "
        "exp_alerts: }, {alertname: B, exp_alerts: [{exp_labels: {version: 01, live: true}}]}], "
        "promql_expr_test: [{expr: up, exp_samples: [{value: 5}]}]}]"
    )
    (test,) = read_tests(file).tests
    assert test.input_series[0].values == "5"
    assert test.alert_rule_test[0].exp_alerts == []
    assert test.alert_rule_test[1].exp_alerts[0].exp_labels == {"version": "01", "live": "true"}
    assert test.promql_expr_test[0].exp_samples[0].value == 5.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("tests: [{inputs: []}]", "unknown field"),
        ("- 1", "promtool test rules"),
        ("{", "is no YAML"),
        ("rule_files: []", "tests"),
        ("tests: [{promql_expr_test: [{expr: up, exp_samples: [{value: much}]}]}]", "float"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "t.yml"
    file.write_text(content)
    with pytest.raises(InvalidArgument, match=message):
        read_tests(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"none\.yml cannot be read"):
        read_tests(tmp_path / "none.yml")


def test_an_interval_is_above_0() -> None:
    assert positive_s("1m30s", "interval") == 90
    with pytest.raises(InvalidArgument, match="interval '0' is not above 0"):
        positive_s("0", "interval")
