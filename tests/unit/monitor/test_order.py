"""Versions are sorted as numbers wherever they are listed."""

from __future__ import annotations

import pytest

from seaway.monitor.order import in_order, place


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(["10", "9", "1"], ["1", "9", "10"], id="versions-are-numbers"),
        pytest.param(["2", "live", "", "10"], ["", "live", "2", "10"], id="names-come-first"),
        pytest.param(["٣", "2"], ["٣", "2"], id="digits-of-other-writings-are-names"),
        pytest.param(["9" * 5000, "1", "9" * 21], ["9" * 21, "9" * 5000, "1"], id="too-long-for-a-version-is-a-name"),
    ],
)
def test_versions_come_in_the_order_of_numbers(given: list[str], expected: list[str]) -> None:
    assert sorted(given, key=place) == expected


def test_of_several_values_the_first_counts_most() -> None:
    assert sorted([("m", "10"), ("n", "1"), ("m", "9")], key=in_order) == [("m", "9"), ("m", "10"), ("n", "1")]
