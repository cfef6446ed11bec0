"""The store: what goes in comes out, the same at every resolution, after a crash, and while a backup is taken."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from seaway.errors import DataLoss, FailedPrecondition, NotFound, ResourceExhausted
from seaway.monitor.point import Change, Kind, Point, Sample, Series
from seaway.monitor.store.schema import RESOLUTIONS, pack, unpack
from seaway.monitor.store.store import Event, Matcher, Store, open_existing

BEGIN = 1_700_000_100_000  # ends a step of every resolution
REQUESTS = Series("requests", (("model", "m"),), Kind.COUNTER)
MEMORY = Series("memory", (("model", "m"),), Kind.GAUGE)
SECONDS = Series("seconds", (("model", "m"),), Kind.HISTOGRAM, (1.0, 2.0))
HOUR = 3_600_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "monitor.db")
    yield store
    store.close()


def fill(store: Store, until_s: int, every_s: int = 5) -> None:
    """Write a sample of each series every few seconds, and roll up and forget as time goes on."""
    for second in range(every_s, until_s + 1, every_s):
        at = BEGIN + second * 1000
        buckets = [1.0, 0.0, float(second % 3)]
        store.append(
            [
                Sample(REQUESTS, Point(at, 2.0)),
                Sample(MEMORY, Point(at, float(second), low=float(second), high=float(second))),
                Sample(SECONDS, Point(at, 0.5, sum(buckets), buckets=buckets)),
            ]
        )
        if second % 600 == 0:
            store.roll_up(at)
            store.forget(at, 10**9)


def total(store: Store, name: str, until: int, step: int, after: int = BEGIN) -> float:
    return sum(point.value for run in store.read(name, (), after, until, step) for point in run.points)


@pytest.mark.parametrize("step", [0, 10_000, 60_000, 900_000])
def test_every_resolution_has_the_same_sums(store: Store, step: int) -> None:
    fill(store, 2 * 3600)
    until = BEGIN + 2 * HOUR
    assert total(store, "requests", until, step) == 2 * 3600 / 5 * 2.0
    (run,) = store.read("memory", (), BEGIN, until, step)
    assert min(point.low for point in run.points) == 5.0
    assert max(point.high for point in run.points) == 7200.0
    assert sum(point.number for point in run.points) == 1440
    (run,) = store.read("seconds", (), BEGIN, until, step)
    assert sum(point.buckets[0] for point in run.points) == 1440
    assert sum(point.number for point in run.points) == sum(sum(point.buckets) for point in run.points)


def test_what_is_no_longer_fine_is_answered_by_what_is_coarse(store: Store) -> None:
    fill(store, 5 * 3600, every_s=20)
    until = BEGIN + 5 * HOUR
    (run,) = store.read("requests", (), BEGIN, until, 0)
    # The first minute by one row of a minute, the rest by rows of ten seconds: raw ones of two hours are forgotten.
    assert run.points[0].at == BEGIN + 60_000
    assert total(store, "requests", until, 0) == 5 * 3600 / 20 * 2.0
    gaps = {after.at - before.at for before, after in pairwise(run.points)}
    assert gaps == {20_000}


def test_days_are_kept_in_few_rows(store: Store) -> None:
    step = 60
    for second in range(step, 86_400 * 2 + 1, step):
        at = BEGIN + second * 1000
        store.append([Sample(REQUESTS, Point(at, 1.0))])
        if second % 3600 == 0:
            store.roll_up(at)
            store.forget(at, 10**9)
    until = BEGIN + 48 * HOUR
    store.roll_up(until + 900_000)
    assert total(store, "requests", until, 900_000) == 2 * 1440
    assert total(store, "requests", until, 0) == 2 * 1440
    (run,) = store.read("requests", (), BEGIN, until, 900_000)
    assert len(run.points) == 2 * 96


def test_a_small_bound_costs_detail_before_history(store: Store) -> None:
    for second in range(5, 7200, 5):
        at = BEGIN + second * 1000
        named = [Series("requests", (("model", f"m{number}"),), Kind.COUNTER) for number in range(20)]
        store.append([Sample(series, Point(at, 1.0)) for series in named])
    store.roll_up(BEGIN + 7200_000)
    before = store.used_bytes()
    store.forget(BEGIN + 7200_000, before // 2)
    assert store.used_bytes() <= before // 2
    oldest = min(
        point.at for run in store.read("requests", (), BEGIN, BEGIN + 7200_000, 60_000) for point in run.points
    )
    assert oldest == BEGIN + 60_000


def test_names_of_which_nothing_is_kept_are_forgotten(store: Store) -> None:
    for number in range(100):
        series = Series("requests", (("model", f"m{number}"),), Kind.COUNTER)
        store.append([Sample(series, Point(BEGIN + 1 + number * HOUR, 1.0))])
    now = BEGIN + 100 * HOUR
    store.forget(now, 10**9)
    assert store.forget_series() == 97
    assert len(store.series("requests")) == 3
    store.append([Sample(Series("requests", (("model", "m0"),), Kind.COUNTER), Point(now, 5.0))])
    (run,) = store.read("requests", (Matcher("model", "m0"),), now - HOUR, now)
    assert [point.value for point in run.points] == [5.0]


@pytest.mark.parametrize(
    ("matcher", "wanted"),
    [
        pytest.param(Matcher("model", "a"), ["a"], id="equal"),
        pytest.param(Matcher("model", "a", is_equal=False), ["b", "b'; DROP TABLE series; --"], id="not-equal"),
        pytest.param(Matcher("model", "a|b", is_pattern=True), ["a", "b"], id="pattern"),
        pytest.param(Matcher("model", "b.*", is_equal=False, is_pattern=True), ["a"], id="not-pattern"),
        pytest.param(Matcher("other", ""), ["a", "b", "b'; DROP TABLE series; --"], id="not-there"),
    ],
)
def test_series_are_found_by_their_labels(store: Store, matcher: Matcher, wanted: list[str]) -> None:
    for model in ("a", "b", "b'; DROP TABLE series; --"):
        store.append([Sample(Series("requests", (("model", model),), Kind.COUNTER), Point(BEGIN + 1, 1.0))])
    found = store.read("requests", (matcher,), BEGIN, BEGIN + 1)
    assert [dict(run.series.labels)["model"] for run in found] == wanted


def test_a_store_is_there_again_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "monitor.db"
    first = Store(path)
    first.append([Sample(REQUESTS, Point(BEGIN + 1, 3.0))])
    first.note(Event(BEGIN + 1, "alert", {"model": "m"}, "it is slow"))
    first.close()
    again = open_existing(path)
    again.append([Sample(REQUESTS, Point(BEGIN + 2, 4.0))])
    assert total(again, "requests", BEGIN + 2, 0) == 7.0
    assert again.events(BEGIN, BEGIN + 1) == [Event(BEGIN + 1, "alert", {"model": "m"}, "it is slow")]
    again.close()


WRITER = """
import sys
from pathlib import Path
from seaway.monitor.point import Change, Kind, Point, Sample, Series
from seaway.monitor.store.store import Store
store = Store(Path(sys.argv[1]))
for number in range(1, 1_000_000):
    store.append([Sample(Series("requests", (("n", str(n)),), Kind.COUNTER), Point(number, 1.0)) for n in range(5)])
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_whole_transactions(tmp_path: Path) -> None:
    path = tmp_path / "monitor.db"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    for _ in range(random.randrange(20, 60)):
        writer.stdout.readline()
    os.kill(writer.pid, signal.SIGKILL)
    said = [int(line) for line in writer.stdout.read().splitlines()]
    writer.wait()
    writer.stdout.close()
    store = Store(path)
    runs = store.read("requests", (), 0, 2_000_000)
    lengths = {len(run.points) for run in runs}
    assert len(runs) == 5
    assert len(lengths) == 1
    assert lengths.pop() >= max(said, default=1)
    store.close()


