"""Which figures change an engine."""

from __future__ import annotations

import pytest

from seaway.serving.trial.outcome import Figures, Result, Tried
from seaway.serving.trial.verdict import choose, judge

BASE = Figures(p50_us=1000, requests_per_s=1000)


@pytest.mark.parametrize(
    ("figures", "least_gain", "expected"),
    [
        (Figures(500, 2000), 1.15, True),
        (Figures(1000, 1000), 1.15, False),
        (Figures(1000, 1400), 1.15, True),
        (Figures(1000, 1300), 1.15, False),
        (Figures(1050, 4000), 1.15, True),
        (Figures(1200, 4000), 1.15, False),
        (Figures(250, 850), 1.15, False),
        (Figures(2000, 500), 0.4, True),
        (Figures(2000, 500), 0.6, False),
    ],
    ids=[
        "faster in both",
        "the same",
        "more throughput, enough together",
        "more throughput, too little together",
        "one request is barely slower",
        "one request is clearly slower",
        "less throughput",
        "slower, where that is asked for",
        "slower than what is asked for",
    ],
)
def test_an_engine_takes_over_when_it_gains_enough_and_loses_nowhere(
    figures: Figures, least_gain: float, expected: bool
) -> None:
    takes_over, why = judge("onnx", BASE, figures, least_gain)
    assert takes_over is expected
    assert why.startswith("onnx has ")


def tried(engine: str, result: Result, figures: Figures | None = None) -> Tried:
    return Tried(engine, result, f"{engine} was {result}", base=BASE if figures else None, figures=figures)


def test_the_largest_gain_is_chosen() -> None:
    some, more = tried("onnx", "faster", Figures(600, 1500)), tried("openvino", "faster", Figures(400, 2000))
    decision = choose("tensorflow", [some, more], 7.0)
    assert (decision.engine, decision.base, decision.why) == ("openvino", "tensorflow", "openvino was faster")
    assert decision.tried == (some, more)
    assert decision.decided_at_s == 7.0


def test_without_a_faster_one_the_engine_stays() -> None:
    found = [tried("onnx", "refused"), tried("openvino", "slower", Figures(5000, 200))]
    assert choose("tensorflow", found, 0.0).engine == "tensorflow"
    assert choose("tensorflow", [], 0.0).engine == "tensorflow"
