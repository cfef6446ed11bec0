"""What containers are made with, as the engine's API takes it. Pure.

A replica has nothing it does not need: no rights beyond an ordinary user's, a root file system that cannot be
written, the model store read-only, and of the state only its reports and its logs of requests writable.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docker.types import DeviceRequest, LogConfig, Mount

from seaway.deploy.desired import IngressSpec, MonitorSpec, ReplicaSpec
from seaway.deploy.targets.containers import (
    CACHE,
    DIGEST_LABEL,
    GRPC_PORT,
    INGRESS,
    LOG_OPTIONS,
    LOGS,
    MONITOR,
    MONITOR_PORT,
    MONITOR_RECORDS,
    PLACE_LABEL,
    PROJECT_LABEL,
    REPLICA,
    REPORTS,
    REST_PORT,
    ROLE_LABEL,
    SECRETS,
    STATE,
    STORE,
    has_tls,
    monitor_command,
    monitor_health,
    replica_environment,
    stop_wait_s,
    traefik_arguments,
    traefik_labels,
)
from seaway.fleet.published import LOG_DIRECTORY
from seaway.fleet.report import DIRECTORY
from seaway.stores.url import is_remote

TLS_LABEL = "seaway.tls"
DRAIN_LABEL = "seaway.stop-wait"
_NANO = 1_000_000_000
_MONITOR_CHECKED = {
    "interval": 5 * _NANO,
    "timeout": 5 * _NANO,
    "start_period": 60 * _NANO,
    "retries": 6,
}
_LOCKED = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}


def network_of(project: str) -> str:
    """Return the name of a project's network."""
    return f"seaway-{project}"


def cache_volume(project: str) -> str:
    """Return the volume of converted models and engine decisions, which the replicas of this engine share."""
    return f"seaway-{project}-cache"


def secrets_volume(project: str) -> str:
    """Return the volume of tokens and the TLS key: no variable and no file of the host shows them."""
    return f"seaway-{project}-secrets"


def ingress_name(project: str) -> str:
    """Return the name of Traefik's container."""
    return f"{project}-ingress"


def monitor_name(project: str) -> str:
    """Return the name of the monitor's container."""
    return f"{project}-monitor"


def monitor_volume(project: str) -> str:
    """Return the volume of what the monitor has kept."""
    return f"seaway-{project}-monitor"


def monitor_secrets_volume(project: str) -> str:
    """Return the volume of the monitor's secrets, which no replica has."""
    return f"seaway-{project}-monitor-secrets"


def replica_settings(project: str, name: str, spec: ReplicaSpec, tls: bool) -> dict[str, Any]:
    """Return what a replica's container is made with."""
    network = network_of(project)
    wait_s = stop_wait_s(spec.environment, spec.drain_timeout_s)
    labels = {
        **_labels(project, REPLICA, spec.digest),
        **traefik_labels(project, network, tls, "docker"),
        DRAIN_LABEL: f"{wait_s:g}",
        TLS_LABEL: "yes" if tls else "no",
    }
    mounts = [
        *([] if is_remote(spec.store) else [Mount(STORE, spec.store, type="bind", read_only=True)]),
        Mount(STATE, spec.state, type="bind", read_only=True),
        Mount(REPORTS, str(Path(spec.state) / DIRECTORY), type="bind"),
        Mount(CACHE, cache_volume(project), type="volume"),
        Mount(LOGS, str(Path(spec.state) / LOG_DIRECTORY), type="bind"),
    ]
    if spec.secrets:
        mounts.append(Mount(SECRETS, secrets_volume(project), type="volume", read_only=True))
    settings: dict[str, Any] = {
        "image": spec.image,
        "name": name,
        "hostname": name,
        "environment": replica_environment(spec, name),
        "labels": labels,
        "mounts": mounts,
        "tmpfs": {"/tmp": "mode=1777"},
        "network": network,
        "restart_policy": {"Name": "always"},
        "log_config": LogConfig(type="json-file", config=LOG_OPTIONS),
        "stop_signal": "SIGTERM",
        **_LOCKED,
    }
    if spec.cpu:
        settings["nano_cpus"] = int(spec.cpu * _NANO)
    if spec.memory_bytes:
        # As much swap as memory means none: a model that swaps is no model that serves.
        settings |= {"mem_limit": spec.memory_bytes, "memswap_limit": spec.memory_bytes}
    if spec.gpu.count or spec.gpu.mig:
        settings["device_requests"] = [_gpus(spec)]
    return settings


def ingress_settings(project: str, ingress: IngressSpec, socket: str) -> dict[str, Any]:
    """Return what Traefik's container is made with; `socket` is the engine's, by which it finds the replicas."""
    tls = has_tls(ingress)
    mounts = [Mount("/var/run/docker.sock", socket, type="bind", read_only=True)]
    if tls:
        mounts.append(Mount(SECRETS, secrets_volume(project), type="volume", read_only=True))
    return {
        "image": ingress.image,
        "name": ingress_name(project),
        "command": traefik_arguments(project, network_of(project), "docker", tls),
        "labels": _labels(project, INGRESS, ingress.digest),
        "mounts": mounts,
        "network": network_of(project),
        "ports": {
            f"{GRPC_PORT}/tcp": (ingress.address, ingress.grpc_port),
            f"{REST_PORT}/tcp": (ingress.address, ingress.rest_port),
        },
        "restart_policy": {"Name": "always"},
        "log_config": LogConfig(type="json-file", config=LOG_OPTIONS),
        **_LOCKED,
    }


def monitor_settings(project: str, spec: MonitorSpec) -> dict[str, Any]:
    """Return what the monitor's container is made with."""
    mounts = [
        Mount(STATE, spec.state, type="bind", read_only=True),
        Mount(MONITOR_RECORDS, monitor_volume(project), type="volume"),
    ]
    if spec.secrets:
        mounts.append(Mount(SECRETS, monitor_secrets_volume(project), type="volume", read_only=True))
    program, *arguments = monitor_command(spec, ("--state", STATE))
    return {
        "image": spec.image,
        "name": monitor_name(project),
        "hostname": monitor_name(project),
        "entrypoint": [program],
        "command": arguments,
        "labels": {**_labels(project, MONITOR, spec.digest), PLACE_LABEL: spec.place},
        "mounts": mounts,
        "tmpfs": {"/tmp": "mode=1777"},
        "working_dir": "/tmp",
        "network": network_of(project),
        "ports": {f"{MONITOR_PORT}/tcp": (spec.address, spec.port)},
        "healthcheck": {"test": ["CMD", *monitor_health()], **_MONITOR_CHECKED},
        "mem_limit": spec.memory_bytes,
        "memswap_limit": spec.memory_bytes,
        "restart_policy": {"Name": "always"},
        "log_config": LogConfig(type="json-file", config=LOG_OPTIONS),
        "stop_signal": "SIGTERM",
        **_LOCKED,
    }


def _labels(project: str, role: str, digest: str) -> dict[str, str]:
    return {PROJECT_LABEL: project, ROLE_LABEL: role, DIGEST_LABEL: digest}


def _gpus(spec: ReplicaSpec) -> DeviceRequest:
    """Return a request for GPUs. Never run: the project has no machine with one."""
    if spec.gpu.mig:
        return DeviceRequest(device_ids=[spec.gpu.mig], capabilities=[["gpu"]])
    return DeviceRequest(count=spec.gpu.count, capabilities=[["gpu"]])
