"""The source that reads model stores behind URLs: the same rules as for directories, on what a store lists.

A version is complete when its graph and all its shards are listed, and settled when the listing stays the same. A store
that does not answer changes nothing: what was aspired stays, it is asked less and less often, and said once. When it
answers again, versions whose load has failed meanwhile are tried anew. A source that begins while its store is down
goes by what the store listed last, as far as the cache has copies of it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from seaway import errors
from seaway.clock import Clock
from seaway.repository.options import SourceOptions
from seaway.repository.source import Look, Source
from seaway.repository.sources.base_path import SINGLE_VERSION, Layout
from seaway.repository.sources.file_system import FileSystemSource
from seaway.repository.sources.sight import Sight
from seaway.settings.model_config import ModelConfig
from seaway.stores.layout import MODEL_FILES, by_version, missing_parts
from seaway.stores.listings import Listings
from seaway.stores.store import Store
from seaway.stores.tree import StoredFile, Tree, below
from seaway.stores.url import is_remote, joined, shown

log = logging.getLogger(__name__)

CLOCKS_DIFFER_S = 60.0
"""How far a store's clock may be behind ours before a fresh file is taken for one that has lain there."""


class Looks(Protocol):
    """Who is told how stores answer."""

    def looked(self, model: str, is_up: bool) -> None:
        """Learn whether the store of a model has answered."""

    def forgotten(self, model: str) -> None:
        """Learn that a model is no longer looked for."""


@dataclass(frozen=True, slots=True)
class Depot:
    """What a source needs of stores."""

    open: Callable[[str], Store]
    place: Callable[[str], Path]
    """Where the copy of a version is, or will be, by its digest."""
    listings: Listings
    looks: Looks


@dataclass(slots=True)
class _Standing:
    """How a model's store has answered lately."""

    is_down: bool = False
    """The last look got no answer."""
    has_answered: bool = False
    failures: int = 0
    outages: int = 0


class UrlSource:
    """Lists stores; the looks of different models may run at the same time."""

    def __init__(self, options: SourceOptions, clock: Clock, depot: Depot) -> None:
        """Remember nothing yet."""
        self._options = options.urls
        self._depot = depot
        self._versions = FileSystemSource(options, clock, self._read)
        self._lock = threading.Lock()
        self._standings: dict[str, _Standing] = {}

    def look(self, model: ModelConfig) -> Look:
        """List what is below the model's URL and choose by its version policy among the versions that have settled."""
        standing = self._standing(model.name)
        look = self._versions.look(model)
        self._tell(model.name, standing)
        wait_s = self._options.poll_wait_s
        if standing.is_down:
            standing.failures += 1
            wait_s = pause_s(standing.failures, wait_s, self._options.longest_wait_s)
        elif standing.failures:
            log.info("%s of model %r answers again", shown(model.base_path), model.name)
            standing.failures, standing.outages = 0, standing.outages + 1
        if look.aspired is None:
            return replace(look, wait_s=wait_s)
        limit_s = self._options.fetch_timeout_s
        aspired = tuple(replace(version, fetch_timeout_s=limit_s) for version in look.aspired)
        return replace(look, aspired=aspired, wait_s=wait_s)

    def forget(self, name: str) -> None:
        """Drop the memory of a model."""
        self._versions.forget(name)
        with self._lock:
            if self._standings.pop(name, None) is not None:
                self._depot.looks.forgotten(name)

    def _tell(self, name: str, standing: _Standing) -> None:
        """Say how a store has answered, unless the model was forgotten while it was asked."""
        with self._lock:
            if self._standings.get(name) is standing:
                self._depot.looks.looked(name, not standing.is_down)

    def _standing(self, name: str) -> _Standing:
        with self._lock:
            return self._standings.setdefault(name, _Standing())

    def _read(self, name: str, base_path: str) -> Layout:
        standing = self._standing(name)
        try:
            files = self._depot.open(base_path).list(self._options.list_timeout_s)
        except errors.SeawayError as err:
            standing.is_down = not isinstance(err, errors.NotFound)
            if standing.is_down and not standing.has_answered and (layout := self._recalled(name, base_path, err)):
                return layout
            raise type(err)(f"model {name!r}: {err.message}") from err
        standing.is_down, standing.has_answered = False, True
        self._depot.listings.remember(base_path, files)
        trees, warnings = trees_of(base_path, files)
        return self._layout(trees, warnings, standing.outages)

    def _recalled(self, name: str, base_path: str, err: errors.SeawayError) -> Layout | None:
        """Return the versions of the last listing that the cache has copies of, None when it has none."""
        trees, _ = trees_of(base_path, self._depot.listings.recall(base_path) or ())
        there = {version: tree for version, tree in trees.items() if self._depot.place(tree.digest).is_dir()}
        if not there:
            return None
        what = f"model {name!r}: {err.message}"
        return self._layout(there, (f"{what}; until it answers, what it listed last is served from the cache",), 0)

    def _layout(self, trees: Mapping[int, Tree], warnings: tuple[str, ...], outages: int) -> Layout:
        return Layout(
            versions={version: self._depot.place(tree.digest) for version, tree in trees.items()},
            warnings=warnings,
            sights={version: sight_of(tree, outages) for version, tree in trees.items()},
            trees=trees,
        )


class AnySource:
    """Sends each model to the source of its base path: a directory's, or a URL's."""

    def __init__(self, directories: Source, urls: Source) -> None:
        """Look at nothing yet."""
        self._directories = directories
        self._urls = urls

    def look(self, model: ModelConfig) -> Look:
        """Look at one model; what the other source knows of one that has moved is of no use any more."""
        here, other = self._directories, self._urls
        if is_remote(model.base_path):
            here, other = other, here
        other.forget(model.name)
        return here.look(model)

    def forget(self, name: str) -> None:
        """Drop what was remembered of a model, wherever it was."""
        self._directories.forget(name)
        self._urls.forget(name)


def trees_of(url: str, files: Iterable[StoredFile]) -> tuple[Mapping[int, Tree], tuple[str, ...]]:
    """Return the versions among the files below a model's URL, and what is to be said about them. Pure."""
    files = tuple(files)
    found, ignored = by_version(file.path for file in files)
    trees = {version: Tree(joined(url, name), below(files, name)) for version, name in found.items()}
    warnings = tuple(
        f"{shown(joined(url, name))} is ignored: another directory has the same number" for name in ignored
    )
    if trees or not any(file.path in MODEL_FILES for file in files):
        return trees, warnings
    warning = (
        f"{shown(url)} is itself a model; it is served as version {SINGLE_VERSION}. Move it to "
        f"{shown(joined(url, str(SINGLE_VERSION)))}, so that a later version can be put beside it"
    )
    return {SINGLE_VERSION: Tree(url, files)}, (warning,)


def sight_of(tree: Tree, outages: int) -> Sight:
    """Return what a version in a store looks like; after an outage of the store it counts as another one. Pure."""
    fingerprint = f"{tree.digest}+{outages}" if outages else tree.digest
    missing = missing_parts({file.path for file in tree.files})
    return Sight(fingerprint, tree.newest_s + CLOCKS_DIFFER_S, tree.size_bytes, missing)


def pause_s(failures: int, first_s: float, longest_s: float) -> float:
    """Return the pause after the `failures`-th look in a row that failed: it doubles up to a bound. Pure."""
    return min(first_s * 2.0 ** min(max(failures, 1) - 1, 32), max(first_s, longest_s))
