"""A directory as a store, for who writes to either kind."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from seaway import errors
from seaway.stores.opened import open_store
from seaway.stores.store import Watch, versions

NEVER = threading.Event()


@pytest.fixture
def version(tmp_path: Path) -> Path:
    directory = tmp_path / "version"
    (directory / "assets").mkdir(parents=True)
    (directory / "saved_model.pb").write_bytes(b"graph")
    (directory / "assets" / "a").write_bytes(b"asset")
    return directory


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_version_is_there_as_a_whole(tmp_path: Path, version: Path, form: str) -> None:
    store = open_store(form.format(tmp_path / "store"))
    heard: list[int] = []
    store.put_tree(version, "m/3", Watch(NEVER, heard.append))
    assert (tmp_path / "store" / "m" / "3" / "assets" / "a").read_bytes() == b"asset"
    assert [each.name for each in (tmp_path / "store" / "m").iterdir()] == ["3"]
    assert versions(store, 1.0, "m") == (3,)
    assert sum(heard) == 10


def test_a_version_that_is_no_longer_wanted_leaves_nothing(tmp_path: Path, version: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(errors.Cancelled):
        open_store(str(tmp_path / "store")).put_tree(version, "1", Watch(cancelled))
    assert list((tmp_path / "store").iterdir()) == []


def test_a_version_that_is_there_is_not_written_over(tmp_path: Path, version: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    store.put_tree(version, "1", Watch(NEVER))
    with pytest.raises(errors.AlreadyExists):
        store.put_tree(version, "1", Watch(NEVER))


@pytest.mark.parametrize("path", ["../1", "/1"])
def test_a_version_stays_inside_its_store(tmp_path: Path, version: Path, path: str) -> None:
    with pytest.raises(errors.InvalidArgument, match="no path inside it"):
        open_store(str(tmp_path / "store")).put_tree(version, path, Watch(NEVER))


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFound, match=f"{tmp_path}/none cannot be listed"):
        open_store(f"{tmp_path}/none").list(1.0)
