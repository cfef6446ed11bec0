"""What is loaded right now: which version answers on which channel, in which process.

Loaders write it, the publisher and the measuring thread read it; it decides nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from seaway.errors import SeawayError
from seaway.repository.ids import ServableId
from seaway.settings.batching_parameters import Rules
from seaway.worker.process import WorkerProcess, WorkerStats

OnLost = Callable[[SeawayError], None]


@dataclass(frozen=True, slots=True)
class Served:
    """One loaded version."""

    id: ServableId
    channel: int
    worker: WorkerProcess
    is_shared: bool
    engine: str
    load_seconds: float
    path: Path
    rules: Rules
    """What settings and files said of joining its requests when it was loaded."""
    batching: Mapping[str, str | None]
    """For each signature None where requests may be joined, else why not; empty when nobody has found out."""
    on_lost: OnLost
    is_batched: bool = True
    """Whether the rules in force join any requests at all."""


class ServedVersions:
    """The loaded versions and what their processes were last seen to use."""

    def __init__(self) -> None:
        """Nothing is loaded."""
        self._lock = threading.Lock()
        self._served: dict[ServableId, Served] = {}
        self._stats: dict[int, WorkerStats] = {}

    def add(self, served: Served) -> None:
        """Remember a version; one that was there under the same id is replaced."""
        with self._lock:
            self._served[served.id] = served

    def remove(self, served: Served) -> None:
        """Forget a version, unless another load has taken its place."""
        with self._lock:
            if self._is_current(served):
                del self._served[served.id]
            if all(each.worker.pid != served.worker.pid for each in self._served.values()):
                self._stats.pop(served.worker.pid, None)

    def note_batching(self, served: Served, is_batched: bool, batching: Mapping[str, str | None]) -> None:
        """Remember how a version's requests are joined now, unless another load has taken its place."""
        with self._lock:
            if self._is_current(served):
                self._served[served.id] = replace(served, is_batched=is_batched, batching=batching)

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

    def note_stats(self, pid: int, stats: WorkerStats) -> None:
        """Remember what a process uses."""
        with self._lock:
            if any(served.worker.pid == pid for served in self._served.values()):
                self._stats[pid] = stats

    def shown(self) -> dict[ServableId, dict[str, object]]:
        """Return what the list of models says of each loaded version beside its state."""
        with self._lock:
            return {served.id: _shown(served, self._stats.get(served.worker.pid)) for served in self._served.values()}

    def _is_current(self, served: Served) -> bool:
        found = self._served.get(served.id)
        return found is not None and found.channel == served.channel


def _shown(served: Served, stats: WorkerStats | None) -> dict[str, object]:
    shown: dict[str, object] = {
        "engine": served.engine,
        "worker_pid": served.worker.pid,
        "isolation": "shared" if served.is_shared else "process",
        "load_seconds": round(served.load_seconds, 3),
        "batching": _batching_shown(served) if served.is_batched else {},
    }
    if stats is not None:
        shown |= {"memory_bytes": stats.rss_bytes, "private_bytes": stats.private_bytes}
    return shown


def _batching_shown(served: Served) -> dict[str, str]:
    return {name: "on" if why_not is None else f"off: {why_not}" for name, why_not in served.batching.items()}
