"""From a description to what should be: names, paths, versions and variables worked out. Pure but for `look`.

Everything that is not in the description comes in as `Facts`, so that a test plans for the same description.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import UNSET

from seaway.deploy.description.schema import Description, Model
from seaway.deploy.desired import (
    ClusterSpec,
    Desired,
    GpuRequest,
    IngressSpec,
    MonitorSpec,
    Promise,
    ReplicaSpec,
    SecretRef,
)
from seaway.deploy.live import chosen_live, loaded_versions
from seaway.deploy.model_store import versions_in
from seaway.deploy.quantities import number_of_bytes
from seaway.deploy.server_environment import server_environment
from seaway.fleet.data import digest
from seaway.fleet.published import Published, PublishedLog, PublishedModel, Traffic
from seaway.stores.url import is_remote, local_path


@dataclass(frozen=True, slots=True)
class Source:
    """Where a description was read: its file, and the options that decide what of it holds.

    `variables` are those of the deployer's environment that the file names.
    """

    file: Path
    environment: str = ""
    target: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a description does not say: where it lies, what the store holds, what is in force."""

    base: Path
    """Directory of seaway.yaml, from which its relative paths go."""
    versions: Mapping[str, tuple[int, ...]]
    """Versions in the store by model."""
    now: Published | None = None
    """The decision in force."""
    replicas: int | None = None
    """How many there are to be instead of `server.replicas`: scaled by hand, or by the load."""
    secrets: tuple[SecretRef, ...] = ()
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """Of files whose content matters (certificate and key), by what they are."""
    monitor_secrets: tuple[SecretRef, ...] = ()
    monitor_lacks: str = ""
    """Package without which no monitor runs here, on targets where it runs beside its description."""
    source: Source | None = None


def source_arguments(source: Source) -> tuple[str, ...]:
    """Return the options by which a verb finds the same description again."""
    named = (("--environment", source.environment), ("--target", source.target))
    return (str(source.file), *(part for option, value in named if value for part in (option, value)))


def store_path(description: Description, base: Path) -> str:
    """Return where the model store is: a directory of this machine, or a URL."""
    if is_remote(description.store):
        return description.store.rstrip("/")
    return str((base / local_path(description.store).expanduser()).absolute())


def state_path(description: Description, base: Path) -> Path:
    """Return where the state of the deployment is."""
    if description.state:
        return (base / Path(description.state).expanduser()).absolute()
    beside = base if is_remote(description.store) else Path(store_path(description, base))
    return beside.absolute() / ".seaway" / description.project


def look(description: Description, base: Path) -> dict[str, tuple[int, ...]]:
    """Look into the store; return the versions of each model.

    Raises:  NotFound, FailedPrecondition - the store is not there or cannot be read.
    """
    store = store_path(description, base)
    return {name: versions_in(store, model.path or name) for name, model in description.models.items()}


def desire(description: Description, facts: Facts) -> Desired:
    """Return what the description asks for, given the facts.

    Raises:  FailedPrecondition - the store lacks a version; InvalidArgument - a setting of the servers is wrong.
    """
    server = description.server
    return Desired(
        project=description.project,
        replica=_replica(description, facts),
        replicas=wanted_replicas(description, facts.replicas),
        ingress=_ingress(description, facts),
        published=Published(tuple(_model(name, model, facts) for name, model in description.models.items())),
        start_timeout_s=server.start_timeout_s,
        cluster=_cluster(description) if description.target == "kubernetes" else None,
        monitor=_monitor(description, facts) if has_monitor(description, facts) else None,
    )


def has_monitor(description: Description, facts: Facts) -> bool:
    """Tell whether a monitor is to run; where it would run beside its description, its packages have to be there."""
    return description.monitoring.enabled and not (facts.monitor_lacks and description.target == "process")


def wanted_replicas(description: Description, scaled: int | None) -> int:
    """Return the number of replicas: as scaled, else as described; within autoscaling's bounds where that is on."""
    wanted = description.server.replicas if scaled is None else scaled
    scale = description.autoscale
    return min(max(wanted, scale.min), scale.max) if scale.max else wanted


