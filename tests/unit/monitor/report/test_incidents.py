"""Which alerts are of a model."""

from __future__ import annotations

import pytest

from seaway.monitor.report.incidents import concerns


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"model": "m"}, True),
        ({"model": "other", "instance": "a"}, False),
        ({"instance": "a"}, True),
        ({"instance": "b"}, False),
        ({}, False),
    ],
)
def test_alerts_that_concern_a_model(labels: dict[str, str], expected: bool) -> None:
    assert concerns(labels, "m", frozenset({"a"})) == expected
