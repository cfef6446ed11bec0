"""A version comes whole and checked, or not at all."""

from __future__ import annotations

import base64
import logging
from collections import deque
from pathlib import Path

import google_crc32c
import pytest

from seaway import errors
from seaway.stores.checksum import wrong_content
from seaway.stores.fetch import Fetch, FetchOptions, progress_text
from seaway.stores.tree import StoredFile, Tree, stored_file
from tests.support.fake_stores import FakeStore
from tests.support.fakes import FakeClock

GRAPH, SHARD = "saved_model.pb", "variables/data"


@pytest.fixture
def store() -> FakeStore:
    return FakeStore(**{GRAPH: b"graph", "variables__data": b"weights"})


def fetch(store: FakeStore, directory: Path, clock: FakeClock | None = None, tree: Tree | None = None) -> None:
    Fetch(store, tree or store.tree(), FetchOptions(files_at_once=1), clock or FakeClock()).run(
        directory, lambda: False
    )


def test_every_file_arrives_and_nothing_else_stays(store: FakeStore, tmp_path: Path) -> None:
    fetch(store, tmp_path)
    found = {str(file.relative_to(tmp_path)): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert found == store.contents


@pytest.mark.parametrize(
    "wrong",
    [pytest.param(b"weigh", id="truncated"), pytest.param(b"weightz", id="corrupt"), pytest.param(b"", id="empty")],
)
def test_a_file_that_is_not_what_was_listed_is_fetched_again(store: FakeStore, tmp_path: Path, wrong: bytes) -> None:
    store.faults[SHARD] = deque([wrong, errors.Unavailable("reset"), wrong])
    clock = FakeClock()
    fetch(store, tmp_path, clock)
    assert (tmp_path / SHARD).read_bytes() == b"weights"
    assert store.fetched.count(SHARD) == 4
    assert clock.now() == 1000.0 + 0.5 + 1.0 + 2.0


def test_a_file_that_stays_wrong_is_refused_and_not_left_behind(store: FakeStore, tmp_path: Path) -> None:
    store.faults[SHARD] = deque([b"weightz"] * 4)
    with pytest.raises(
        errors.Unavailable, match=r"variables/data came with the md5 .* in place of .*, from s3://bucket/m/1"
    ):
        fetch(store, tmp_path)
    assert not (tmp_path / SHARD).exists()
    assert not list(tmp_path.rglob("*.part"))


def test_an_etag_that_is_no_checksum_refuses_nothing(store: FakeStore, tmp_path: Path) -> None:
    tree = Tree(
        store.url, tuple(StoredFile(f.path, f.size_bytes, f.tag, checksum=f.checksum) for f in store.tree().files)
    )
    store.faults[SHARD] = deque([b"WEIGHTS"])
    store.is_certain = False
    fetch(store, tmp_path, tree=tree)
    assert (tmp_path / SHARD).read_bytes() == b"WEIGHTS"


def test_crc32c_is_checked_where_that_is_what_the_store_gives(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    crc = base64.b64encode(int(google_crc32c.value(b"content")).to_bytes(4, "big")).decode()
    assert wrong_content(tmp_path / "a", stored_file("a", {"size": 7, "crc32c": crc}, False)) == ""
    assert "crc32c" in wrong_content(tmp_path / "a", stored_file("a", {"size": 7, "crc32c": "AAAAAA=="}, False))


def test_what_is_there_already_is_not_fetched_again(store: FakeStore, tmp_path: Path) -> None:
    (tmp_path / GRAPH).write_bytes(b"graph")
    fetch(store, tmp_path)
    assert store.fetched == [SHARD]


@pytest.mark.parametrize(
    "change", [pytest.param({"c": b"new"}, id="more"), pytest.param({GRAPH: b"other"}, id="other")]
)
def test_a_version_that_changes_while_it_is_fetched_is_not_a_mixture(
    store: FakeStore, tmp_path: Path, change: dict[str, bytes]
) -> None:
    tree = store.tree()
    (tmp_path / GRAPH).write_bytes(b"graph")
    store.contents.update(change)
    with pytest.raises(errors.Aborted, match="has changed while it was fetched"):
        fetch(store, tmp_path, tree=tree)


def test_a_file_that_went_away_is_a_change_and_not_tried_again(store: FakeStore, tmp_path: Path) -> None:
    store.faults[SHARD] = deque([errors.NotFound("no such key")])
    with pytest.raises(errors.Aborted, match="no such key"):
        fetch(store, tmp_path)
    assert store.fetched.count(SHARD) == 1


def test_what_may_not_be_read_is_not_tried_again(store: FakeStore, tmp_path: Path) -> None:
    store.faults[SHARD] = deque([errors.PermissionDenied("403")])
    with pytest.raises(errors.PermissionDenied):
        fetch(store, tmp_path)
    assert store.fetched.count(SHARD) == 1


def test_a_fetch_that_is_no_longer_wanted_ends(store: FakeStore, tmp_path: Path) -> None:
    with pytest.raises(errors.Cancelled):
        Fetch(store, store.tree(), FetchOptions(), FakeClock()).run(tmp_path, lambda: True)


def test_a_listing_that_names_files_outside_writes_nothing(store: FakeStore, tmp_path: Path) -> None:
    tree = Tree(store.url, (StoredFile("../../escaped", 1),))
    with pytest.raises(errors.InvalidArgument, match="no path inside it"):
        fetch(store, tmp_path / "a" / "b", tree=tree)
    assert store.fetched == []


def test_the_log_says_how_far_it_is_and_when_it_is_there(
    store: FakeStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        fetch(store, tmp_path)
    assert "fetched s3://bucket/m/1: 2 files, 12 B in" in caplog.text
    whole = Tree("https://me:pass@host/m/1", (StoredFile("a", 4_000_000_000),))
    assert progress_text(whole, 1_000_000_000, 98_700_000.0) == (
        "fetching https://[REDACTED]@host/m/1: 1.0 GB of 4.0 GB (25 %), 98.7 MB/s"
    )
