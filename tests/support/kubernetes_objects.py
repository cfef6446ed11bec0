"""Deployments for Kubernetes that several tests plan for."""

from __future__ import annotations

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
from tests.support.simulated_deployment import published

CLUSTER = ClusterSpec(namespace="models", store_claim="models")


def desired(cluster: ClusterSpec = CLUSTER, secrets: bool = False) -> Desired:
    """Two small replicas."""
    tokens = (SecretRef("token-1", "0123456789ab"),) if secrets else ()
    replica = ReplicaSpec(
        "seaway:1", "/srv/models", "/srv/models/.seaway/digits", {"SEAWAY_LAME_DUCK_S": "3"}, secrets=tokens
    )
    return Desired("digits", replica, 2, IngressSpec("127.0.0.1", 8500, 8501), published(1), 120.0, cluster)


MONITOR = MonitorSpec(
    address="127.0.0.1",
    port=8502,
    image="registry.example.org/seaway:1",
    state="/srv/models/.seaway/digits",
    promises=(Promise("mnist", 0.01, 50.0, 2**30),),
    secrets=(SecretRef("monitor-notify-team", "0123456789ab"), SecretRef("monitor-password", "ba9876543210")),
    constraints=("disk=ssd",),
    claim="history",
)


def everything() -> Desired:
    """A deployment that asks for all there is."""
    cluster = ClusterSpec(
        namespace="models",
        expose="gateway",
        host="models.example.org",
        gateway="infra/public",
        registry="registry",
        service_monitor=True,
        least_replicas=2,
        most_replicas=10,
        metric="in_flight",
        target=8.0,
        up_window_s=15,
        down_window_s=300,
    )
    replica = ReplicaSpec(
        image="registry.example.org/seaway:1",
        store="/srv/models",
        state="/srv/models/.seaway/digits",
        environment={"SEAWAY_LAME_DUCK_S": "3", "SEAWAY_ENGINE": "openvino"},
        cpu=1.5,
        memory_bytes=2**32,
        gpu=GpuRequest(count=1, memory_fraction=0.5),
        secrets=(SecretRef("token-1", "0123456789ab"),),
        constraints=("disk=ssd",),
        spread="topology.kubernetes.io/zone",
    )
    return Desired("digits", replica, 2, IngressSpec("127.0.0.1", 8500, 8501), published(1), 120.0, cluster, MONITOR)
