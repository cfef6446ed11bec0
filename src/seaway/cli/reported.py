"""A deployment as its state directory shows it: for a monitor that runs where its description is not.

Its replicas report there, and every change of it is written down there. It knows no target and cannot act.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import structs

from seaway.cli.watched import EndedChanges, as_event, of_report
from seaway.clock import Clock
from seaway.deploy import history
from seaway.deploy.report_files import is_fresh, read_reports
from seaway.deploy.state import StateDirectory
from seaway.errors import SeawayError
from seaway.fleet.report import Report
from seaway.monitor.collect.dns import Resolve
from seaway.monitor.collect.host import gauge
from seaway.monitor.collect.targets import target
from seaway.monitor.point import Sample
from seaway.monitor.store.store import Event
from seaway.monitor.target import Target

_REST_PORT = 8501
_GONE_S = 60.0
"""A replica that has not reported for so long is looked for no more: another may have taken its place."""


class ReportedDeployment:
    """One deployment. One thread at a time."""

    def __init__(self, directory: Path, resolve: Resolve, clock: Clock) -> None:
        """Look at nothing yet."""
        self._directory = directory
        self._state = StateDirectory(directory)
        self._resolve = resolve
        self._clock = clock
        self._reports: dict[str, Report] = {}
        self._ended = EndedChanges()

    def targets(self) -> Sequence[Target]:
        """Return the replicas, which have their own names on the network of the deployment."""
        labels = (("project", self._project()),)
        return [
            structs.replace(target(f"{name}:{_REST_PORT}", labels), instance=name) for name in sorted(self._present())
        ]

    def names(self) -> Mapping[str, str]:
        """Return what replicas are called, by their addresses; one whose name is not known here is left out."""
        found: dict[str, str] = {}
        for name in self._present():
            try:
                found |= dict.fromkeys(self._resolve(name), name)
            except SeawayError:
                continue
        return found

    def events(self, after: float, until: float) -> Sequence[Event]:
        """Return the changes that ended since the last call; the first leaves out what ended before `after`."""
        project = self._project()
        return [as_event(each, project) for each in self._ended.since_asked(history.read(self._state), after)]

    def samples(self, at: int) -> list[Sample]:
        """Return what each replica says that it uses, and whether it is ready. Units: at in ms since the epoch."""
        project, now = self._project(), self._clock.wall()
        found: list[Sample] = []
        present = self._present()
        for name, report in present.items():
            labels = (("instance", name), ("project", project))
            is_ready = report.ready and is_fresh(report, now)
            found.append(gauge("replica_ready", 1.0 if is_ready else 0.0, at, labels))
            found += of_report(report, self._reports.get(name), labels, at)
        self._reports = present
        return found

    def _present(self) -> dict[str, Report]:
        now = self._clock.wall()
        return {each.replica: each for each in read_reports(self._directory) if now - each.at <= _GONE_S}

    def _project(self) -> str:
        done = history.newest_done(history.read(self._state))
        return done.desired.project if done is not None and done.desired is not None else self._directory.name
