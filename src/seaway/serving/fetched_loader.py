"""Serves one version whose files have to come from a store first; a version in a directory needs none of this.

    fetch into the cache, or find it there → load as from any directory → (AVAILABLE) … unload → let the copy go

The copy is held from before the load until after the unload, so it is never removed under a worker.
"""

from __future__ import annotations

import threading

from seaway.errors import Cancelled, SeawayError
from seaway.repository.loader import Loader, LoaderFactory, OnFailure
from seaway.repository.source import AspiredVersion
from seaway.serving.store_metrics import StoreMetrics
from seaway.stores.cache import Cache, Lease
from seaway.stores.tree import Tree


class FetchedLoader:
    """One attempt to serve one version of a store; see `seaway.repository.loader.Loader` for the contract."""

    def __init__(self, cache: Cache, version: AspiredVersion, tree: Tree, inner: Loader, metrics: StoreMetrics) -> None:
        """Begin nothing yet; `inner` loads what is at the version's path."""
        self._cache = cache
        self._metrics = metrics
        self._version = version
        self._tree = tree
        self._inner = inner
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._lease: Lease | None = None

    def load(self) -> None:
        """Fetch the version unless it is there, then load it.

        Raises:  SeawayError - it cannot be fetched or loaded; nothing is held then.
        """
        self._hold()
        try:
            self._inner.load()
        except BaseException:
            self._let_go()
            raise

    def unload(self) -> None:
        """Have a fetch end soon, unload, and let the copy go."""
        self._cancelled.set()
        try:
            self._inner.unload()
        finally:
            self._let_go()

    def _hold(self) -> None:
        model = self._version.id.name
        try:
            lease = self._cache.hold(self._tree, self._cancelled, self._version.fetch_timeout_s)
        except Cancelled:
            raise
        except SeawayError:
            self._metrics.failed(model)
            raise
        if lease.fetched is not None:
            self._metrics.fetched(model, lease.fetched)
        with self._lock:
            self._lease = lease
        if self._cancelled.is_set():
            self._let_go()
            raise Cancelled(f"{self._version.id} is no longer wanted")

    def _let_go(self) -> None:
        with self._lock:
            lease, self._lease = self._lease, None
        if lease is not None:
            lease.release()


class FetchedLoaders:
    """Makes loaders: one that fetches for a version of a store, the others' own for a version in a directory."""

    def __init__(self, cache: Cache, inner: LoaderFactory, metrics: StoreMetrics) -> None:
        """Begin nothing yet."""
        self._cache = cache
        self._inner = inner
        self._metrics = metrics

    def __call__(self, version: AspiredVersion, on_failure: OnFailure) -> Loader:
        """Return a loader that has not begun."""
        loader = self._inner(version, on_failure)
        if version.tree is None:
            return loader
        return FetchedLoader(self._cache, version, version.tree, loader, self._metrics)
