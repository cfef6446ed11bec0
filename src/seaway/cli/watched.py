"""A deployment as the monitor sees it: its replicas, what was done to it, and what its replicas say they use.

It joins the two packages, which know nothing of each other: what a target observes becomes what a collector looks at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import structs

from seaway.deploy import history
from seaway.deploy.deployment import Deployment
from seaway.deploy.description.schema import Objective
from seaway.deploy.history import Entry
from seaway.deploy.observed import Replica, State
from seaway.deploy.quantities import number_of_bytes
from seaway.errors import SeawayError
from seaway.fleet.report import Report
from seaway.monitor.alerts.objectives import Promise, objective_rules
from seaway.monitor.alerts.rule import Rule
from seaway.monitor.collect.host import gauge
from seaway.monitor.collect.targets import target
from seaway.monitor.point import Kind, Point, Sample, Series
from seaway.monitor.store.store import Event
from seaway.monitor.target import Target


class EndedChanges:
    """Which changes of a deployment have ended since somebody asked; each is told once.

    A change is written down as ended some time after it has ended, so its time cannot tell whether it is new:
    whoever asks in between would miss it for good.
    """

    def __init__(self) -> None:
        """Know of nothing yet."""
        self._told: set[tuple[int, float]] | None = None

    def since_asked(self, entries: Sequence[Entry], after: float) -> list[Entry]:
        """Return the new ones, the oldest first; at first those that ended later than `after`.

        Units: after in seconds since the Unix epoch.
        """
        ended = [each for each in entries if each.outcome != "running"]
        told = self._told
        if told is None:
            told = {_identity(each) for each in ended if each.at + each.seconds <= after}
        self._told = {_identity(each) for each in ended}
        return [each for each in ended if _identity(each) not in told]


def _identity(entry: Entry) -> tuple[int, float]:
    return entry.id, entry.at  # numbers begin again when a deployment was destroyed


class WatchedDeployment:
    """One deployment. One thread at a time."""

    def __init__(self, deployed: Deployment) -> None:
        """Look at nothing yet."""
        self._deployed = deployed
        self._project = deployed.description.project
        self._replicas: tuple[Replica, ...] = ()
        self._reports: dict[str, Report] = {}
        self._ended = EndedChanges()

    def targets(self) -> Sequence[Target]:
        """Return the replicas that can be reached from this machine. Raises as the target's `observe` does."""
        self._replicas = self._deployed.site.target.observe().replicas
        labels = (("project", self._project),)
        return [
            structs.replace(target(each.rest_address, labels), instance=each.name)
            for each in self._replicas
            if each.rest_address
        ]

    def rules(self) -> tuple[Rule, ...]:
        """Return the alerts of what its models promise."""
        models = self._deployed.description.models
        return objective_rules([_promise(name, each.objective) for name, each in models.items()])

    def events(self, after: float, until: float) -> Sequence[Event]:
        """Return the changes that ended since the last call; the first leaves out what ended before `after`."""
        ended = self._ended.since_asked(history.read(self._deployed.site.state), after)
        return [as_event(each, self._project) for each in ended]

    def samples(self, at: int) -> list[Sample]:
        """Return what each replica uses, whether it is ready, and how often it was started again.

        It comes from the reports that replicas write for the deployment, so replicas that cannot be reached from here
        have it too. Units: at in milliseconds since the Unix epoch.
        """
        try:
            reports = {each.replica: each for each in self._deployed.site.target.reports()}
        except SeawayError:
            return []  # The discovery of the same round has told why.
        found = [sample for each in self._replicas for sample in self._of_replica(each, at)]
        for name, report in reports.items():
            found += of_report(report, self._reports.get(name), self._labels(name), at)
        self._reports = reports
        return found

    def _of_replica(self, replica: Replica, at: int) -> Iterator[Sample]:
        labels = self._labels(replica.name)
        yield gauge("replica_ready", 1.0 if replica.state is State.READY else 0.0, at, labels)
        yield gauge("replica_restarts", float(replica.restarts), at, labels)

    def _labels(self, name: str) -> tuple[tuple[str, str], ...]:
        return (("instance", name), ("project", self._project))


def _promise(model: str, objective: Objective) -> Promise:
    p99 = None if objective.p99_ms is None else objective.p99_ms / 1000.0
    memory = None if objective.memory is None else number_of_bytes(objective.memory)
    return Promise(model, objective.error_rate, p99, memory)


def of_report(report: Report, before: Report | None, labels: tuple[tuple[str, str], ...], at: int) -> Iterator[Sample]:
    """Yield what a replica reports that it uses; processor time since the report before. Pure."""
    yield gauge("replica_memory_bytes", float(report.memory_bytes), at, labels)
    yield gauge("replica_in_flight", float(report.in_flight), at, labels)
    if before is None:
        return
    is_same = before.started_at == report.started_at
    added = report.cpu_seconds - before.cpu_seconds if is_same else report.cpu_seconds
    if added > 0:
        yield Sample(Series("replica_cpu_seconds_total", labels, Kind.COUNTER), Point(at, added))


def as_event(entry: Entry, project: str) -> Event:
    """Return a change that has ended as an event of that moment."""
    verb, *words = entry.command.split()
    is_of_model = verb in {"rollout", "rollback"} and bool(words)
    labels = {"project": project, **({"model": words[0]} if is_of_model else {})}
    kind, text = "rollout" if is_of_model else "deployment", f"{entry.command} by {entry.who}: {entry.outcome}"
    return Event(round((entry.at + entry.seconds) * 1000), kind, labels, text)
