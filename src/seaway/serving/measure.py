"""Tells the metrics what only this side of the server knows: workers' memory, loads, unloads, restarts."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from seaway._core import Plane, StatusError
from seaway.clock import Clock
from seaway.errors import SeawayError
from seaway.repository.ids import ServableId
from seaway.repository.states import ServableState, State
from seaway.serving.publisher import Publisher
from seaway.serving.served import Served, ServedVersions
from seaway.worker.process import WorkerStats

log = logging.getLogger(__name__)

_STATS_TIMEOUT_S = 2.0
SHARED = "(shared)"


@dataclass(frozen=True, slots=True)
class Observation:
    """One value for a metric of the catalogue."""

    name: str
    labels: dict[str, str]
    value: float
    op: str

    def as_json(self) -> dict[str, object]:
        """Return it as the plane reads it."""
        return {"name": self.name, "labels": self.labels, "value": self.value, "op": self.op}


def observe(plane: Plane, observations: Sequence[Observation]) -> None:
    """Have the plane's metrics show these values.

    Raises:  StatusError - a value is of no metric of the catalogue. RuntimeError - the plane has stopped.
    """
    if observations:
        plane.observe(json.dumps([each.as_json() for each in observations]))


def tell(plane: Plane, observations: Sequence[Observation]) -> None:
    """Do what `observe` does, for a thread that may outlive the plane."""
    try:
        observe(plane, observations)
    except (StatusError, RuntimeError) as err:  # the second of a plane that has stopped: nobody reads it any more
        log.debug("%s was not told: %s", ", ".join(each.name for each in observations), err)


def of_state(before: State, state: ServableState) -> list[Observation]:
    """Return what one change of state means for the counters. Pure."""
    model = {"model": state.id.name}
    match before, state.state:
        case State.LOADING, State.AVAILABLE:
            return [Observation("seaway_model_loads_total", model | {"outcome": "ok"}, 1, "add")]
        case State.AVAILABLE, State.LOADING:
            return [Observation("seaway_worker_restarts_total", model, 1, "add")]
        case (State.LOADING, State.END | State.LOADING) if state.code:
            return [Observation("seaway_model_loads_total", model | {"outcome": "failed"}, 1, "add")]
        case State.UNLOADING, State.END:
            return [Observation("seaway_model_unloads_total", model, 1, "add")]
    return []


def of_stats(served: Served, stats: WorkerStats) -> list[Observation]:
    """Return what a worker uses as metrics. Pure."""
    labels = _labels(served)
    memory = {"rss": stats.rss_bytes, "pss": stats.pss_bytes, "private": stats.private_bytes}
    return [
        *(
            Observation("seaway_worker_memory_bytes", labels | {"kind": kind}, float(value), "set")
            for kind, value in memory.items()
        ),
        Observation("seaway_worker_cpu_seconds_total", labels, stats.cpu_seconds, "set"),
    ]


def of_engine(served: Served) -> Observation:
    """Return which engine runs a version as a metric. Pure."""
    labels = {"model": served.id.name, "version": str(served.id.version), "engine": served.engine}
    return Observation("seaway_engine_info", labels, 1, "set")


def _labels(served: Served) -> dict[str, str]:
    if served.is_shared:
        return {"model": SHARED, "version": ""}
    return {"model": served.id.name, "version": str(served.id.version)}


class Measurer:
    """Counts state changes as they come, and asks the workers at intervals."""

    def __init__(self, plane: Plane, served: ServedVersions, publisher: Publisher) -> None:
        """Nothing was seen yet."""
        self._plane = plane
        self._served = served
        self._publisher = publisher
        self._states: dict[ServableId, State] = {}
        self._shown: dict[int, list[Observation]] = {}
        self._engines: list[Observation] = []
        self._due = threading.Event()

    def on_state(self, state: ServableState) -> None:
        """Count one change of state."""
        before = self._states.get(state.id, State.UNKNOWN)
        if state.state is State.END:
            self._states.pop(state.id, None)
        else:
            self._states[state.id] = state.state
        if before is not state.state or state.code:
            self._observe(of_state(before, state))
        if state.state is State.AVAILABLE:
            seconds = [each.load_seconds for each in self._served.all() if each.id == state.id]
            labels = {"model": state.id.name, "version": str(state.id.version)}
            self._observe([Observation("seaway_model_load_seconds", labels, value, "set") for value in seconds])
            # A new version's memory is of interest now, not at the next interval.
            self._due.set()
        if state.state is State.END:
            labels = {"model": state.id.name, "version": str(state.id.version)}
            self._observe([Observation("seaway_model_load_seconds", labels, 0, "remove")])

    def run(self, interval_s: float, stop: threading.Event, clock: Clock) -> None:
        """Ask every worker every `interval_s` seconds, and when one is new, until told to stop."""
        while not stop.is_set():
            clock.wait(self._due, interval_s)
            self._due.clear()
            if stop.is_set():
                return
            try:
                self.measure()
            except Exception:
                log.exception("measuring the workers failed unexpectedly")

    def wake(self) -> None:
        """Ask now, or end if the time for that has come."""
        self._due.set()

    def measure(self) -> None:
        """Ask every worker once, and take back the series of those that are gone."""
        by_pid = {served.worker.pid: served for served in self._served.all()}
        for pid in set(self._shown) - set(by_pid):
            gone = self._shown.pop(pid)
            self._observe([Observation(each.name, each.labels, 0, "remove") for each in gone])
        for pid, served in by_pid.items():
            try:
                stats = served.worker.stats(_STATS_TIMEOUT_S)
            except SeawayError as err:
                log.debug("%s: %s", served.id, err.message)
                continue
            self._served.note_stats(pid, stats)
            self._shown[pid] = of_stats(served, stats)
            self._observe(self._shown[pid])
        engines = [of_engine(served) for served in self._served.all()]
        self._observe([replace(each, op="remove") for each in self._engines if each not in engines])
        self._observe(engines)
        self._engines = engines
        self._publisher.refresh()

    def _observe(self, observations: list[Observation]) -> None:
        observe(self._plane, observations)