def test_a_backup_is_whole_while_it_is_written_to(store: Store, tmp_path: Path) -> None:
    fill(store, 600)
    copy = tmp_path / "copy.db"
    store.back_up(copy)
    store.append([Sample(REQUESTS, Point(BEGIN + 700_000, 1.0))])
    restored = Store(copy)
    assert total(restored, "requests", BEGIN + 700_000, 0) == 240.0
    restored.close()
    with pytest.raises(FailedPrecondition, match="is there already"):
        store.back_up(copy)


def test_what_cannot_be_written_is_said_and_what_is_there_stays(tmp_path: Path) -> None:
    store = Store(tmp_path / "monitor.db")
    store.append([Sample(REQUESTS, Point(BEGIN + 1, 3.0))])
    # As a full disk: SQLite may not make the file any larger.
    store._writer.execute(f"PRAGMA max_page_count = {store._writer.execute('PRAGMA page_count').fetchone()[0]}")
    many = [Sample(Series("requests", (("n", str(n)),), Kind.COUNTER), Point(BEGIN + 2, 1.0)) for n in range(5000)]
    with pytest.raises(ResourceExhausted, match="cannot be written: database or disk is full"):
        store.append(many)
    assert total(store, "requests", BEGIN + 2, 0) == 3.0
    store._writer.execute("PRAGMA max_page_count = 100000")
    store.append(many)
    assert total(store, "requests", BEGIN + 2, 0) == 5003.0
    store.close()


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.db").write_text("This is a text of some length, and no database at all." * 100)
    with pytest.raises(DataLoss, match="is no store of the monitor"):
        Store(tmp_path / "other.db")
    with pytest.raises(NotFound, match="there is no store"):
        open_existing(tmp_path / "none.db")
    later = sqlite3.connect(tmp_path / "later.db")
    later.execute("PRAGMA user_version = 99")
    later.close()
    with pytest.raises(FailedPrecondition, match="later Seaway"):
        Store(tmp_path / "later.db")


