"""Whether an answer is the one that a case of the table expects."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.conformance import carriers
from tests.support.conformance.cases import Predict


def check(outcome: carriers.Outcome, case: Predict) -> None:
    """Fail unless it is an answer with exactly these outputs, numbers to the digits that float32 keeps."""
    assert outcome.code == "", outcome.text
    assert set(outcome.outputs) == set(case.outputs)
    for name, expected in case.outputs.items():
        assert outcome.outputs[name] == (near(expected) if holds_floats(expected) else expected)


def near(expected: Any) -> Any:
    """Equal to the seven digits that float32 keeps, wherever the numbers are nested."""
    return [near(item) for item in expected] if isinstance(expected, list) else pytest.approx(expected, rel=1e-6)


def holds_floats(value: Any) -> bool:
    """Whether there is a float, however deep in lists."""
    return any(map(holds_floats, value)) if isinstance(value, list) else isinstance(value, float)
