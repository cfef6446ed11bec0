"""Puts a replica's report together, and leaves it where the deployer looks: a file, and the plane's `/v1/report`."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil

from seaway.clock import Clock
from seaway.fleet.report import ModelReport, Report, VersionReport
from seaway.repository.ids import ServableId
from seaway.repository.snapshot import ModelView, RepositoryView
from seaway.serving.follow.follower import Followed
from seaway.serving.served import Served
from seaway.worker.process import WorkerStats

log = logging.getLogger(__name__)

Loaded = dict[ServableId, tuple[Served, WorkerStats | None]]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a report's parts come from."""

    followed: Callable[[], Followed]
    view: Callable[[], RepositoryView]
    loaded: Callable[[], Loaded]
    measurements: Callable[[], str]


class Reporter:
    """Reports at intervals, and when told that something has changed."""

    def __init__(self, replica: str, sources: Sources, show: Callable[[str], None], clock: Clock) -> None:
        """Nothing was reported yet; `show` takes every report."""
        self._replica = replica
        self._sources = sources
        self._show = show
        self._clock = clock
        self._started_at = clock.wall()
        self._due = threading.Event()
        self._is_ready = False

    def set_ready(self, is_ready: bool) -> None:
        """Take note that the server wants requests, or wants none any more, and report that."""
        self._is_ready = is_ready
        self._due.set()

    def report(self) -> Report:
        """Return the report of this moment."""
        followed, view, loaded = self._sources.followed(), self._sources.view(), self._sources.loaded()
        measured: dict[str, Any] = json.loads(self._sources.measurements())
        cpu_seconds, memory_bytes = used({served.worker.pid for served, _ in loaded.values()})
        parts: dict[str, Any] = {
            "replica": self._replica,
            "at": self._clock.wall(),
            "started_at": self._started_at,
            "generation": followed.generation,
            "applied": followed.standing.is_applied,
            "ready": self._is_ready,
            "problem": followed.standing.problem,
            "models": [msgspec.to_builtins(model_report(model, loaded)) for _, model in sorted(view.items())],
            "cpu_seconds": cpu_seconds,
            "memory_bytes": memory_bytes,
            **measured,
        }
        return msgspec.convert(parts, Report)

    def wake(self) -> None:
        """Report now."""
        self._due.set()

    def run(self, interval_s: float, stop: threading.Event) -> None:
        """Report every `interval_s` seconds until told to stop."""
        while not stop.is_set():
            try:
                self._show(msgspec.json.encode(self.report()).decode())
            except Exception:
                log.exception("reporting failed unexpectedly")
            self._clock.wait(self._due, interval_s)
            self._due.clear()


class ReportFile:
    """The file of one replica's report. What cannot be written is said once and disturbs nobody."""

    def __init__(self, directory: Path, replica: str) -> None:
        """Write nothing yet."""
        self._path = directory / f"{replica}.json"
        self._partial = directory / f".{replica}.{os.getpid()}"
        self._complaint = ""

    def write(self, report: str) -> None:
        """Put a report in the place of the last one."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._partial.write_text(report, encoding="utf-8")
            self._partial.replace(self._path)
            self._complaint = ""
        except OSError as err:
            if str(err) != self._complaint:
                log.warning("the report cannot be written: %s", err)
            self._complaint = str(err)

    def remove(self) -> None:
        """Take the report away: this replica has ended as it should."""
        for path in (self._path, self._partial):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def model_report(model: ModelView, loaded: Loaded) -> ModelReport:
    """Return what is reported of one model. Pure."""
    return ModelReport(
        name=model.name,
        versions=tuple(
            _version_report(each.state.id, each.state.state.name, each.state.message, loaded)
            for each in model.snapshot.versions
        ),
        problem=model.problem.message if model.problem is not None else "",
    )


def used(workers: set[int]) -> tuple[float, int]:
    """Return processor seconds and bytes of memory of this process and its workers, those that are there."""
    cpu_seconds, memory_bytes = 0.0, 0
    for pid in {os.getpid(), *workers}:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                cpu_seconds += times.user + times.system
                memory = process.memory_info()
                # Libraries that all of them map count once, with the server.
                memory_bytes += memory.rss if pid == os.getpid() else memory.rss - memory.shared
    return round(cpu_seconds, 3), max(0, memory_bytes)


def _version_report(servable: ServableId, state: str, error: str, loaded: Loaded) -> VersionReport:
    served, stats = loaded.get(servable, (None, None))
    return VersionReport(
        version=servable.version,
        state=state,
        error=error,
        engine=served.engine if served is not None else "",
        memory_bytes=stats.private_bytes if stats is not None else 0,
    )
