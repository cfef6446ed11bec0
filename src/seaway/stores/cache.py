"""Copies of versions on this machine, each fetched once, whoever asks for it, and kept while there is room.

    DIRECTORY/DIGEST/lock       held shared by who serves the copy, exclusively by who fetches or removes it
    DIRECTORY/DIGEST/partial    files fetched so far
    DIRECTORY/DIGEST/model      the whole version, renamed from `partial`
    DIRECTORY/room.lock         held while room is made

The digest is of what the store lists, so a copy never changes, and models and servers that list the same share it.
What a process that was killed leaves is its partial files, which the next to fetch goes on with; a copy that is neither
whole nor held is taken away when a server begins.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from seaway import errors
from seaway.clock import Clock
from seaway.stores.checksum import wrong_size
from seaway.stores.eviction import Entry, Room, evicted
from seaway.stores.faults import as_seaway_error
from seaway.stores.lock import FileLock, try_lock
from seaway.stores.tree import Tree
from seaway.stores.url import shown

log = logging.getLogger(__name__)

LOCK, PARTIAL, MODEL = "lock", "partial", "model"
_ROOM = "room.lock"
_GOING = ".going-"
_LOOK_S = 0.1

Fetcher = Callable[[Tree, Path, Callable[[], bool]], None]
"""`fetch(tree, directory, is_cancelled)` returns when every file is in the directory, whole."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came from a store, without what was there of it before."""

    size_bytes: int
    seconds: float


class Lease:
    """A copy that is kept until `release`, or until the process ends."""

    def __init__(self, lock: FileLock, path: Path, fetched: Fetched | None) -> None:
        """Take over a shared lock on the copy."""
        self._lock = lock
        self.path = path
        self.fetched = fetched
        """What was fetched for this lease; None when the copy was there, or somebody else fetched it."""

    def release(self) -> None:
        """Let the copy go when room is needed; a second call does nothing."""
        self._lock.touch()
        self._lock.release()


