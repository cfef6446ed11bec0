"""Fetches the files of one version into a directory: several at once, each checked, tried again, and named when whole.

A file of the directory is whole: it was written under another name, checked, brought to disk and renamed. So what an
attempt that was cut off has left is gone on with. In the end the store is asked again whether it still holds the same.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from seaway import errors
from seaway.clock import Clock
from seaway.stores.checksum import wrong_content, wrong_size
from seaway.stores.faults import as_seaway_error
from seaway.stores.store import Store, Watch
from seaway.stores.tree import StoredFile, Tree
from seaway.stores.url import relative, shown

log = logging.getLogger(__name__)

PART = ".part"
_PAUSES_S = (0.5, 1.0, 2.0)
_LOOK_S = 0.2
_TELL_S = 10.0


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """How files are fetched."""

    files_at_once: int = 4
    list_timeout_s: float = 30.0


@dataclass(slots=True)
class _Progress:
    total_bytes: int
    fetched_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, count: int) -> None:
        with self.lock:
            self.fetched_bytes += count


class Fetch:
    """Fetches one version."""

    def __init__(self, store: Store, tree: Tree, options: FetchOptions, clock: Clock) -> None:
        """Begin nothing yet; the store is of the tree's address."""
        self._store = store
        self._tree = tree
        self._options = options
        self._clock = clock
        self._stop = threading.Event()
        self._progress = _Progress(tree.size_bytes)

    def run(self, directory: Path, is_cancelled: Callable[[], bool]) -> None:
        """Return when every file is in the directory, whole.

        Raises:  Unavailable - the store failed, or sent something else than it promised, again and again; Aborted - it
                 holds other files by now; PermissionDenied; ResourceExhausted - the disk is full; Cancelled.
        """
        for file in self._tree.files:
            relative(file.path, shown(self._tree.url))
        begun_s = self._clock.now()
        with ThreadPoolExecutor(self._options.files_at_once, thread_name_prefix="fetch") as pool:
            futures = [pool.submit(self._fetch, file, directory) for file in self._tree.files]
            try:
                self._wait(futures, is_cancelled, begun_s)
            finally:
                self._stop.set()
                for future in futures:
                    future.cancel()
        self._check_unchanged()
        log.info("%s", fetched_text(self._tree, self._clock.now() - begun_s))

    def _wait(self, futures: list[Future[None]], is_cancelled: Callable[[], bool], begun_s: float) -> None:
        told_s, told_bytes = begun_s, 0
        pending: set[Future[None]] = set(futures)
        while pending:
            done, pending = wait(pending, timeout=_LOOK_S, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            if is_cancelled():
                raise errors.Cancelled(f"fetching {shown(self._tree.url)} is no longer wanted")
            now_s, so_far = self._clock.now(), self._progress.fetched_bytes
            if now_s - told_s >= _TELL_S:
                log.info("%s", progress_text(self._tree, so_far, (so_far - told_bytes) / (now_s - told_s)))
                told_s, told_bytes = now_s, so_far

    def _fetch(self, file: StoredFile, directory: Path) -> None:
        target = directory / file.path
        if target.is_file() and not wrong_size(target, file):
            self._progress.add(file.size_bytes or 0)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        for pause_s in (*_PAUSES_S, None):
            try:
                self._attempt(file, target)
            except errors.Unavailable as err:
                if pause_s is None or self._stop.is_set():
                    raise
                log.warning("%s; trying again in %g s", err.message, pause_s)
                self._clock.wait(self._stop, pause_s)
            else:
                return

    def _attempt(self, file: StoredFile, target: Path) -> None:
        part = target.with_name(target.name + PART)
        try:
            self._store.fetch(file.path, part, Watch(self._stop, self._progress.add))
            wrong = wrong_size(part, file) or self._wrong_content(part, file)
            if wrong:
                raise errors.Unavailable(f"{wrong}, from {shown(self._tree.url)}")
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.rename(target)
        except errors.NotFound as err:
            raise errors.Aborted(f"{shown(self._tree.url)} has changed while it was fetched: {err.message}") from err
        except OSError as err:
            raise as_seaway_error(err, f"{part} cannot be written") from err
        finally:
            part.unlink(missing_ok=True)  # renamed, it is not there any more

    def _wrong_content(self, part: Path, file: StoredFile) -> str:
        wrong = wrong_content(part, file)
        if wrong and file.checksum is not None and not file.checksum.is_certain:
            return wrong if self._store.has_certain_checksum(file.path) else ""
        return wrong

    def _check_unchanged(self) -> None:
        try:
            now = Tree(self._tree.url, self._store.list(self._options.list_timeout_s))
        except errors.NotFound as err:
            raise errors.Aborted(f"{shown(self._tree.url)} went away while it was fetched: {err.message}") from err
        if now.digest != self._tree.digest:
            raise errors.Aborted(f"{shown(self._tree.url)} has changed while it was fetched; it is looked at again")


def progress_text(tree: Tree, fetched_bytes: int, bytes_per_s: float) -> str:
    """Return how far a fetch is, for the log."""
    share = 100 * fetched_bytes / tree.size_bytes if tree.size_bytes else 100.0
    return (
        f"fetching {shown(tree.url)}: {_amount(fetched_bytes)} of {_amount(tree.size_bytes)} ({min(share, 100.0):.0f} "
        f"%), {_amount(bytes_per_s)}/s"
    )


def fetched_text(tree: Tree, seconds: float) -> str:
    """Return what has been fetched, for the log."""
    return f"fetched {shown(tree.url)}: {len(tree.files)} files, {_amount(tree.size_bytes)} in {seconds:.1f} s"


def _amount(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"
