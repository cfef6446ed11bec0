"""Where the files are that `inspect`, `verify` and `diff` look into: a directory as it is, or what a URL names.

What is loaded is fetched whole, into the cache of the servers of this machine: whoever serves the version next fetches
nothing. What is only read is fetched without the weights beside the graph, into a directory that is gone afterwards.
Whatever is said of such files, and whatever is wrong with them, is said with their address.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import typer

from seaway.clock import SystemClock
from seaway.errors import NotFound, SeawayError, Unavailable
from seaway.export.inspection.shown import shown_bytes
from seaway.export.inspection.version import Inspected, inspect
from seaway.export.place import version_directory
from seaway.proof.passport import PASSPORT_FILE
from seaway.proof.warmup import WARMUP_FILE
from seaway.repository.sources.urls import trees_of
from seaway.serving.model_stores import model_stores
from seaway.settings.effective import load
from seaway.stores.checksum import wrong_size
from seaway.stores.layout import MODEL_FILES, missing_parts
from seaway.stores.opened import open_store
from seaway.stores.store import Store, Watch
from seaway.stores.tree import StoredFile, Tree
from seaway.stores.url import is_remote, local_path, relative, shown

_READ = frozenset({*MODEL_FILES, PASSPORT_FILE.as_posix(), WARMUP_FILE.as_posix()})
"""What is read of a version that is not loaded."""
_LIST_S = 30.0
_SINGLE_FILES = (".onnx", ".tflite")


@dataclass(frozen=True, slots=True)
class Place:
    """Files on this machine, and where they come from."""

    path: Path
    address: str = ""
    """The URL that they were fetched from, as it may be shown; empty where they are at their own place."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Bytes of every file at that address, fetched or not."""

    @property
    def name(self) -> str:
        """Return what a person calls it."""
        return self.address or str(self.path)


@contextmanager
def to_read(named: str) -> Iterator[Place]:
    """Give what can be read of a version or of a single model file, without a load.

    Raises:  NotFound - there is nothing of the kind; what a store raises.
    """
    if not is_remote(named):
        yield Place(local_path(named))
        return
    with tempfile.TemporaryDirectory(prefix="seaway-look-") as made:
        directory = Path(made)
        if is_single_file(named):
            base, _, file = named.rpartition("/")
            _fetch(open_store(base), (StoredFile(file, None),), directory)
            place = Place(directory / file, shown(named), {file: (directory / file).stat().st_size})
        else:
            tree = _newest(named)
            _fetch(open_store(tree.url), [file for file in tree.files if file.path in _READ], directory)
            place = Place(directory, shown(tree.url), _sizes(tree))
        with _told_by_address(place):
            yield place


def is_single_file(named: str) -> bool:
    """Tell whether a URL names a model file rather than what lies below a prefix: by its ending."""
    return named.endswith(_SINGLE_FILES)


@contextmanager
def to_load(named: str) -> Iterator[Place]:
    """Give a whole version: its directory, or a copy in the cache that is held for as long as the block lasts.

    Raises:  NotFound - there is no version; what a store and the cache raise.
    """
    if not is_remote(named):
        directory = version_directory(local_path(named))
        yield Place(directory)
        return
    settings = load({}, os.environ).settings
    tree = _newest(named, settings.model_store.list_timeout_s)
    cache = model_stores(settings, SystemClock()).cache
    if not cache.place(tree.digest).is_dir():
        typer.echo(f"fetching {shown(tree.url)}: {len(tree.files)} files, {shown_bytes(tree.size_bytes)}", err=True)
    lease = cache.hold(tree, threading.Event(), settings.model_store.fetch_timeout_s)
    try:
        place = Place(lease.path, shown(tree.url), _sizes(tree))
        with _told_by_address(place):
            yield place
    finally:
        lease.release()


def inspected(place: Place, installed: frozenset[str]) -> Inspected:
    """Return what is in the files, under the name of where they come from; `installed` are the usable engines."""
    found = inspect(place.path, installed)
    if not place.address:
        return found
    problems = tuple(each.replace(str(place.path), place.address) for each in found.problems)
    return replace(found, address=place.address, files=place.sizes, problems=problems)


def newest(url: str, files: Iterable[StoredFile]) -> Tree:
    """Return the version that the files below an address are, or the newest whole one of a model. Pure.

    Raises:  NotFound - there is none; says what was looked for, or what the newest one lacks.
    """
    trees, _ = trees_of(url, files)
    lacking = {version: missing_parts({file.path for file in tree.files}) for version, tree in trees.items()}
    whole = [version for version, missing in lacking.items() if not missing]
    if whole:
        return trees[max(whole)]
    if not trees:
        raise NotFound(
            f"{shown(url)} is no model: it holds neither one of {', '.join(MODEL_FILES)} nor a version's number with "
            "files below it"
        )
    last = max(trees)
    raise NotFound(f"{shown(trees[last].url)} is not whole: it lacks {', '.join(lacking[last])}; upload the rest")


def _newest(named: str, timeout_s: float = _LIST_S) -> Tree:
    store = open_store(named)
    return newest(store.url, store.list(timeout_s))


def _sizes(tree: Tree) -> Mapping[str, int]:
    return {file.path: file.size_bytes or 0 for file in tree.files}


def _fetch(store: Store, files: Iterable[StoredFile], directory: Path) -> None:
    for file in files:
        target = directory / relative(file.path, shown(store.url))
        target.parent.mkdir(parents=True, exist_ok=True)
        store.fetch(file.path, target, Watch(threading.Event()))
        if wrong := wrong_size(target, file):
            raise Unavailable(f"{wrong}, from {shown(store.url)}; ask again")


@contextmanager
def _told_by_address(place: Place) -> Iterator[None]:
    """Have what goes wrong with fetched files name their address, in the place of where the copy is."""
    try:
        yield
    except SeawayError as err:
        raise type(err)(err.message.replace(str(place.path), place.name)) from err
