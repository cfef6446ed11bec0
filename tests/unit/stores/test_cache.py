"""One copy of each version, whoever asks for it, within a bound."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from seaway import errors
from seaway.clock import SystemClock
from seaway.stores.cache import Cache, Lease
from seaway.stores.lock import try_lock
from seaway.stores.tree import Checksum, StoredFile, Tree
from tests.support.fakes import FakeClock

LONG_S = 60.0


def tree(name: str, size: int = 40) -> Tree:
    """A version of two files."""
    return Tree(
        f"s3://b/m/{name}",
        tuple(
            StoredFile(path, size // 2, name, checksum=Checksum("md5", name)) for path in ("saved_model.pb", "assets/a")
        ),
    )


class Fetches:
    """Writes what a tree lists, and remembers what was fetched."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.failures: list[errors.SeawayError] = []
        self.kept: list[list[str]] = []

    def __call__(self, tree: Tree, directory: Path, is_cancelled: Callable[[], bool]) -> None:
        self.kept.append(sorted(file.name for file in directory.rglob("*") if file.is_file()))
        self.fetched.append(tree.url)
        for file in tree.files:
            (directory / file.path).parent.mkdir(parents=True, exist_ok=True)
            (directory / file.path).write_bytes(bytes(file.size_bytes or 0))
            if self.failures:
                raise self.failures.pop()


@pytest.fixture
def fetches() -> Fetches:
    return Fetches()


@pytest.fixture
def cache(tmp_path: Path, fetches: Fetches) -> Cache:
    return Cache(tmp_path / "cache", 100, fetches, FakeClock())


def hold(cache: Cache, wanted: Tree) -> Lease:
    return cache.hold(wanted, threading.Event(), LONG_S)


def use(cache: Cache, wanted: Tree, used_s: float) -> None:
    """Fetch and let go, at a moment."""
    hold(cache, wanted).release()
    os.utime(cache.place(wanted.digest).with_name("lock"), (used_s, used_s))


def test_a_version_is_fetched_once_and_lies_where_it_was_said_to(cache: Cache, fetches: Fetches) -> None:
    first, second = hold(cache, tree("1")), hold(cache, tree("1"))
    assert first.path == second.path == cache.place(tree("1").digest)
    assert (first.path / "assets" / "a").stat().st_size == 20
    assert fetches.fetched == ["s3://b/m/1"]
    first.release()
    second.release()


def test_the_copy_of_another_store_with_the_same_contents_serves_as_well(cache: Cache, fetches: Fetches) -> None:
    hold(cache, tree("1")).release()
    hold(cache, Tree("gs://other/m/7", tree("1").files)).release()
    assert len(fetches.fetched) == 1


def test_the_least_recently_used_copy_makes_room(cache: Cache) -> None:
    use(cache, tree("1"), used_s=1.0)
    use(cache, tree("2"), used_s=2.0)
    use(cache, tree("3"), used_s=3.0)
    assert not cache.place(tree("1").digest).exists()
    assert {entry.digest for entry in cache.entries()} == {tree("2").digest, tree("3").digest}


def test_a_copy_that_is_held_never_goes(cache: Cache, fetches: Fetches) -> None:
    held = hold(cache, tree("1"))
    use(cache, tree("2"), used_s=2.0)
    use(cache, tree("3"), used_s=3.0)
    assert held.path.is_dir()
    assert not cache.place(tree("2").digest).exists()
    with pytest.raises(errors.ResourceExhausted, match="no room for 80 bytes beside 40 bytes in use"):
        hold(cache, tree("4", 80))
    held.release()
    hold(cache, tree("4", 80)).release()
    assert "s3://b/m/4" in fetches.fetched


def test_a_copy_that_was_tampered_with_is_fetched_anew(cache: Cache, fetches: Fetches) -> None:
    hold(cache, tree("1")).release()
    (cache.place(tree("1").digest) / "assets" / "a").write_bytes(b"short")
    lease = hold(cache, tree("1"))
    assert (lease.path / "assets" / "a").stat().st_size == 20
    assert len(fetches.fetched) == 2
    lease.release()


