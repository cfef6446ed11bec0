"""Values of answers, by tables."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seaway.monitor.query.answer import ByLabels, by_labels, finite
from seaway.monitor.question import Result

NINE, TEN = (("model", "m"), ("version", "9")), (("model", "m"), ("version", "10"))


@pytest.mark.parametrize(
    ("answer", "names", "expected"),
    [
        pytest.param(2.5, ("model",), {(): 2.5}, id="a-number-has-no-labels"),
        pytest.param({NINE: np.array([1.0]), TEN: np.array([2.0])}, ("version",), {("9",): 1.0, ("10",): 2.0}, id="by"),
        pytest.param(
            {NINE: np.array([math.nan]), TEN: np.array([0.0])}, ("version",), {("10",): 0.0}, id="none-is-left"
        ),
        pytest.param({NINE: np.array([1.0])}, ("instance", "model"), {("", "m"): 1.0}, id="a-missing-label-is-empty"),
        pytest.param({}, ("model",), {}, id="nothing"),
    ],
)
def test_values_are_found_by_their_labels(answer: Result, names: tuple[str, ...], expected: ByLabels) -> None:
    assert by_labels(answer, names) == expected


def test_what_cannot_be_drawn_is_none() -> None:
    assert [finite(each) for each in (0.0, -1.5, math.nan, math.inf, -math.inf)] == [0.0, -1.5, None, None, None]
