"""What is loaded right now: which version answers on which channel, in which process.

Loaders write it, the publisher and the measuring thread read it; it decides nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seaway.errors import SeawayError
from seaway.repository.ids import ServableId
from seaway.repository.source import AspiredVersion
from seaway.settings.batching_parameters import Rules
from seaway.worker.process import WorkerProcess, WorkerStats

OnLost = Callable[[SeawayError], None]


@dataclass(frozen=True, slots=True)
class Served:
    """One loaded version."""

    version: AspiredVersion
    channel: int
    worker: WorkerProcess
    is_shared: bool
    engine: str
    load_seconds: float
    rules: Rules
    """What settings and files said of joining its requests when it was loaded."""
    batching: Mapping[str, str | None]
    """What was found out then: for each signature None where requests may be joined, else why not; or nothing."""
    on_lost: OnLost
    switch: Callable[[str], None]
    """Has another engine answer for the version; raises SeawayError and changes nothing where it cannot."""
    proof: str = ""
    """What the replay of its recorded answers came to; empty where none are binding."""
    is_stand_in: bool = False
    """Whether its engine stands in for TensorFlow, which is not installed."""

    @property
    def id(self) -> ServableId:
        """Return which version this is."""
        return self.version.id

    @property
    def path(self) -> Path:
        """Return where its files are."""
        return self.version.path


@dataclass(frozen=True, slots=True)
class Joining:
    """How a version's requests are joined, which changes while it is loaded."""

    is_on: bool
    """Whether the rules in force join any requests at all."""
    proofs: Mapping[str, str | None]
    """For each signature None where requests may be joined, else why not; empty when nobody has found out."""


class ServedVersions:
    """The loaded versions and what their processes were last seen to use."""

    def __init__(self) -> None:
        """Nothing is loaded."""
        self._lock = threading.Lock()
        self._served: dict[ServableId, Served] = {}
        self._stats: dict[int, WorkerStats] = {}
        self._choices: dict[ServableId, Mapping[str, object]] = {}
        self._joining: dict[int, Joining] = {}

    def add(self, served: Served) -> None:
        """Remember a version; one that was there under the same id is replaced."""
        with self._lock:
            self._served[served.id] = served
            self._forget_joining()
            self._forget_stats()

    def remove(self, served: Served) -> None:
        """Forget a version, unless another load has taken its place."""
        with self._lock:
            if self._served.get(served.id) is served:
                del self._served[served.id]
                self._choices.pop(served.id, None)
                self._forget_joining()
            self._forget_stats()

    def all(self) -> list[Served]:
        """Return every loaded version."""
        with self._lock:
            return list(self._served.values())

    def on_channel(self, channel: int) -> Served | None:
        """Return the version that answers on a channel."""
        return next((served for served in self.all() if served.channel == channel), None)

    def channels(self) -> dict[ServableId, int]:
        """Return the channel of each loaded version."""
        return {served.id: served.channel for served in self.all()}

    def _forget_stats(self) -> None:
        """Drop what was seen of processes that hold nothing any more; the caller holds the lock."""
        pids = {served.worker.pid for served in self._served.values()}
        self._stats = {pid: stats for pid, stats in self._stats.items() if pid in pids}

    def note_stats(self, pid: int, stats: WorkerStats) -> None:
        """Remember what a process uses."""
        with self._lock:
            if any(served.worker.pid == pid for served in self._served.values()):
                self._stats[pid] = stats

    def note_choice(self, servable: ServableId, choice: Mapping[str, object]) -> None:
        """Remember what is to be shown of how a version's engine was chosen."""
        with self._lock:
            self._choices[servable] = choice

    def joining(self, served: Served) -> Joining:
        """Return how a version's requests are joined now."""
        with self._lock:
            return self._joining_of(served)

    def note_joining(self, served: Served, joining: Joining) -> None:
        """Remember how a version's requests are joined from now on."""
        with self._lock:
            self._joining[served.channel] = joining

    def get(self, servable: ServableId) -> Served | None:
        """Return a loaded version, None when it is not loaded."""
        with self._lock:
            return self._served.get(servable)

    def loaded(self) -> dict[ServableId, tuple[Served, WorkerStats | None]]:
        """Return every loaded version and what its process was last seen to use."""
        with self._lock:
            return {each.id: (each, self._stats.get(each.worker.pid)) for each in self._served.values()}

    def shown(self) -> dict[ServableId, dict[str, object]]:
        """Return what the list of models says of each loaded version beside its state."""
        with self._lock:
            return {
                served.id: _shown(
                    served,
                    self._joining_of(served),
                    self._stats.get(served.worker.pid),
                    self._choices.get(served.id),
                )
                for served in self._served.values()
            }

    def _joining_of(self, served: Served) -> Joining:
        return self._joining.get(served.channel, Joining(bool(served.batching), served.batching))

    def _forget_joining(self) -> None:
        channels = {served.channel for served in self._served.values()}
        self._joining = {channel: joining for channel, joining in self._joining.items() if channel in channels}


def _shown(
    served: Served, joining: Joining, stats: WorkerStats | None, choice: Mapping[str, object] | None
) -> dict[str, object]:
    shown: dict[str, object] = {
        "engine": served.engine,
        "worker_pid": served.worker.pid,
        "isolation": "shared" if served.is_shared else "process",
        "load_seconds": round(served.load_seconds, 3),
        "batching": _batching_shown(joining),
    }
    if served.proof:
        shown["proof"] = served.proof
    if choice is not None:
        shown["engine_choice"] = choice
    if stats is not None:
        shown |= {"memory_bytes": stats.rss_bytes, "private_bytes": stats.private_bytes}
    return shown


def _batching_shown(joining: Joining) -> dict[str, str]:
    if not joining.is_on:
        return {}
    return {name: "on" if why_not is None else f"off: {why_not}" for name, why_not in joining.proofs.items()}
