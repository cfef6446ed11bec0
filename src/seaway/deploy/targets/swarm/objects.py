"""The objects of a deployment on Swarm, as its API takes them. Pure.

Source: Docker Engine API v1.41 (services, networks, secrets).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seaway.deploy.desired import Desired, IngressSpec, ReplicaSpec
from seaway.deploy.reconcile_objects import WantedObject
from seaway.deploy.targets.containers import (
    CACHE,
    GRPC_PORT,
    INGRESS,
    LOG_OPTIONS,
    LOGS,
    PROJECT_LABEL,
    REPLICA,
    REPORTS,
    REST_PORT,
    ROLE_LABEL,
    SECRETS,
    STATE,
    STORE,
    TLS_CERTIFICATE,
    TLS_KEY,
    TLS_SETTINGS,
    TOKENS,
    USER,
    has_tls,
    replica_environment,
    stop_wait_s,
    traefik_arguments,
    traefik_labels,
)
from seaway.fleet.published import LOG_DIRECTORY
from seaway.fleet.report import DIRECTORY
from seaway.stores.url import is_remote

NETWORK, SECRET, SERVICE = "network", "secret", "service"
TASK_NAME = "{{.Service.Name}}.{{.Task.Slot}}.{{.Task.ID}}"
"""The name of a replica: while one task takes the place of another, both have the same slot."""

NANO = 1_000_000_000
_MEGA = 10**6
_ROOT = 0
_FILE_MODE = 0o400


def network_of(project: str) -> str:
    """Return the name of a project's overlay network."""
    return f"seaway-{project}"


def wanted(desired: Desired) -> list[WantedObject]:
    """Return the objects of a deployment, in the order in which they are made."""
    secrets = _secrets(desired)
    return [
        WantedObject(NETWORK, network_of(desired.project), {"Driver": "overlay", "Attachable": True}),
        *secrets,
        WantedObject(SERVICE, f"{desired.project}-{INGRESS}", _ingress_service(desired), desired.start_timeout_s),
        WantedObject(SERVICE, desired.project, _replica_service(desired), _update_time_s(desired)),
    ]


def secret_name(project: str, what: str, fingerprint: str) -> str:
    """Return the name of a secret; it changes with its content, since Swarm's secrets cannot."""
    return f"{project}-{what.replace('.', '-')}-{fingerprint}"


def labels_of(project: str, role: str) -> dict[str, str]:
    """Return the labels of everything that belongs to a project."""
    return {PROJECT_LABEL: project, ROLE_LABEL: role}


def _secrets(desired: Desired) -> list[WantedObject]:
    found = []
    if desired.replica.secrets:
        found.append((TOKENS, _tokens_fingerprint(desired.replica)))
    if has_tls(desired.ingress):
        found += [(name, desired.ingress.fingerprint) for name in (TLS_CERTIFICATE, TLS_KEY, TLS_SETTINGS)]
    return [
        WantedObject(SECRET, secret_name(desired.project, name, fingerprint), {"content": name})
        for name, fingerprint in found
    ]


def _tokens_fingerprint(spec: ReplicaSpec) -> str:
    return "-".join(each.fingerprint for each in spec.secrets)[:24]


def _replica_service(desired: Desired) -> dict[str, Any]:
    project, spec = desired.project, desired.replica
    environment = replica_environment(spec, TASK_NAME)
    container: dict[str, Any] = {
        "Image": spec.image,
        "Hostname": "{{.Service.Name}}.{{.Task.Slot}}",
        "Env": [f"{name}={value}" for name, value in sorted(environment.items())],
        "Mounts": _replica_mounts(project, spec),
        "ReadOnly": True,
        "CapabilityDrop": ["ALL"],
        "StopSignal": "SIGTERM",
        "StopGracePeriod": int(stop_wait_s(spec.environment, spec.drain_timeout_s) * NANO),
        "Labels": labels_of(project, REPLICA),
    }
    if spec.secrets:
        name = secret_name(project, TOKENS, _tokens_fingerprint(spec))
        container["Secrets"] = [{"SecretName": name, "File": secret_file(TOKENS, USER)}]
    template = {
        "ContainerSpec": container,
        "Resources": _resources(spec),
        "RestartPolicy": {"Condition": "any", "Delay": NANO},
        "Placement": _placement(spec),
        "LogDriver": {"Name": "json-file", "Options": LOG_OPTIONS},
    }
    one_by_one = {"Parallelism": 1, "Order": "start-first", "Monitor": 5 * NANO, "MaxFailureRatio": 0.0}
    return {
        "Labels": labels_of(project, REPLICA)
        | traefik_labels(project, network_of(project), has_tls(desired.ingress), "swarm"),
        "TaskTemplate": template,
        "Mode": {"Replicated": {"Replicas": desired.replicas}},
        "UpdateConfig": {**one_by_one, "FailureAction": "rollback"},
        "RollbackConfig": {**one_by_one, "FailureAction": "pause"},
        "EndpointSpec": {"Mode": "dnsrr"},
        "Networks": [network_of(project)],
    }


