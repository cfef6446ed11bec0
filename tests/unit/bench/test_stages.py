"""The server's stages out of its metrics page."""

from __future__ import annotations

import pytest

from seaway.bench.stages import StageTotal, metrics_target, parse_totals, stage_micros
from seaway.bench.target import Target
from seaway.errors import InvalidArgument

NAME = "seaway_request_stage_seconds"
LABELS = 'api="grpc",model="m",signature="{signature}",stage="{stage}",version="1"'


def page(signature: str, stage: str, seconds: float, requests: int, model: str = "m") -> str:
    labels = LABELS.format(signature=signature, stage=stage).replace('"m"', f'"{model}"')
    bucket = f'{NAME}_bucket{{{labels},le="0.1"}} {requests}\n'
    return f"{bucket}{NAME}_sum{{{labels}}} {seconds}\n{NAME}_count{{{labels}}} {requests}\n"


def test_stages_are_added_up_over_signatures_and_not_over_models() -> None:
    text = "# HELP\n" + page("a", "run", 1.5, 10) + page("b", "run", 0.5, 5) + page("a", "run", 9.0, 9, model="other")
    assert parse_totals(text, "m", "grpc") == {"run": StageTotal(2.0, 15.0)}
    assert parse_totals(text, "m", "rest") == {}


def test_the_split_is_what_came_between_two_readings_in_the_order_of_a_request() -> None:
    before = {"run": StageTotal(1.0, 10), "encode": StageTotal(1.0, 10)}
    after = {"run": StageTotal(1.5, 110), "decode": StageTotal(0.001, 100), "encode": StageTotal(1.0, 10)}
    assert stage_micros(before, after) == pytest.approx({"decode": 10.0, "run": 5000.0})
    assert list(stage_micros(before, after)) == ["decode", "run"]


@pytest.mark.parametrize(
    ("target", "asked", "expected"),
    [
        pytest.param(Target("rest", "h", 80), "", Target("rest", "h", 80), id="rest-tells-its-own"),
        pytest.param(Target("grpc", "h", 8500), "", Target("rest", "h", 8501), id="the-usual-pair-of-ports"),
        pytest.param(Target("grpc", "h", 9), "", None, id="nobody-knows"),
        pytest.param(Target("grpc", "h", 9), "http://g:10", Target("rest", "g", 10), id="as-asked"),
        pytest.param(
            Target("grpc", "h", 9),
            "http://g:10/monitoring/prometheus/metrics",
            Target("rest", "g", 10),
            id="as-asked-with-the-path",
        ),
    ],
)
def test_metrics_are_read_where_they_are(target: Target, asked: str, expected: Target | None) -> None:
    assert metrics_target(target, asked) == expected


def test_metrics_are_not_on_a_grpc_port() -> None:
    with pytest.raises(InvalidArgument, match="REST"):
        metrics_target(Target("grpc", "h", 8500), "h:8501")
