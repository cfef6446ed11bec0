"""The moments of a report are those of the rows that a store has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.monitor.report.reader import Reader
from seaway.monitor.store.store import Store
from tests.support.report_samples import BEGIN_S

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
END_MS = BEGIN_S * 1000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "monitor.db")
    yield store
    store.close()


@pytest.mark.parametrize(
    ("length_ms", "step_ms", "points"),
    [
        pytest.param(2 * MINUTE_MS, MINUTE_MS, 2, id="the-shortest"),
        pytest.param(HOUR_MS, MINUTE_MS, 60, id="an-hour-has-each-minute"),
        pytest.param(3 * HOUR_MS, 2 * MINUTE_MS, 90, id="whole-minutes"),
        pytest.param(DAY_MS, 15 * MINUTE_MS, 96, id="a-day-is-read-from-quarters"),
        pytest.param(7 * DAY_MS, 105 * MINUTE_MS, 96, id="whole-quarters"),
    ],
)
def test_steps_are_whole_rows_and_a_line_has_at_most_96(
    store: Store, length_ms: int, step_ms: int, points: int
) -> None:
    reader = Reader(store, "m", END_MS - length_ms, END_MS)
    moments = reader.moments()
    assert (reader.step_ms, len(moments), moments[-1]) == (step_ms, points, END_MS)
    assert moments[0] - step_ms <= reader.start_ms < moments[0]


def test_the_time_before_ends_where_this_one_begins(store: Store) -> None:
    before = Reader(store, "m", END_MS - HOUR_MS, END_MS).before()
    assert (before.start_ms, before.end_ms, before.length) == (END_MS - 2 * HOUR_MS, END_MS - HOUR_MS, "3600000ms")


def test_a_line_of_nothing_has_no_value_at_any_moment(store: Store) -> None:
    reader = Reader(store, "m", END_MS - HOUR_MS, END_MS)
    assert reader.line(reader.increase_each()) == (None,) * 60
    assert reader.line("1 + 1") == (2.0,) * 60
    assert reader.counted(("version",)) == {}
