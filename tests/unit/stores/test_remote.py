"""What lies behind a URL is listed, fetched and written, on fsspec's file system in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import fsspec.asyn
import pytest

from seaway import errors
from seaway.clock import SystemClock
from seaway.stores.opened import open_store
from seaway.stores.remote import RemoteStore
from seaway.stores.store import Watch, versions

NEVER = threading.Event()


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """The file system that all `memory://` URLs share, empty before and after."""
    filesystem = fsspec.filesystem("memory")
    filesystem.store.clear()
    yield filesystem
    filesystem.store.clear()


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """The directory of a version."""
    directory = tmp_path / "version"
    (directory / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"):
        (directory / name).write_text(name)
    return directory


def test_what_is_put_is_listed_and_comes_back(memory: fsspec.AbstractFileSystem, version: Path, tmp_path: Path) -> None:
    store = open_store("memory://models/m/")
    store.put_tree(version, "7", Watch(NEVER))
    assert [(file.path, file.size_bytes) for file in store.list(1.0)] == [
        ("7/saved_model.pb", 14),
        ("7/variables/variables.data-00000-of-00001", 39),
        ("7/variables/variables.index", 25),
    ]
    assert versions(store, 1.0) == (7,)
    assert [file.path for file in store.list(1.0, "7/variables")] == [
        "variables.data-00000-of-00001",
        "variables.index",
    ]
    heard: list[int] = []
    store.fetch("7/saved_model.pb", tmp_path / "back", Watch(NEVER, heard.append))
    assert (tmp_path / "back").read_text() == "saved_model.pb"
    assert sum(heard) == 14


def test_the_graph_is_written_last(
    memory: fsspec.AbstractFileSystem, version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    put = type(memory).put_file

    def noted(self: fsspec.AbstractFileSystem, lpath: str, rpath: str, **named: object) -> None:
        written.append(rpath.rpartition("/")[2])
        put(self, lpath, rpath, **named)

    monkeypatch.setattr(type(memory), "put_file", noted)
    open_store("memory://models/m").put_tree(version, "1", Watch(NEVER))
    assert written[-1] == "saved_model.pb"


def test_an_upload_that_fails_leaves_nothing(
    memory: fsspec.AbstractFileSystem, version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = type(memory).put_file

    def failing(self: fsspec.AbstractFileSystem, lpath: str, rpath: str, **named: object) -> None:
        if rpath.endswith("saved_model.pb"):
            raise OSError("the connection was reset")
        put(self, lpath, rpath, **named)

    monkeypatch.setattr(type(memory), "put_file", failing)
    store = open_store("memory://models/m")
    with pytest.raises(errors.Unavailable, match=r"1/saved_model\.pb cannot be written to memory://models/m"):
        store.put_tree(version, "1", Watch(NEVER))
    assert not memory.store


def test_a_version_that_is_there_is_not_written_over(memory: fsspec.AbstractFileSystem, version: Path) -> None:
    store = open_store("memory://models/m")
    store.put_tree(version, "1", Watch(NEVER))
    with pytest.raises(errors.AlreadyExists, match="give the new one a new number"):
        store.put_tree(version, "1", Watch(NEVER))


def test_what_is_no_model_is_not_written(memory: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no model")
    with pytest.raises(errors.FailedPrecondition, match="is no model"):
        open_store("memory://models/m").put_tree(tmp_path, "1", Watch(NEVER))


def test_a_place_with_nothing_in_it_is_not_found(memory: fsspec.AbstractFileSystem) -> None:
    with pytest.raises(errors.NotFound, match="memory://models/none cannot be listed"):
        open_store("memory://models/none").list(1.0)


def test_what_a_file_system_raises_becomes_an_error_without_credentials(memory: fsspec.AbstractFileSystem) -> None:
    class Broken:
        async_impl = False

        def find(self, *_: object, **__: object) -> None:
            raise ConnectionError("cannot reach https://me:pass@host/x")

    with pytest.raises(errors.Unavailable) as caught:
        RemoteStore("memory://me:pass@host/m", SystemClock(), Broken()).list(1.0)
    assert caught.value.message == (
        "memory://[REDACTED]@host/m cannot be listed: cannot reach https://[REDACTED]@host/x"
    )


def test_a_web_server_is_for_reading(version: Path) -> None:
    with pytest.raises(errors.Unimplemented, match="for reading only"):
        RemoteStore("http://127.0.0.1:1/m", SystemClock(), object()).put_tree(version, "1", Watch(NEVER))


def test_a_store_that_never_answers_is_given_up_in_time_and_its_call_ended() -> None:
    cancelled = threading.Event()

    class Silent(fsspec.asyn.AsyncFileSystem):  # type: ignore[misc] # fsspec has no types
        async def _find(self, *_: object, **__: object) -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                cancelled.set()

    store = RemoteStore("s3://bucket/m", SystemClock(), Silent(skip_instance_cache=True))
    with pytest.raises(errors.Unavailable, match="s3://bucket/m cannot be listed: no answer within 0 s"):
        store.list(0.05)
    assert cancelled.wait(10.0)


def test_a_fetch_that_is_no_longer_wanted_is_ended_even_if_no_byte_comes(tmp_path: Path) -> None:
    wanted = threading.Event()

    class Silent(fsspec.asyn.AsyncFileSystem):  # type: ignore[misc] # fsspec has no types
        async def _get_file(self, *_: object, **__: object) -> None:
            wanted.set()
            await asyncio.sleep(3600)

    store = RemoteStore("s3://bucket/m", SystemClock(), Silent(skip_instance_cache=True))
    with pytest.raises(errors.Cancelled):
        store.fetch("1/saved_model.pb", tmp_path / "file", Watch(wanted))
