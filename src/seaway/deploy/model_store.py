"""Which versions lie in a model store: numbered directories, as TensorFlow Serving has them. Looks, decides nothing."""

from __future__ import annotations

from pathlib import Path

from seaway.errors import FailedPrecondition, NotFound
from seaway.repository.sources.urls import trees_of
from seaway.stores.layout import by_version, missing_parts
from seaway.stores.opened import open_store
from seaway.stores.tree import below
from seaway.stores.url import is_remote, joined

_LIST_S = 30.0


def versions_in(place: str, path: str) -> tuple[int, ...]:
    """Return the versions of a model, ascending; none when its directory is empty or missing.

    Of a store behind a URL only those that are whole: a copy on the way there has no other name.

    Raises:  NotFound - there is no store; FailedPrecondition - it cannot be read; what a URL's store raises.
    """
    if is_remote(place):
        return _whole_versions(joined(place, path))
    store = Path(place)
    if not store.is_dir():
        raise NotFound(f"model store {store} is no directory; make it, or name another one as `store` in seaway.yaml")
    try:
        found = [int(entry.name) for entry in (store / path).iterdir() if entry.name.isdecimal() and entry.is_dir()]
    except FileNotFoundError:
        return ()
    except OSError as err:
        raise FailedPrecondition(f"model directory {store / path} cannot be read: {err}") from err
    return tuple(sorted(set(found)))


def _whole_versions(url: str) -> tuple[int, ...]:
    try:
        trees, _ = trees_of(url, open_store(url).list(_LIST_S))
    except NotFound:
        return ()
    return tuple(sorted(number for number, tree in trees.items() if not missing_parts({f.path for f in tree.files})))


def models_in(place: str) -> tuple[str, ...]:
    """Return the directories of a store that hold a version, by name.

    Raises:  SeawayError - it is behind a URL and cannot be listed.
    """
    if is_remote(place):
        files = open_store(place).list(_LIST_S)
        names = sorted({file.path.partition("/")[0] for file in files})
        return tuple(name for name in names if by_version(file.path for file in below(files, name))[0])
    store = Path(place)
    if not store.is_dir():
        return ()
    names = sorted(entry.name for entry in store.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    return tuple(name for name in names if versions_in(str(store), name))