def test_a_fetch_that_fails_leaves_what_it_has_for_the_next_and_nothing_to_serve(
    cache: Cache, fetches: Fetches
) -> None:
    fetches.failures = [errors.Unavailable("the store is down")]
    with pytest.raises(errors.Unavailable, match="the store is down"):
        hold(cache, tree("1"))
    assert not cache.place(tree("1").digest).exists()
    hold(cache, tree("1")).release()
    assert fetches.kept == [[], ["saved_model.pb"]]


def test_what_was_fetched_of_a_version_that_has_changed_is_thrown_away(cache: Cache, fetches: Fetches) -> None:
    fetches.failures = [errors.Aborted("it has changed")]
    with pytest.raises(errors.Aborted):
        hold(cache, tree("1"))
    assert not cache.place(tree("1").digest).with_name("partial").exists()


def test_what_a_crash_left_is_swept_and_what_is_whole_or_being_fetched_stays(tmp_path: Path, cache: Cache) -> None:
    hold(cache, tree("1")).release()
    crashed, fetched = tmp_path / "cache" / "crashed", tmp_path / "cache" / "fetched"
    for directory in (crashed, fetched, tmp_path / "cache" / ".going-x"):
        (directory / "partial").mkdir(parents=True)
        (directory / "partial" / "saved_model.pb").write_bytes(b"half")
    lock = try_lock(fetched / "lock", exclusive=True)
    assert lock is not None
    cache.sweep()
    assert sorted(each.name for each in (tmp_path / "cache").iterdir() if each.is_dir()) == sorted(
        [tree("1").digest, "fetched"]
    )
    lock.release()


def test_nothing_is_made_before_something_is_held(tmp_path: Path, cache: Cache) -> None:
    cache.sweep()
    assert cache.entries() == []
    assert not (tmp_path / "cache").exists()


def test_who_comes_second_waits_for_the_first_and_does_not_fetch(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    fetches = Fetches()

    def slow(tree: Tree, directory: Path, is_cancelled: Callable[[], bool]) -> None:
        begun.set()
        assert go_on.wait(LONG_S)
        fetches(tree, directory, is_cancelled)

    first, second = (Cache(tmp_path, 100, slow, SystemClock()) for _ in range(2))
    leases: list[Lease] = []
    threads = [
        threading.Thread(target=lambda each=each: leases.append(hold(each, tree("1")))) for each in (first, second)
    ]
    threads[0].start()
    assert begun.wait(LONG_S)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(LONG_S)
    assert len(leases) == 2
    assert fetches.fetched == ["s3://b/m/1"]
    for lease in leases:
        lease.release()


def test_who_waits_ends_when_it_is_no_longer_wanted_or_takes_too_long(tmp_path: Path, fetches: Fetches) -> None:
    clock = FakeClock()
    cache = Cache(tmp_path, 100, fetches, clock)
    other = try_lock(tmp_path / tree("1").digest / "lock", exclusive=True)
    assert other is not None
    with pytest.raises(errors.DeadlineExceeded, match=r"model_store\.fetch_timeout_s"):
        cache.hold(tree("1"), threading.Event(), 5.0)
    cancelled = threading.Event()
    clock.on_wait = cancelled.set
    with pytest.raises(errors.Cancelled):
        cache.hold(tree("1"), cancelled, LONG_S)
    other.release()
    assert fetches.fetched == []


def test_a_cache_that_cannot_be_written_says_where_it_is(tmp_path: Path, fetches: Fetches) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(errors.SeawayError, match=f"cache of fetched models {tmp_path}/file cannot be used"):
        hold(Cache(tmp_path / "file", 0, fetches, FakeClock()), tree("1"))


def test_what_others_have_yet_to_fetch_is_not_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetches = Fetches()
    cache = Cache(tmp_path, 0, fetches, FakeClock())
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=60))
    other = tmp_path / "other"
    (other / "partial").mkdir(parents=True)
    (other / "partial" / "saved_model.pb").write_bytes(bytes(10))
    lock = try_lock(other / "lock", exclusive=True)
    assert lock is not None
    lock.write('{"size_bytes": 35}')
    with pytest.raises(errors.ResourceExhausted, match="no room for 40 bytes"):
        hold(cache, tree("1", 40))
    hold(cache, tree("2", 34)).release()
    lock.release()
