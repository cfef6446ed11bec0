"""Figures beside their references, and the lines of the table that `make bench` prints."""

from __future__ import annotations

from typing import Any

import pytest

from bench.limits import best
from bench.lines import overload_lines, row_lines
from bench.models import MNIST_CNN
from bench.overload import CASES, Overload
from bench.rows import ROWS
from bench.run import arguments
from bench.table import markdown
from bench.verdict import Reference, Target, grows, judge, spread

ROW = next(row for row in ROWS if row.name == "cnn_grpc_64")


@pytest.mark.parametrize(
    ("figure", "reference", "target", "met"),
    [
        pytest.param(50.0, Reference.of(10), Target(5), "yes", id="just-reached"),
        pytest.param(49.0, Reference.of(10), Target(5), "no", id="just-missed"),
        pytest.param(70.0, Reference(10, 20), Target(5), "in part", id="one-end-of-a-range"),
        pytest.param(100.0, Reference(10, 20), Target(5), "yes", id="both-ends"),
        pytest.param(5.0, Reference.of(10), Target(0.5, at_most=True), "yes", id="less-is-better"),
        pytest.param(6.0, Reference.of(10), Target(0.5, at_most=True), "no", id="too-much"),
        pytest.param(6.0, Reference.of(10), None, "", id="no-target"),
    ],
)
def test_a_figure_is_held_against_its_reference(
    figure: float, reference: Reference, target: Target | None, met: str
) -> None:
    assert judge(figure, reference, target).met == met


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([1.0, 5.0, 5.0, 5.2], False, id="it-rises-once"),
        pytest.param([1.0, 2.0, 3.0, 4.0], True, id="it-goes-on-rising"),
        pytest.param([3.0], False, id="one-sample-says-nothing"),
    ],
)
def test_memory_grows_when_its_second_half_is_higher(samples: list[float], expected: bool) -> None:
    assert grows(samples) is expected


def report(per_second: float, **more: Any) -> dict[str, Any]:
    return {"per_second": per_second, "latency_micros": {"p50": 1e3, "p99": 2e3}, "failed": 0, **more}


def engine(threads: int, joined: int, per_second: float, p50: float) -> dict[str, Any]:
    return {
        "threads": threads,
        "joined": joined,
        "requests_per_second": per_second * joined,
        "latency_micros": {"p50": p50},
    }


def test_the_limit_is_the_engine_at_its_best_number_of_rows() -> None:
    limit = best({"results": [engine(1, 1, 10_000, 90), engine(1, 64, 500, 1900), engine(2, 8, 3500, 500)]})
    assert (limit.rows_per_second, limit.threads, limit.joined, limit.p50_micros) == (32_000, 1, 64, 90)


def test_a_row_has_its_best_engine_and_the_tensorflow_engine() -> None:
    reports = {
        "tensorflow": {ROW.name: [report(6_000), report(7_000), report(8_000)]},
        "openvino": {ROW.name: [report(30_000)]},
        "synchronous": {ROW.name: [report(4_000)]},
    }
    limits = {
        name: {MNIST_CNN.name: best({"results": [engine(1, 1, 60_000, 90)]})} for name in ("tensorflow", "openvino")
    }
    found = [(line.engine, line.target, line.met, line.share) for line in row_lines(ROW, reports, limits)]
    assert found == [
        ("openvino", "≥ 5x", "yes", "50%"),
        ("tensorflow alone", "≥ 1.5x", "yes", "12%"),
        ("synchronous", "", "", "7%"),
    ]
    assert next(row_lines(ROW, reports, limits)).ratio == "6.82x"
    assert [line.spread for line in row_lines(ROW, reports, limits)][1] == "-14% +14%"
    assert not list(row_lines(ROW, {"tensorflow": {ROW.name: []}}, limits))


def test_an_overload_is_told_as_goodput_refusals_and_memory() -> None:
    over = report(
        88.0,
        succeeded=88,
        failed=200,
        failures={"grpc 8": 200},
        failure_latency_micros={"grpc 8": {"p50": 900.0, "p99": 12_000.0}},
    )
    overload = Overload([report(90.0), report(110.0)], over, 1.0, [100 << 20, 110 << 20, 111 << 20, 105 << 20])
    goodput, refusals, memory = overload_lines(CASES[0], "tensorflow", overload)
    assert (goodput.measured, goodput.ratio, goodput.met) == ("88.0/s of 100/s", "0.88x", "no")
    assert (refusals.measured, refusals.p99, refusals.met) == ("900 µs", "12 ms", "no")
    assert (memory.measured, memory.met) == ("100 MiB → 111 MiB → 105 MiB", "yes")
    assert overload.unsent_share == 0


def test_names_choose_what_is_measured() -> None:
    options = arguments(["--only=cnn_grpc_1", "--only=memory", "--engines=tensorflow"])
    assert ([row.name for row in options.rows], options.cases, options.parts) == (["cnn_grpc_1"], [], ["memory"])
    everything = arguments([])
    assert (len(everything.rows), len(everything.cases), everything.rounds) == (len(ROWS), len(CASES), 3)
    with pytest.raises(SystemExit):
        arguments(["--only=nothing"])


def test_joined_requests_are_longer_in_front() -> None:
    assert MNIST_CNN.of_rows(32).input == "image=float32:32,28,28,1:random"
    assert spread([3.0, 1.0, 2.0]).median == 2.0


def test_a_table_is_also_text_for_a_page() -> None:
    assert markdown(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