def _replica_mounts(project: str, spec: ReplicaSpec) -> list[dict[str, Any]]:
    return [
        *([] if is_remote(spec.store) else [{"Type": "bind", "Source": spec.store, "Target": STORE, "ReadOnly": True}]),
        {"Type": "bind", "Source": spec.state, "Target": STATE, "ReadOnly": True},
        {"Type": "bind", "Source": str(Path(spec.state) / DIRECTORY), "Target": REPORTS},
        {"Type": "bind", "Source": str(Path(spec.state) / LOG_DIRECTORY), "Target": LOGS},
        {"Type": "volume", "Source": f"seaway-{project}-cache", "Target": CACHE},
        {"Type": "tmpfs", "Target": "/tmp", "TmpfsOptions": {"Mode": 0o1777}},
    ]


def _resources(spec: ReplicaSpec) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if spec.cpu:
        limits["NanoCPUs"] = int(spec.cpu * NANO)
    if spec.memory_bytes:
        limits["MemoryBytes"] = spec.memory_bytes
    found: dict[str, Any] = {"Limits": limits} if limits else {}
    if spec.gpu.count:
        # Never run: the project has no machine with a GPU. Nodes have to announce them (`node-generic-resources`).
        generic = [{"DiscreteResourceSpec": {"Kind": "NVIDIA-GPU", "Value": spec.gpu.count}}]
        found["Reservations"] = {"GenericResources": generic}
    return found


def _placement(spec: ReplicaSpec) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if spec.constraints:
        found["Constraints"] = list(spec.constraints)
    if spec.spread:
        found["Preferences"] = [{"Spread": {"SpreadDescriptor": spec.spread}}]
    return found


def _ingress_service(desired: Desired) -> dict[str, Any]:
    project, ingress = desired.project, desired.ingress
    tls = has_tls(ingress)
    container: dict[str, Any] = {
        "Image": ingress.image,
        "Args": traefik_arguments(project, network_of(project), "swarm", tls),
        "Mounts": [
            {"Type": "bind", "Source": "SOCKET", "Target": "/var/run/docker.sock", "ReadOnly": True},
        ],
        "ReadOnly": True,
        "CapabilityDrop": ["ALL"],
        "Labels": labels_of(project, INGRESS),
    }
    if tls:
        container["Secrets"] = [
            {"SecretName": secret_name(project, name, ingress.fingerprint), "File": secret_file(name, _ROOT)}
            for name in (TLS_CERTIFICATE, TLS_KEY, TLS_SETTINGS)
        ]
    template = {
        "ContainerSpec": container,
        "RestartPolicy": {"Condition": "any", "Delay": NANO},
        # Only managers know the tasks.
        "Placement": {"Constraints": ["node.role == manager"]},
        "LogDriver": {"Name": "json-file", "Options": LOG_OPTIONS},
    }
    return {
        "Labels": labels_of(project, INGRESS),
        "TaskTemplate": template,
        "Mode": {"Replicated": {"Replicas": 1}},
        "UpdateConfig": {"Parallelism": 1, "Order": "stop-first", "FailureAction": "rollback"},
        "EndpointSpec": {"Mode": "dnsrr", "Ports": _ports(ingress)},
        "Networks": [network_of(project)],
    }


def _ports(ingress: IngressSpec) -> list[dict[str, Any]]:
    """Return the ports on the node itself: what a routing mesh would spread by connection, Traefik does by request."""
    return [
        {"Protocol": "tcp", "PublishMode": "host", "PublishedPort": published, "TargetPort": port}
        for published, port in ((ingress.grpc_port, GRPC_PORT), (ingress.rest_port, REST_PORT))
    ]


def secret_file(name: str, owner: int) -> dict[str, Any]:
    """Return where a secret is in a container, and whose."""
    return {"Name": f"{SECRETS}/{name}", "UID": str(owner), "GID": str(owner), "Mode": _FILE_MODE}


def _update_time_s(desired: Desired) -> float:
    """Return the time that an update of all replicas may take, one after another."""
    each = desired.start_timeout_s + stop_wait_s(desired.replica.environment, desired.replica.drain_timeout_s)
    return max(1, desired.replicas) * each
