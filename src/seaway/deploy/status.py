"""What a deployment looks like at one moment, put together for a person or a program. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seaway.deploy.history import Entry
from seaway.deploy.live import live_version
from seaway.deploy.observed import Observed, ObservedMonitor, Replica
from seaway.fleet.data import Data
from seaway.fleet.published import Published, PublishedModel, Traffic
from seaway.fleet.report import Report


class ReplicaStatus(Data, frozen=True):
    """One replica. `generation` is what it serves, if `is_current` the newest decision."""

    name: str
    state: str
    generation: int = 0
    is_current: bool = False
    in_flight: int = 0
    memory_bytes: int = 0
    restarts: int = 0
    address: str = ""
    reason: str = ""


class ModelStatus(Data, frozen=True):
    """One model. `newer` are versions of the store above the one that answers, which wait for a rollout."""

    name: str
    live: int
    loaded: tuple[int, ...]
    traffic: Traffic | None = None
    serving: int = 0
    """Replicas on which the live version is AVAILABLE."""
    newer: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()


class Status(Data, frozen=True):
    """A deployment."""

    project: str
    target: str
    is_deployed: bool
    ingress: str = ""
    monitor: str = ""
    """Where its page is, or what is wrong with it; empty where there is none."""
    generation: int = 0
    replicas: tuple[ReplicaStatus, ...] = ()
    models: tuple[ModelStatus, ...] = ()
    objects: tuple[str, ...] = ()
    last: Entry | None = None


def status(
    name: tuple[str, str],
    observed: Observed,
    published: Published | None,
    reports: Sequence[Report],
    in_store: Mapping[str, tuple[int, ...]],
) -> Status:
    """Return the status of the deployment of that project and target."""
    by_name = {report.replica: report for report in reports}
    generation = observed.published.generation if observed.published is not None else 0
    ingress = observed.ingress
    down = ingress.reason or "not running" if ingress is not None and not ingress.is_running else ""
    models = published.models if published is not None else ()
    return Status(
        project=name[0],
        target=name[1],
        is_deployed=not observed.is_nothing,
        ingress=down or ("running" if ingress is not None else ""),
        monitor=_monitor(observed.monitor),
        generation=generation,
        replicas=tuple(_replica(replica, by_name.get(replica.name), generation) for replica in observed.replicas),
        models=tuple(_model(model, reports, in_store.get(model.name, ())) for model in models),
        objects=tuple(f"{each.kind} {each.name}: {each.problem or 'as told'}" for each in observed.objects),
    )


def _monitor(monitor: ObservedMonitor | None) -> str:
    if monitor is None:
        return ""
    if not monitor.is_running:
        return monitor.reason or "not running"
    return f"http://{monitor.place}/" if monitor.place else "running"


def _replica(replica: Replica, report: Report | None, generation: int) -> ReplicaStatus:
    return ReplicaStatus(
        name=replica.name,
        state=replica.state.value,
        generation=replica.generation,
        is_current=replica.generation == generation and replica.applied,
        in_flight=report.in_flight if report is not None else 0,
        memory_bytes=report.memory_bytes if report is not None else 0,
        restarts=replica.restarts,
        address=replica.address,
        reason=replica.reason or (report.problem if report is not None else ""),
    )


def _model(model: PublishedModel, reports: Sequence[Report], in_store: Sequence[int]) -> ModelStatus:
    live = live_version(model)
    on_replicas = [each for report in reports for each in report.models if each.name == model.name]
    versions = [version for each in on_replicas for version in each.versions]
    return ModelStatus(
        name=model.name,
        live=live,
        loaded=model.versions,
        traffic=model.traffic,
        serving=sum(version.version == live and version.state == "AVAILABLE" for version in versions),
        newer=tuple(version for version in in_store if version > max(live, *model.versions)),
        problems=tuple(
            sorted(
                {f"version {version.version}: {version.error}" for version in versions if version.error}
                | {each.problem for each in on_replicas if each.problem}
            )
        ),
    )
