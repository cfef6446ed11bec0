"""The objects of a deployment's monitor on Swarm: a service of one task, and its secrets. Pure.

The task finds the replicas by the name `tasks.PROJECT`, which the overlay network resolves to all of them, and what
they are called by their reports. Its history is a volume of the node that it runs on, so it has to stay there.

Source: Docker Engine API v1.41 (services).
"""

from __future__ import annotations

from typing import Any

from seaway.deploy.desired import Desired, MonitorSpec
from seaway.deploy.monitor_objects import monitor_object
from seaway.deploy.reconcile_objects import WantedObject
from seaway.deploy.targets.containers import (
    LOG_OPTIONS,
    MONITOR,
    MONITOR_PORT,
    MONITOR_RECORDS,
    PLACE_LABEL,
    REST_PORT,
    STATE,
    USER,
    monitor_command,
    monitor_health,
)
from seaway.deploy.targets.swarm.objects import (
    NANO,
    SECRET,
    SERVICE,
    labels_of,
    network_of,
    secret_file,
    secret_name,
)

_START_S = 120.0
_ANYWHERE = "node.role == manager"


def monitor_wanted(desired: Desired) -> list[WantedObject]:
    """Return the objects of the monitor, in the order in which they are made; none where none is wanted."""
    spec = desired.monitor
    if spec is None:
        return []
    secrets = [
        WantedObject(SECRET, secret_name(desired.project, each.name, each.fingerprint), {"content": each.name})
        for each in spec.secrets
    ]
    return [*secrets, WantedObject(SERVICE, monitor_object(desired.project), _service(desired, spec), _START_S)]


def monitor_volume(project: str) -> str:
    """Return the volume of what the monitor has kept."""
    return f"seaway-{project}-monitor"


def _service(desired: Desired, spec: MonitorSpec) -> dict[str, Any]:
    project = desired.project
    template = {
        "ContainerSpec": _container(project, spec),
        "Resources": {"Limits": {"MemoryBytes": spec.memory_bytes}},
        "RestartPolicy": {"Condition": "any", "Delay": NANO},
        "Placement": {"Constraints": list(spec.constraints) or [_ANYWHERE]},
        "LogDriver": {"Name": "json-file", "Options": LOG_OPTIONS},
    }
    port = {"Protocol": "tcp", "PublishMode": "host", "PublishedPort": spec.port, "TargetPort": MONITOR_PORT}
    return {
        "Labels": labels_of(project, MONITOR) | {PLACE_LABEL: spec.place},
        "TaskTemplate": template,
        "Mode": {"Replicated": {"Replicas": 1}},
        # Two of them can neither have the same port nor write the same history.
        "UpdateConfig": {"Parallelism": 1, "Order": "stop-first", "FailureAction": "rollback", "Monitor": 5 * NANO},
        "EndpointSpec": {"Mode": "dnsrr", "Ports": [port]},
        "Networks": [network_of(project)],
    }


def _container(project: str, spec: MonitorSpec) -> dict[str, Any]:
    program, *arguments = monitor_command(spec, ("--state", STATE, "--dns", f"tasks.{project}:{REST_PORT}"))
    container: dict[str, Any] = {
        "Image": spec.image,
        "Command": [program],
        "Args": arguments,
        "Dir": "/tmp",
        "Mounts": [
            {"Type": "bind", "Source": spec.state, "Target": STATE, "ReadOnly": True},
            {"Type": "volume", "Source": monitor_volume(project), "Target": MONITOR_RECORDS},
            {"Type": "tmpfs", "Target": "/tmp", "TmpfsOptions": {"Mode": 0o1777}},
        ],
        "Healthcheck": {
            "Test": ["CMD", *monitor_health()],
            "Interval": 5 * NANO,
            "Timeout": 5 * NANO,
            "StartPeriod": 60 * NANO,
            "Retries": 6,
        },
        "ReadOnly": True,
        "CapabilityDrop": ["ALL"],
        "StopSignal": "SIGTERM",
        "Labels": labels_of(project, MONITOR),
    }
    if spec.secrets:
        container["Secrets"] = [
            {
                "SecretName": secret_name(project, each.name, each.fingerprint),
                "File": secret_file(each.name, USER),
            }
            for each in spec.secrets
        ]
    return container
