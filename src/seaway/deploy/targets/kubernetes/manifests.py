"""The manifests of a deployment. Pure.

Source: the Kubernetes API reference (apps/v1, v1, autoscaling/v2, policy/v1, networking.k8s.io/v1) and that of the
Gateway API.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from seaway.deploy.desired import ClusterSpec, Desired, ReplicaSpec
from seaway.deploy.targets.containers import (
    CACHE,
    GRPC_PORT,
    LOGS,
    REPORTS,
    REST_PORT,
    SECRETS,
    STATE,
    STORE,
    replica_environment,
    stop_wait_s,
)
from seaway.deploy.targets.kubernetes.monitor import monitor_manifests
from seaway.deploy.targets.kubernetes.pod import Manifest, container_rights, placed, pod_of
from seaway.deploy.targets.kubernetes.routes import routes
from seaway.fleet.published import FILE_NAME, Generation
from seaway.settings.log_prefix import is_url
from seaway.settings.tracing import COLLECTOR_VARIABLES
from seaway.stores.url import is_remote

PROJECT_LABEL = "seaway.project"
DIGEST_LABEL = "seaway.digest"
STAGGER_S = 3.0
"""Between the moments at which replicas begin to follow a decision, on average."""

_PROBE_S = 2
_METRICS_PATH = "/monitoring/prometheus/metrics"
_MIG = "nvidia.com/mig-"
_GPU = "nvidia.com/gpu"


def manifests(desired: Desired, generation: int) -> list[Manifest]:
    """Return every object, what others need first; secrets hold fingerprints in the place of their content."""
    cluster = cluster_of(desired)
    made = [
        *_secrets(desired),
        decision(desired, generation),
        _network_policy(desired),
        _service(desired),
        _deployment(desired, cluster),
        _budget(desired),
    ]
    if cluster.most_replicas:
        made.append(_autoscaler(desired, cluster))
    if cluster.service_monitor:
        made.append(_service_monitor(desired))
    made += routes(desired.project, cluster)
    if desired.monitor is not None:
        made += monitor_manifests(desired.project, desired.monitor, cluster, _selector(desired.project))
    return [_in_namespace(desired, cluster, each) for each in made]


def cluster_of(desired: Desired) -> ClusterSpec:
    """Return what only a cluster is told."""
    assert desired.cluster is not None, "it is described for Kubernetes"
    return desired.cluster


def decision(desired: Desired, generation: int) -> Manifest:
    """Return the ConfigMap of what is served, which replicas have as a directory."""
    stagger_s = STAGGER_S * max(1, desired.replicas)
    content = msgspec.json.encode(Generation(generation, desired.published, stagger_s=stagger_s)).decode()
    return _object("v1", "ConfigMap", decision_name(desired.project), data={FILE_NAME: content})


def decision_name(project: str) -> str:
    """Return the name of the ConfigMap of what is served."""
    return f"{project}-decision"


def tokens_name(project: str) -> str:
    """Return the name of the Secret of tokens."""
    return f"{project}-tokens"


def _object(version: str, kind: str, name: str, **parts: Any) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **parts}


def _in_namespace(desired: Desired, cluster: ClusterSpec, made: Manifest) -> Manifest:
    labels = {"app.kubernetes.io/part-of": desired.project, "app.kubernetes.io/managed-by": "seaway"}
    metadata = {**made["metadata"], "namespace": cluster.namespace}
    metadata["labels"] = {**_selector(desired.project), **labels, **metadata.get("labels", {})}
    return {**made, "metadata": metadata}


def _selector(project: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": "seaway", "app.kubernetes.io/instance": project, PROJECT_LABEL: project}


def _secrets(desired: Desired) -> list[Manifest]:
    if not desired.replica.secrets:
        return []
    fingerprints = {each.name: each.fingerprint for each in desired.replica.secrets}
    secret = _object("v1", "Secret", tokens_name(desired.project), type="Opaque")
    secret["metadata"]["annotations"] = {f"seaway.fingerprint/{name}": value for name, value in fingerprints.items()}
    return [secret]


def _deployment(desired: Desired, cluster: ClusterSpec) -> Manifest:
    spec: Manifest = {
        "selector": {"matchLabels": _selector(desired.project)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "progressDeadlineSeconds": max(60, math.ceil(2 * desired.start_timeout_s)),
        "template": _pod(desired, cluster),
    }
    if not cluster.most_replicas:
        spec["replicas"] = desired.replicas
    return _object("apps/v1", "Deployment", desired.project, spec=spec)


def _pod(desired: Desired, cluster: ClusterSpec) -> Manifest:
    spec = desired.replica
    grace_s = math.ceil(stop_wait_s(spec.environment, spec.drain_timeout_s))
    place = placed(spec.constraints, cluster, _spread(desired))
    pod = pod_of(grace_s, _container(desired), _volumes(desired, cluster)) | place
    annotations = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(REST_PORT),
        "prometheus.io/path": _METRICS_PATH,
        **{f"seaway.fingerprint/{each.name}": each.fingerprint for each in spec.secrets},
    }
    return {"metadata": {"labels": _selector(desired.project), "annotations": annotations}, "spec": pod}


def _spread(desired: Desired) -> list[Manifest]:
    if not desired.replica.spread:
        return []
    return [
        {
            "maxSkew": 1,
            "topologyKey": desired.replica.spread,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": _selector(desired.project)},
        }
    ]


def _container(desired: Desired) -> Manifest:
    spec = desired.replica
    environment: list[Manifest] = [
        {"name": name, "value": value} for name, value in sorted(replica_environment(spec, "").items())
    ]
    named = {"name": "SEAWAY_REPLICA_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    environment = [named if each["name"] == "SEAWAY_REPLICA_NAME" else each for each in environment]
    mounts = [
        *([] if is_remote(spec.store) else [{"name": "store", "mountPath": STORE, "readOnly": True}]),
        {"name": "decision", "mountPath": STATE, "readOnly": True},
        {"name": "reports", "mountPath": REPORTS},
        {"name": "cache", "mountPath": CACHE},
        {"name": "logs", "mountPath": LOGS},
        {"name": "tmp", "mountPath": "/tmp"},
    ]
    if spec.secrets:
        mounts.append({"name": "tokens", "mountPath": SECRETS, "readOnly": True})
    container: Manifest = {
        "name": "server",
        "image": spec.image,
        "env": environment,
        "ports": [{"name": "grpc", "containerPort": GRPC_PORT}, {"name": "http", "containerPort": REST_PORT}],
        "readinessProbe": _probe("/readyz", 2),
        "livenessProbe": _probe("/livez", 5),
        # A replica that loads is alive: the other probes begin when this one has succeeded.
        "startupProbe": _probe("/readyz", max(1, math.ceil(desired.start_timeout_s / _PROBE_S))),
        "securityContext": container_rights(),
        "volumeMounts": mounts,
    }
    resources = _resources(spec)
    return container | ({"resources": resources} if resources else {})


def _probe(path: str, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": _PROBE_S,
        "timeoutSeconds": _PROBE_S,
        "failureThreshold": failures,
    }


def _resources(spec: ReplicaSpec) -> Manifest:
    limits: Manifest = {}
    if spec.cpu:
        limits["cpu"] = f"{round(spec.cpu * 1000)}m"
    if spec.memory_bytes:
        limits["memory"] = str(spec.memory_bytes)
    requests = dict(limits)
    # Never run: the project has no machine with a GPU.
    if spec.gpu.mig:
        limits[f"{_MIG}{spec.gpu.mig}"] = "1"
    elif spec.gpu.count:
        limits[_GPU] = str(spec.gpu.count)
    return {**({"limits": limits} if limits else {}), **({"requests": requests} if requests else {})}


def _volumes(desired: Desired, cluster: ClusterSpec) -> list[Manifest]:
    spec = desired.replica
    claimed = {"persistentVolumeClaim": {"claimName": cluster.store_claim, "readOnly": True}}
    on_host = {"hostPath": {"path": spec.store, "type": "Directory"}}
    volumes = [
        *([] if is_remote(spec.store) else [{"name": "store", **(claimed if cluster.store_claim else on_host)}]),
        {"name": "decision", "configMap": {"name": decision_name(desired.project)}},
        {"name": "reports", "emptyDir": {}},
        {"name": "cache", "emptyDir": {}},
        {"name": "logs", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
    ]
    if spec.secrets:
        volumes.append({"name": "tokens", "secret": {"secretName": tokens_name(desired.project), "defaultMode": 0o440}})
    return volumes


def _service(desired: Desired) -> Manifest:
    ports = [
        {"name": "grpc", "port": GRPC_PORT, "targetPort": "grpc", "appProtocol": "kubernetes.io/h2c"},
        {"name": "http", "port": REST_PORT, "targetPort": "http", "appProtocol": "http"},
    ]
    return _object("v1", "Service", desired.project, spec={"selector": _selector(desired.project), "ports": ports})


def _budget(desired: Desired) -> Manifest:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": _selector(desired.project)}}
    return _object("policy/v1", "PodDisruptionBudget", desired.project, spec=spec)


def _network_policy(desired: Desired) -> Manifest:
    """Return the policy: only the two APIs are reached from outside, and replicas ask nobody but the name service.

    Where models come from a store behind a URL, or logs and traces go elsewhere, replicas may reach everything: which
    addresses those have, nobody says.
    """
    ports = [{"protocol": "TCP", "port": GRPC_PORT}, {"protocol": "TCP", "port": REST_PORT}]
    names = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    spec = {
        "podSelector": {"matchLabels": _selector(desired.project)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"ports": ports}],
        "egress": [{} if _asks_others(desired) else {"ports": names}],
    }
    return _object("networking.k8s.io/v1", "NetworkPolicy", desired.project, spec=spec)


def _asks_others(desired: Desired) -> bool:
    spec = desired.replica
    logs = any(model.log is not None and is_url(model.log.prefix) for model in desired.published.models)
    return logs or is_remote(spec.store) or any(spec.environment.get(name) for name in COLLECTOR_VARIABLES)


def _autoscaler(desired: Desired, cluster: ClusterSpec) -> Manifest:
    metrics = {
        "cpu": {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": round(cluster.target)}},
        },
        "in_flight": _pods_metric("seaway_requests_in_flight", cluster.target),
        "queue_ms": _pods_metric("seaway_queue_milliseconds", cluster.target),
    }
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": desired.project},
        "minReplicas": cluster.least_replicas,
        "maxReplicas": cluster.most_replicas,
        "metrics": [metrics[cluster.metric]],
        "behavior": {
            "scaleUp": {"stabilizationWindowSeconds": round(cluster.up_window_s)},
            "scaleDown": {"stabilizationWindowSeconds": round(cluster.down_window_s)},
        },
    }
    return _object("autoscaling/v2", "HorizontalPodAutoscaler", desired.project, spec=spec)


def _pods_metric(name: str, target: float) -> Manifest:
    average = {"type": "AverageValue", "averageValue": f"{round(target * 1000)}m"}
    return {"type": "Pods", "pods": {"metric": {"name": name}, "target": average}}


def _service_monitor(desired: Desired) -> Manifest:
    spec = {
        "selector": {"matchLabels": _selector(desired.project)},
        "endpoints": [{"port": "http", "path": _METRICS_PATH, "interval": "15s"}],
    }
    return _object("monitoring.coreos.com/v1", "ServiceMonitor", desired.project, spec=spec)
