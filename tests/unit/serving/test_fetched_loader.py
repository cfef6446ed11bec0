"""A copy is held from before the load until after the unload, however either ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from seaway import errors
from seaway.clock import SystemClock
from seaway.repository.ids import ServableId
from seaway.repository.source import AspiredVersion
from seaway.serving.fetched_loader import FetchedLoaders
from seaway.serving.measure import Observation
from seaway.serving.store_metrics import StoreMetrics
from seaway.settings.model_config import ModelConfig
from seaway.stores.cache import Cache
from seaway.stores.tree import StoredFile, Tree
from tests.support.fakes import FakeLoaders

TREE = Tree("s3://b/m/1", (StoredFile("saved_model.pb", 5, "t"),))
LIMIT_S = 30.0


def fetch(tree: Tree, directory: Path, is_cancelled: Callable[[], bool]) -> None:
    (directory / "saved_model.pb").write_bytes(b"graph")


class Bench:
    """Loaders over a cache."""

    def __init__(self, directory: Path, fetch: Callable[[Tree, Path, Callable[[], bool]], None] = fetch) -> None:
        self.cache = Cache(directory, 0, fetch, SystemClock())
        self.inner = FakeLoaders()
        self.told: list[tuple[str, str, float]] = []
        self.loaders = FetchedLoaders(self.cache, self.inner, StoreMetrics(self.tell))
        model = ModelConfig("m", "s3://b/m")
        path = self.cache.place(TREE.digest)
        self.version = AspiredVersion(ServableId("m", 1), path, model, tree=TREE, fetch_timeout_s=LIMIT_S)

    def tell(self, observations: Sequence[Observation]) -> None:
        for each in observations:
            assert each.op == "add"
            assert each.labels["model"] == "m"
            if not each.name.endswith("seconds_total"):
                self.told.append((each.name, each.labels.get("outcome", ""), each.value))

    @property
    def is_held(self) -> bool:
        return any(entry.is_in_use for entry in self.cache.entries())


def ignore(_: errors.SeawayError) -> None:
    pass


def test_a_version_is_fetched_then_loaded_and_held_until_it_is_unloaded(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    loader = bench.loaders(bench.version, ignore)
    assert not bench.version.path.exists()
    loader.load()
    assert (bench.version.path / "saved_model.pb").read_bytes() == b"graph"
    assert bench.is_held
    loader.unload()
    assert bench.inner.log == ["load m 1", "unload m 1"]
    assert not bench.is_held


def test_what_is_fetched_is_counted_and_what_is_there_is_not(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for _ in range(2):
        bench.loaders(bench.version, ignore).load()
    fetched = [("seaway_model_store_fetches_total", "ok", 1.0), ("seaway_model_store_fetched_bytes_total", "", 5.0)]
    assert bench.told == fetched


def test_a_fetch_that_fails_is_counted_and_a_load_that_fails_is_not(tmp_path: Path) -> None:
    def nothing(tree: Tree, directory: Path, is_cancelled: Callable[[], bool]) -> None:
        raise errors.Unavailable("nobody answers")

    bench = Bench(tmp_path, nothing)
    with pytest.raises(errors.Unavailable):
        bench.loaders(bench.version, ignore).load()
    assert bench.told == [("seaway_model_store_fetches_total", "failed", 1.0)]


def test_a_load_that_fails_holds_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.inner.fail(bench.version.id, errors.Internal("no such op"))
    with pytest.raises(errors.Internal):
        bench.loaders(bench.version, ignore).load()
    assert not bench.is_held


def test_an_unload_ends_a_fetch_soon(tmp_path: Path) -> None:
    begun = threading.Event()

    def endless(tree: Tree, directory: Path, is_cancelled: Callable[[], bool]) -> None:
        begun.set()
        while not is_cancelled():
            pass
        raise errors.Cancelled("it is no longer wanted")

    bench = Bench(tmp_path, endless)
    loader = bench.loaders(bench.version, ignore)
    ended: list[BaseException] = []

    def load() -> None:
        try:
            loader.load()
        except errors.Cancelled as err:
            ended.append(err)

    thread = threading.Thread(target=load)
    thread.start()
    assert begun.wait(LIMIT_S)
    loader.unload()
    thread.join(LIMIT_S)
    assert len(ended) == 1
    assert bench.inner.log == ["unload m 1"]
    assert not bench.is_held


def test_a_version_in_a_directory_has_the_loader_it_always_had(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "cache")
    version = AspiredVersion(ServableId("m", 1), tmp_path, ModelConfig("m", str(tmp_path)))
    assert bench.loaders(version, ignore) is bench.inner.last(version.id)
    assert not (tmp_path / "cache").exists()
