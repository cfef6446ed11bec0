"""What came and what went between two answers of a server, by tables; and that nothing is said when nothing did."""

from __future__ import annotations

import pytest

from seaway.monitor.collect.exposition import Exposition, Histogram
from seaway.monitor.collect.presence import NOTHING, changes, present
from seaway.monitor.point import Change, Kind, Series

SERVER = (("instance", "a:1"),)


def said(*counters: str, **histograms: tuple[float, ...]) -> Exposition:
    whole = {(name, ()): Histogram(bounds, (0.0,) * len(bounds), 0.0, 0.0) for name, bounds in histograms.items()}
    return Exposition({(name, ()): 0.0 for name in counters}, {("depth", ()): 1.0}, whole)


def counter(name: str) -> Series:
    return Series(name, SERVER, Kind.COUNTER)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(said("a", h=(1.0,)), said("a", h=(1.0,)), [], id="as-it-was"),
        pytest.param(said("a"), said("a", "b"), [Change(counter("b"), 2, True)], id="one-came"),
        pytest.param(said("a", "b"), said("a"), [Change(counter("b"), 1, False)], id="one-went"),
        pytest.param(
            said("a"), said("b"), [Change(counter("a"), 1, False), Change(counter("b"), 2, True)], id="one-for-another"
        ),
        pytest.param(
            said(h=(1.0,)),
            said(h=(2.0,)),
            [
                Change(Series("h", SERVER, Kind.HISTOGRAM, (1.0,)), 1, False),
                Change(Series("h", SERVER, Kind.HISTOGRAM, (2.0,)), 2, True),
            ],
            id="other-bounds",
        ),
    ],
)
def test_what_came_and_went(before: Exposition, now: Exposition, expected: list[Change]) -> None:
    first = present(NOTHING, before, 1, SERVER)
    second = present(first, now, 2, SERVER)
    assert list(changes(first, second)) == expected


def test_at_first_all_came_and_at_last_all_went_when_they_were_seen_last() -> None:
    first = present(NOTHING, said("a"), 1, SERVER)
    again = present(first, said("a"), 5, SERVER)
    assert list(changes(NOTHING, first)) == [Change(counter("a"), 1, True)]
    assert list(changes(again, NOTHING)) == [Change(counter("a"), 5, False)]
