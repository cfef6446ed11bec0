"""Three digits count, by tables."""

from __future__ import annotations

import pytest

from seaway.monitor.digits import binary, three


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0, "0"), (0.08912, "0.0891"), (56.74, "56.7"), (99.96, "100"), (100.4, "100"), (123_456.0, "123456")],
)
def test_three_digits_count(value: float, written: str) -> None:
    assert three(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        pytest.param(0.0, "0 B", id="nothing"),
        pytest.param(1023.0, "1023 B", id="below-a-unit"),
        pytest.param(1024.0, "1 KiB", id="a-unit"),
        pytest.param(-1536.0, "-1.5 KiB", id="a-difference"),
        pytest.param(5 * 1024.0**3, "5120 MiB", id="the-last-unit-takes-the-rest"),
    ],
)
def test_bytes_are_in_the_first_unit_that_fits(value: float, written: str) -> None:
    assert binary(value, (" B", " KiB", " MiB")) == written