class Cache:
    """The copies below one directory. For any thread, and for any number of processes."""

    def __init__(self, directory: Path, max_bytes: int, fetch: Fetcher, clock: Clock) -> None:
        """Touch nothing yet."""
        self._directory = directory
        self._max_bytes = max_bytes
        self._fetch = fetch
        self._clock = clock

    def place(self, digest: str) -> Path:
        """Return where the files of a version are once they are there."""
        return self._directory / digest / MODEL

    def hold(self, tree: Tree, cancelled: threading.Event, timeout_s: float) -> Lease:
        """Return a lease on the copy of a version, fetched now unless it is there.

        Raises:  DeadlineExceeded - it was not there in time; Cancelled - the event was set; ResourceExhausted - there
                 is no room for it; and what fetching it raises.
        """
        end_s = self._clock.now() + timeout_s
        lock_path = self._directory / tree.digest / LOCK
        has_told = False
        fetched: Fetched | None = None
        while True:
            try:
                lease = self._shared(tree, lock_path, fetched)
                if lease is not None:
                    return lease
                exclusive = try_lock(lock_path, exclusive=True)
            except OSError as err:
                raise as_seaway_error(err, f"the cache of fetched models {self._directory} cannot be used") from err
            if exclusive is not None:
                fetched = self._fill(tree, exclusive, self._ender(tree, cancelled, end_s))
                continue
            if not has_told:
                log.info("waiting for another process that fetches %s", shown(tree.url))
                has_told = True
            self._ender(tree, cancelled, end_s)()
            if self._clock.wait(cancelled, _LOOK_S):
                raise errors.Cancelled(f"{shown(tree.url)} is no longer wanted")

    def sweep(self) -> None:
        """Take away what crashes left: copies that are neither whole nor held, and what was on its way out."""
        for directory in self._children():
            if directory.name.startswith(_GOING):
                shutil.rmtree(directory, ignore_errors=True)
            elif not directory.name.startswith(".") and not (directory / MODEL).is_dir():
                self._remove(directory.name)

    def entries(self) -> list[Entry]:
        """Return every copy, whole or being fetched."""
        return [entry for directory in self._children() if (entry := _entry(directory)) is not None]

    def _children(self) -> Iterator[Path]:
        try:
            yield from sorted(each for each in self._directory.iterdir() if each.is_dir())
        except FileNotFoundError:
            return

    def _shared(self, tree: Tree, lock_path: Path, fetched: Fetched | None) -> Lease | None:
        """Return a lease on a copy that is there and whole."""
        lock = try_lock(lock_path, exclusive=False, create=False)
        if lock is None:
            return None
        model = lock_path.with_name(MODEL)
        if not _is_whole(tree, model):
            lock.release()
            return None
        lock.touch()
        return Lease(lock, model, fetched)

    def _fill(self, tree: Tree, lock: FileLock, is_cancelled: Callable[[], bool]) -> Fetched | None:
        """Fetch a version, with the exclusive lock, which is let go in the end; None when it is there already."""
        model, partial = lock.path.with_name(MODEL), lock.path.with_name(PARTIAL)
        try:
            if _is_whole(tree, model):
                return None
            begun_s, kept_bytes = self._clock.now(), _tree_bytes(partial)
            shutil.rmtree(model, ignore_errors=True)
            lock.write(json.dumps({"size_bytes": kept_bytes, "url": shown(tree.url)}))
            self._make_room(tree, lock, is_cancelled)
            log.info("fetching %s: %d files, %d bytes", shown(tree.url), len(tree.files), tree.size_bytes)
            partial.mkdir(parents=True, exist_ok=True)
            self._fetch(tree, partial, is_cancelled)
            partial.rename(model)
            return Fetched(max(0, tree.size_bytes - kept_bytes), self._clock.now() - begun_s)
        except errors.Aborted:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        except OSError as err:
            raise as_seaway_error(err, f"{shown(tree.url)} cannot be kept in {self._directory}") from err
        finally:
            lock.touch()
            lock.release()

    def _make_room(self, tree: Tree, lock: FileLock, is_cancelled: Callable[[], bool]) -> None:
        """Have the copies make room for one more, and count it from now on."""
        with self._room_lock(is_cancelled):
            has = _tree_bytes(lock.path.with_name(PARTIAL))
            while True:
                others = [entry for entry in self.entries() if entry.digest != tree.digest]
                free = shutil.disk_usage(self._directory).free + has - self._still_to_come(others)
                room = Room(self._max_bytes, max(0, free))
                going = evicted(others, tree.size_bytes, room)
                if all([self._remove(digest) for digest in going]):
                    break  # otherwise somebody began to use one meanwhile: decide anew
            lock.write(json.dumps({"size_bytes": tree.size_bytes, "url": shown(tree.url)}))

    def _still_to_come(self, entries: Iterable[Entry]) -> int:
        """Return how much others who fetch at this moment have yet to write."""
        partials = [
            (entry.size_bytes, self._directory / entry.digest / PARTIAL) for entry in entries if entry.is_in_use
        ]
        return sum(max(0, size - _tree_bytes(partial)) for size, partial in partials if partial.is_dir())

    @contextmanager
    def _room_lock(self, is_cancelled: Callable[[], bool]) -> Iterator[None]:
        while (lock := try_lock(self._directory / _ROOM, exclusive=True)) is None:
            if is_cancelled():
                raise errors.Cancelled("the version is no longer wanted")
            self._clock.wait(threading.Event(), _LOOK_S)
        try:
            yield
        finally:
            lock.release()

    def _remove(self, digest: str) -> bool:
        """Take a copy away; return whether it is gone. One that is held stays."""
        directory = self._directory / digest
        lock = try_lock(directory / LOCK, exclusive=True, create=directory.is_dir())
        if lock is None:
            return not directory.exists()
        going = self._directory / f"{_GOING}{digest}-{uuid.uuid4().hex[:8]}"
        try:
            text = lock.read()
            directory.rename(going)
        except FileNotFoundError:
            return True
        finally:
            lock.release()
        log.info("removing the copy of %s from the cache of fetched models", _written(text).get("url", digest))
        shutil.rmtree(going, ignore_errors=True)
        return True

    def _ender(self, tree: Tree, cancelled: threading.Event, end_s: float) -> Callable[[], bool]:
        def is_cancelled() -> bool:
            if self._clock.now() > end_s:
                raise errors.DeadlineExceeded(
                    f"{shown(tree.url)} was not fetched in time; raise model_store.fetch_timeout_s if it is that large"
                )
            return cancelled.is_set()

        return is_cancelled


def _is_whole(tree: Tree, model: Path) -> bool:
    try:
        return model.is_dir() and not any(wrong_size(model / file.path, file) for file in tree.files)
    except OSError:
        return False


def _entry(directory: Path) -> Entry | None:
    """Return what is known of a copy; None when it goes away at this moment, or is none."""
    if directory.name.startswith("."):
        return None
    lock = try_lock(directory / LOCK, exclusive=True, create=False)
    if lock is not None:
        lock.release()
    try:
        path = directory / LOCK
        size = _written(path.read_text(errors="replace")).get("size_bytes", 0)
        return Entry(directory.name, int(str(size)), path.stat().st_mtime, is_in_use=lock is None)
    except (OSError, ValueError):
        return None


def _written(text: str) -> dict[str, object]:
    with suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict):
            return found
    return {}


def _tree_bytes(directory: Path) -> int:
    total = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            with suppress(FileNotFoundError):  # a file gets its name when it is whole
                total += os.stat(os.path.join(parent, name)).st_size
    return total
