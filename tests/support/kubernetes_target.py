"""The target `kubernetes` on a small API server over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from seaway.deploy.desired import Desired
from seaway.deploy.targets.kubernetes.api import Cluster
from seaway.deploy.targets.kubernetes.plan import plan
from seaway.deploy.targets.kubernetes.state import ClusterState
from seaway.deploy.targets.kubernetes.target import KubernetesTarget
from seaway.fleet.report import Report
from seaway.settings.secret import Secret
from tests.support.fake_cluster import FakeCluster, kubeconfig, serving
from tests.support.fakes import FakeClock
from tests.support.simulated_deployment import published

PODS = "/api/v1/namespaces/models/pods"
DEPLOYMENT = "/apis/apps/v1/namespaces/models/deployments/digits"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """An API server that the default configuration names, with controllers that are done at once."""
    cluster = FakeCluster()
    cluster.on_apply = lambda made: roll_out(cluster, made)
    with serving(cluster) as address:
        monkeypatch.setattr(
            "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig(tmp_path, address))
        )
        yield cluster


@pytest.fixture
def target(fake: FakeCluster) -> KubernetesTarget:
    """A target without secrets there."""
    return target_with({})


def target_with(secrets: dict[str, Secret]) -> KubernetesTarget:
    """A target at the cluster of the default configuration."""
    cluster = Cluster("", "models")
    return KubernetesTarget("digits", cluster, ClusterState(cluster, "digits"), secrets, FakeClock())


def carry_out(target: KubernetesTarget, wanted: Desired) -> list[str]:
    """Plan and apply what is wanted; the lines of the plan."""
    observed = target.observe()
    before = published(1) if observed.published is not None else None
    made = plan(wanted, observed, before)
    for step in made.steps:
        target.apply(step.operation, lambda _: None)
    return list(made.lines())


def roll_out(cluster: FakeCluster, made: dict[str, Any]) -> None:
    """What the Deployment controller would do: as many ready pods as wanted, which report what they follow."""
    replicas = made.get("spec", {}).get("replicas", 0)
    if made["kind"] == "Deployment":
        for place in [place for place in cluster.objects if place.startswith(PODS)]:
            del cluster.objects[place]
        for number in range(replicas):
            cluster.objects[f"{PODS}/digits-{number}"] = pod(f"digits-{number}")
        counts = dict.fromkeys(("updatedReplicas", "availableReplicas", "replicas"), replicas)
        made["status"] = {"observedGeneration": made["metadata"]["generation"], **counts}
    if made["kind"] == "ConfigMap" and "published.json" in made.get("data", {}):
        generation = msgspec.json.decode(made["data"]["published.json"])["generation"]
        for place in [place for place in cluster.objects if place.startswith(PODS)]:
            name = place.rpartition("/")[2]
            report = Report(name, 1.0, 1.0, generation, applied=True, ready=True)
            cluster.answers[f"{PODS}/{name}:8501/proxy/v1/report"] = msgspec.json.encode(report)


def pod(name: str, **status: Any) -> dict[str, Any]:
    """A pod of the deployment, ready unless its status says something else."""
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "podIP": "10.0.0.1"}
    return {"metadata": {"name": name, "labels": {"seaway.project": "digits"}}, "status": ready | status}