def _cluster(description: Description) -> ClusterSpec:
    cluster, scale = description.kubernetes, description.autoscale
    return ClusterSpec(
        namespace=cluster.namespace,
        store_claim=cluster.store_claim,
        expose=cluster.expose,
        host=cluster.host,
        gateway=cluster.gateway,
        ingress_class=cluster.ingress_class,
        registry=cluster.registry,
        service_monitor=description.monitoring.service_monitor,
        least_replicas=scale.min,
        most_replicas=scale.max,
        metric=scale.metric,
        target=scale.target,
        up_window_s=scale.up_window_s,
        down_window_s=scale.down_window_s,
    )


def _replica(description: Description, facts: Facts) -> ReplicaSpec:
    server = description.server
    gpu = server.gpu
    return ReplicaSpec(
        image=server.image,
        store=store_path(description, facts.base),
        state=str(state_path(description, facts.base)),
        environment=dict(sorted(server_environment(server).items())),
        cpu=server.cpu,
        memory_bytes=number_of_bytes(server.memory) if server.memory else None,
        gpu=GpuRequest(gpu.count, gpu.mig, gpu.memory_fraction),
        secrets=facts.secrets,
        constraints=tuple(server.placement.constraints),
        spread=server.placement.spread,
        drain_timeout_s=server.drain_timeout_s,
    )


def _ingress(description: Description, facts: Facts) -> IngressSpec:
    server = description.server
    ports, tls = server.ports, server.tls
    certificate = key = ""
    if tls is not UNSET:
        certificate, key = str((facts.base / tls.certificate).absolute()), str((facts.base / tls.key).absolute())
    image = "" if description.target in {"process", "kubernetes"} else server.ingress.image
    fingerprint = facts.fingerprints.get("tls", "")
    return IngressSpec(ports.address, ports.grpc, ports.rest, image, certificate, key, fingerprint)


def _monitor(description: Description, facts: Facts) -> MonitorSpec:
    monitor = description.monitoring
    is_beside = description.target == "process"
    arguments, secrets = (), facts.monitor_secrets
    if is_beside and facts.source is not None:
        scaling = ("--autoscale",) if description.autoscale.max else ()
        arguments = ("--deployment", *source_arguments(facts.source), *scaling)
        # It acts on the servers, so what they are made from is its own as well.
        secrets = (*secrets, *facts.secrets)
    return MonitorSpec(
        address=monitor.address,
        port=monitor.port,
        image="" if is_beside else monitor.image or description.server.image,
        state=str(state_path(description, facts.base)),
        interval_s=monitor.interval_s,
        history_bytes=number_of_bytes(monitor.history),
        memory_bytes=0 if is_beside else number_of_bytes(monitor.memory),
        promises=tuple(_promise(name, model) for name, model in description.models.items()),
        secrets=secrets,
        constraints=tuple(monitor.constraints),
        claim=monitor.claim,
        arguments=arguments,
        watched=digest(description.autoscale) if is_beside else "",
    )


def _promise(name: str, model: Model) -> Promise:
    promised = model.objective
    memory = number_of_bytes(promised.memory) if promised.memory else None
    return Promise(name, promised.error_rate, promised.p99_ms, memory)


def _model(name: str, model: Model, facts: Facts) -> PublishedModel:
    now = facts.now.model(name) if facts.now is not None else None
    shared: dict[str, Any] = {
        "name": name,
        "path": model.path or name,
        "labels": dict(sorted(model.labels.items())),
        "engine": model.engine,
        "batching": model.batching,
        "log": _log(name, model),
    }
    if now is not None and now.traffic is not None and now.traffic.candidate is not None:
        # A rollout is under way: what it has brought about is not this command's to change.
        return PublishedModel(versions=now.versions, traffic=now.traffic, **shared)
    in_store = facts.versions.get(name, ())
    live = chosen_live(name, model.versions, in_store, now)
    versions = loaded_versions(name, model.versions, in_store, live)
    versions = tuple(sorted({*versions, *(version for version in model.labels.values() if version in in_store)}))
    return PublishedModel(versions=versions, traffic=Traffic(live), **shared)


def _log(name: str, model: Model) -> PublishedLog | None:
    log = model.log
    return PublishedLog(log.sampling_rate, log.prefix or name) if log.sampling_rate else None
