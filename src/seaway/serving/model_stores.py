"""The parts that serve models from stores behind URLs, joined; nothing is touched until a model names one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seaway.clock import Clock
from seaway.engines import onnx_cache
from seaway.repository.executor import ThreadExecutor
from seaway.repository.loader import LoaderFactory
from seaway.repository.model_repository import Surroundings
from seaway.repository.options import SourceOptions
from seaway.repository.sources.file_system import FileSystemSource
from seaway.repository.sources.urls import AnySource, Depot, UrlSource
from seaway.serving.fetched_loader import FetchedLoaders
from seaway.serving.store_metrics import StoreMetrics
from seaway.settings.server import ServerSettings
from seaway.stores.cache import Cache
from seaway.stores.fetch import Fetch, FetchOptions
from seaway.stores.listings import Listings
from seaway.stores.opened import Stores
from seaway.stores.store import Store
from seaway.stores.tree import Tree


@dataclass(frozen=True, slots=True)
class ModelStores:
    """Where versions are looked for, and where copies of those that lie elsewhere are kept."""

    stores: Stores
    cache: Cache
    listings: Listings
    clock: Clock

    def surroundings(self, options: SourceOptions, metrics: StoreMetrics) -> Surroundings:
        """Return what the repository takes from outside; `metrics` learn how the stores answer."""
        depot = Depot(self._opened(), self.cache.place, self.listings, metrics)
        directories = FileSystemSource(options, self.clock)
        return Surroundings(self.clock, ThreadExecutor(), AnySource(directories, UrlSource(options, self.clock, depot)))

    def loaders(self, inner: LoaderFactory, metrics: StoreMetrics) -> LoaderFactory:
        """Return loaders that fetch what `inner` then loads; `metrics` learn what was fetched."""
        return FetchedLoaders(self.cache, inner, metrics)

    def _opened(self) -> Callable[[str], Store]:
        """Open stores, the first time with what crashes have left of the cache taken away."""
        swept = threading.Event()

        def opened(url: str) -> Store:
            store = self.stores.open(url)
            if not swept.is_set():
                swept.set()
                self.cache.sweep()
            return store

        return opened


def model_stores(settings: ServerSettings, clock: Clock) -> ModelStores:
    """Join the parts; nothing is touched yet."""
    stores, store = Stores(clock), settings.model_store
    options = FetchOptions(store.fetch_files_at_once, store.list_timeout_s)

    def fetch(tree: Tree, directory: Path, is_cancelled: Callable[[], bool]) -> None:
        Fetch(stores.open(tree.url), tree, options, clock).run(directory, is_cancelled)

    named = Path(store.cache_directory) if store.cache_directory else None
    directory = named or onnx_cache.cache_directory(settings.engine.cache_directory) / "models"
    cache = Cache(directory.absolute(), store.cache_max_bytes, fetch, clock)
    return ModelStores(stores, cache, Listings(directory.absolute() / ".listings"), clock)