def test_a_full_disk_at_the_start_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(store: Store) -> sqlite3.Connection:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Store, "_open", full)
    with pytest.raises(ResourceExhausted, match="cannot be written: database or disk is full; make room"):
        Store(tmp_path / "monitor.db")


def looked(store: Store, second: int, *changes: Change, is_whole: bool = False) -> None:
    """A look that found a gauge, which says when it was, and what came and went."""
    store.append([Sample(MEMORY, Point(BEGIN + second * 1000, 1.0))], changes, is_whole)


def came(second: int, series: Series = REQUESTS) -> Change:
    return Change(series, BEGIN + second * 1000, is_there=True)


def went(second: int, series: Series = REQUESTS) -> Change:
    return Change(series, BEGIN + second * 1000, is_there=False)


def seen(store: Store, name: str = "requests") -> list[tuple[float, float]]:
    runs = store.read(name, (), BEGIN, BEGIN + 100 * HOUR, idle=True)
    return [((began - BEGIN) / 1000, (ended - BEGIN) / 1000) for run in runs for began, ended in run.seen or ()]


def test_a_series_is_there_from_its_first_look_to_the_last_one(store: Store) -> None:
    looked(store, 5, came(5), is_whole=True)
    looked(store, 10)
    assert seen(store) == [(5, 10)]
    looked(store, 15, went(10))
    looked(store, 20)
    assert seen(store) == [(5, 10)]
    assert store.read("requests", (), BEGIN, BEGIN + HOUR) == []


def test_a_short_absence_is_none_and_a_long_one_is(store: Store) -> None:
    looked(store, 5, came(5), is_whole=True)
    looked(store, 15, went(10))
    looked(store, 200, came(200))
    looked(store, 205)
    assert seen(store) == [(5, 205)]
    looked(store, 210, went(205))
    looked(store, 600, came(600))
    looked(store, 605)
    assert seen(store) == [(5, 205), (600, 605)]


@pytest.mark.parametrize(("away_s", "expected"), [(60, [(5, 75)]), (600, [(5, 10), (610, 615)])])
def test_who_comes_back_after_a_crash_goes_on_or_begins_anew(
    store: Store, away_s: int, expected: list[tuple[float, float]]
) -> None:
    other = Series("other", (), Kind.COUNTER)
    looked(store, 5, came(5), came(5, other), is_whole=True)
    looked(store, 10)
    # A killed monitor said of nothing that it went; its successor tells all that is there.
    looked(store, 10 + away_s, came(10 + away_s), is_whole=True)
    looked(store, 15 + away_s)
    assert seen(store) == expected
    assert seen(store, "other") == [(5, 10)]


def test_presence_is_kept_with_its_samples_or_not_at_all(store: Store) -> None:
    def broken() -> Iterator[Change]:
        yield came(5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.append([], broken())
    looked(store, 5, came(5))
    looked(store, 10)
    assert seen(store) == [(5, 10)]


def test_names_that_are_there_are_not_forgotten_and_those_that_went_long_ago_are(store: Store) -> None:
    other = Series("other", (), Kind.COUNTER)
    looked(store, 5, came(5), came(5, other))
    looked(store, 10, went(5, other))
    assert store.forget_series() == 0
    looked(store, 4 * 3600)
    assert store.forget_series() == 1
    assert [each.name for each in store.series("")] == ["requests", "memory"]
    assert seen(store) == [(5, 4 * 3600)]


def test_buckets_are_small_and_come_back() -> None:
    counts = [0.0] * 48
    counts[7], counts[8] = 3.0, 70_000.0
    assert len(pack(counts)) <= 9
    assert unpack(pack(counts), 48) == counts


def test_resolutions_are_multiples_of_one_another() -> None:
    steps = [each.step_ms for each in RESOLUTIONS[1:]]
    assert all(coarser % finer == 0 for finer, coarser in pairwise(steps))
    assert [each.keep_ms for each in RESOLUTIONS] == sorted(each.keep_ms for each in RESOLUTIONS)
