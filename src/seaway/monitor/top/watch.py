"""Looks at servers again and again, and keeps no more than the view needs."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from seaway.clock import Clock, utc
from seaway.errors import ResourceExhausted, SeawayError
from seaway.monitor.collect.collector import Collector, Fetch
from seaway.monitor.collect.targets import Discovery
from seaway.monitor.store.schema import Resolution
from seaway.monitor.store.store import Store
from seaway.monitor.target import Target
from seaway.monitor.top.figures import view
from seaway.monitor.top.view import View

WINDOW_LOOKS = 5
"""A view is about so many intervals: long enough for a p99, short enough to follow what happens."""
_KEPT_WINDOWS = 20
_MOST_BYTES = 1 << 30
_FORGET_EVERY = 30


class Watch:
    """One thread looks; any thread reads `latest`. `close` removes what was kept."""

    def __init__(self, discovery: Discovery, fetch: Fetch, clock: Clock, interval_s: float) -> None:
        """Find the servers.

        Raises:  InvalidArgument - what lists them cannot be read.
        """
        self._discovery = discovery
        self._targets: Sequence[Target] = discovery()
        self._clock = clock
        self._interval_s = interval_s
        self._window_ms = round(WINDOW_LOOKS * interval_s * 1000)
        self._directory = tempfile.TemporaryDirectory(prefix="seaway-top-", ignore_cleanup_errors=True)
        kept = (Resolution("raw", 0, _KEPT_WINDOWS * self._window_ms),)
        self._store = Store(Path(self._directory.name) / "top.db", kept)
        # A server that hangs holds up the figures of the others, so not for long.
        self._collector = Collector(fetch, clock, timeout_s=min(max(interval_s, 1.0), 5.0))
        self._latest = View(clock.wall(), self._window_ms / 1000, 0)
        self._failure: BaseException | None = None

    @property
    def latest(self) -> View:
        """What the last look showed.

        Raises:  whatever ended `run`.
        """
        if self._failure is not None:
            raise self._failure
        return self._latest

    def look(self) -> View:
        """Look once; what cannot be kept leaves the figures as they were, and is told beside them."""
        notice = ""
        try:
            self._targets = self._discovery()
        except SeawayError as err:
            notice = err.message
        try:
            self._store.append(self._collector.look(self._targets).samples)
        except ResourceExhausted as err:
            self._latest = msgspec.structs.replace(self._latest, notice=_stopped(self._latest.at, err))
            return self._latest
        at_ms = round(self._clock.wall() * 1000)
        looks = self._latest.looks + 1
        found = view(self._store, self._collector.statuses(), at_ms, self._window_ms, looks)
        self._latest = msgspec.structs.replace(found, notice=notice)
        if looks % _FORGET_EVERY == 0:
            self._store.forget(at_ms, _MOST_BYTES)
        return self._latest

    def run(self, stopping: threading.Event) -> None:
        """Look again and again until told to stop; what fails is raised by `latest`."""
        try:
            while not stopping.is_set():
                begun = self._clock.now()
                self.look()
                self.pause(stopping, begun)
        except BaseException as err:  # it is told where it is seen: in the thread that shows
            if not stopping.is_set():
                self._failure = err

    def pause(self, stopping: threading.Event, begun: float) -> None:
        """Wait for the next look, an interval after the last one began. Units: begun in seconds of the clock."""
        self._clock.wait(stopping, max(0.0, begun + self._interval_s - self._clock.now()))

    def close(self) -> None:
        """End what belongs to it."""
        self._collector.close()
        self._store.close()
        self._directory.cleanup()


def _stopped(at: float, error: ResourceExhausted) -> str:
    return f"figures stopped at {utc(at)}: {error.message}; make room on that disk, or name another in TMPDIR"
