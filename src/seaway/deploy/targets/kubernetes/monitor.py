"""The manifests of a deployment's monitor. Pure.

It finds the replicas by a headless Service, whose name is resolved to all of them, so it needs no rights in the
cluster. Its pods are no replicas: they have labels of their own.

Source: the Kubernetes API reference (apps/v1, v1, networking.k8s.io/v1).
"""

from __future__ import annotations

from collections.abc import Mapping

from seaway.deploy.description.secrets import MONITOR_NOTIFY
from seaway.deploy.desired import ClusterSpec, MonitorSpec
from seaway.deploy.monitor_objects import monitor_object
from seaway.deploy.targets.containers import (
    MONITOR_PORT,
    MONITOR_RECORDS,
    REST_PORT,
    SECRETS,
    monitor_command,
)
from seaway.deploy.targets.kubernetes.pod import Manifest, container_rights, placed, pod_of

MONITOR_LABEL = "seaway.monitor"
_NAME_SERVICE = 53
_PAGE = "page"


def monitor_manifests(
    project: str, spec: MonitorSpec, cluster: ClusterSpec, replicas: Mapping[str, str]
) -> list[Manifest]:
    """Return the objects of a monitor, what others need first; `replicas` are the labels of the pods it looks at."""
    made = [
        *_secrets(project, spec),
        _object("networking.k8s.io/v1", "NetworkPolicy", project, _policy(project, spec, replicas)),
        _object("v1", "Service", project, _targets(replicas), "-targets"),
        _object("v1", "Service", project, _service(project, spec)),
        _object("apps/v1", "Deployment", project, _deployment(project, spec, cluster)),
    ]
    return made


def monitor_labels(project: str) -> dict[str, str]:
    """Return the labels of the monitor's pods."""
    return {"app.kubernetes.io/name": "seaway-monitor", "app.kubernetes.io/instance": project, MONITOR_LABEL: project}


def _object(version: str, kind: str, project: str, spec: Manifest, suffix: str = "") -> Manifest:
    # A ServiceMonitor takes Services by these labels: this one's must not be those of the servers.
    metadata = {"name": f"{monitor_object(project)}{suffix}", "labels": monitor_labels(project)}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def _secrets(project: str, spec: MonitorSpec) -> list[Manifest]:
    if not spec.secrets:
        return []
    annotations = {f"seaway.fingerprint/{each.name}": each.fingerprint for each in spec.secrets}
    metadata = {"name": monitor_object(project), "labels": monitor_labels(project), "annotations": annotations}
    return [{"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque"}]


def _policy(project: str, spec: MonitorSpec, replicas: Mapping[str, str]) -> Manifest:
    """Return the policy: its page is reached, and it reaches the replicas; where it tells somebody, everything."""
    names = [{"protocol": protocol, "port": _NAME_SERVICE} for protocol in ("UDP", "TCP")]
    servers = {
        "to": [{"podSelector": {"matchLabels": dict(replicas)}}],
        "ports": [{"protocol": "TCP", "port": REST_PORT}],
    }
    tells = any(each.name.startswith(MONITOR_NOTIFY) for each in spec.secrets)
    return {
        "podSelector": {"matchLabels": monitor_labels(project)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"ports": [{"protocol": "TCP", "port": MONITOR_PORT}]}],
        "egress": [{}] if tells else [{"ports": names}, servers],
    }


def _targets(replicas: Mapping[str, str]) -> Manifest:
    ports = [{"name": "http", "port": REST_PORT, "targetPort": "http", "appProtocol": "http"}]
    # A replica that is not ready is to be seen too.
    return {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": dict(replicas), "ports": ports}


def _service(project: str, spec: MonitorSpec) -> Manifest:
    ports = [{"name": _PAGE, "port": spec.port, "targetPort": _PAGE, "appProtocol": "http"}]
    return {"selector": monitor_labels(project), "ports": ports}


def _deployment(project: str, spec: MonitorSpec, cluster: ClusterSpec) -> Manifest:
    annotations = {f"seaway.fingerprint/{each.name}": each.fingerprint for each in spec.secrets}
    template = {
        "metadata": {"labels": monitor_labels(project), **({"annotations": annotations} if annotations else {})},
        "spec": _pod(project, spec, cluster),
    }
    return {
        "replicas": 1,
        "selector": {"matchLabels": monitor_labels(project)},
        # Two of them cannot write the same history.
        "strategy": {"type": "Recreate"},
        "template": template,
    }


def _pod(project: str, spec: MonitorSpec, cluster: ClusterSpec) -> Manifest:
    claimed = {"persistentVolumeClaim": {"claimName": spec.claim}} if spec.claim else {"emptyDir": {}}
    volumes: list[Manifest] = [{"name": "records", **claimed}, {"name": "tmp", "emptyDir": {}}]
    if spec.secrets:
        volumes.append({"name": "secrets", "secret": {"secretName": monitor_object(project), "defaultMode": 0o440}})
    return pod_of(15, _container(project, spec, cluster), volumes) | placed(spec.constraints, cluster)


def _container(project: str, spec: MonitorSpec, cluster: ClusterSpec) -> Manifest:
    place = f"{monitor_object(project)}-targets.{cluster.namespace}.svc:{REST_PORT}"
    program, *arguments = monitor_command(spec, ("--dns", place))
    mounts: list[Manifest] = [{"name": "records", "mountPath": MONITOR_RECORDS}, {"name": "tmp", "mountPath": "/tmp"}]
    if spec.secrets:
        mounts.append({"name": "secrets", "mountPath": SECRETS, "readOnly": True})
    memory = {"memory": str(spec.memory_bytes)}
    return {
        "name": "monitor",
        "image": spec.image,
        "command": [program],
        "args": arguments,
        "workingDir": "/tmp",
        "ports": [{"name": _PAGE, "containerPort": MONITOR_PORT}],
        "readinessProbe": _probe(2),
        "livenessProbe": _probe(6),
        # Its store may have to be checked after a power cut before it answers.
        "startupProbe": _probe(24),
        "resources": {"limits": memory, "requests": dict(memory)},
        "securityContext": container_rights(),
        "volumeMounts": mounts,
    }


def _probe(failures: int) -> Manifest:
    return {
        "httpGet": {"path": "/healthz", "port": _PAGE},
        "periodSeconds": 5,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }
