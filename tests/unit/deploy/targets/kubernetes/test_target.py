"""The executor and the state of the target `kubernetes`, against a small API server over a real socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from seaway.deploy.targets.kubernetes.api import Cluster
from seaway.deploy.targets.kubernetes.plan import teardown
from seaway.deploy.targets.kubernetes.state import ClusterState
from seaway.deploy.targets.kubernetes.target import KubernetesTarget
from seaway.errors import AlreadyExists, FailedPrecondition, Unavailable
from seaway.settings.secret import Secret
from tests.support.fake_cluster import FakeCluster, kubeconfig
from tests.support.kubernetes_objects import desired
from tests.support.kubernetes_target import DEPLOYMENT, PODS, carry_out, pod, roll_out, target_with
from tests.support.simulated_deployment import published

TOKEN = "do-not-show"


def test_after_a_deploy_the_next_plan_is_empty_and_a_change_is_small(
    target: KubernetesTarget, fake: FakeCluster
) -> None:
    assert len(carry_out(target, desired())) == 5
    assert carry_out(target, desired()) == []
    assert [replica.name for replica in target.observe().replicas] == ["digits-0", "digits-1"]
    assert carry_out(target, structs.replace(desired(), replicas=3))[-1] == (
        "[2] change Deployment digits: spec.replicas 2 → 3"
    )


def test_a_new_version_changes_the_decision_only_and_is_waited_for(target: KubernetesTarget, fake: FakeCluster) -> None:
    carry_out(target, desired())
    newer = structs.replace(desired(), published=published(2))
    assert carry_out(target, newer) == ["[1] change ConfigMap digits-decision: mnist: version 1 → version 2"]
    now = target.observe().published
    assert now is not None
    assert now.generation == 2
    assert {report.generation for report in target.reports()} == {2}


def test_an_image_that_cannot_be_pulled_puts_the_deployment_before_back(
    target: KubernetesTarget, fake: FakeCluster
) -> None:
    carry_out(target, desired())

    def pull_fails(made: dict[str, Any]) -> None:
        roll_out(fake, made)
        if made["kind"] == "Deployment" and made["spec"]["template"]["spec"]["containers"][0]["image"] == "gone:1":
            waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
            made["status"] = {"observedGeneration": made["metadata"]["generation"]}
            fake.objects[f"{PODS}/digits-x"] = pod("digits-x", containerStatuses=[{"state": waiting}], conditions=[])

    fake.on_apply = pull_fails
    broken = structs.replace(desired(), replica=structs.replace(desired().replica, image="gone:1"))
    with pytest.raises(FailedPrecondition, match="digits-x: ImagePullBackOff: no such image"):
        carry_out(target, broken)
    assert fake.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]["image"] == "seaway:1"
    assert carry_out(target, desired()) == []


def test_secrets_are_in_their_object_and_in_no_plan(fake: FakeCluster) -> None:
    target = target_with({"token-1": Secret(TOKEN)})
    lines = carry_out(target, desired(secrets=True))
    secret = fake.objects["/api/v1/namespaces/models/secrets/digits-tokens"]
    assert secret["data"] == {"tokens": "ZG8tbm90LXNob3cK"}
    others = [each for each in fake.objects.values() if each is not secret]
    assert TOKEN not in repr(lines) + repr(others) + repr(secret["metadata"])
    assert carry_out(target, desired(secrets=True)) == []


def test_a_teardown_leaves_nothing(target: KubernetesTarget, fake: FakeCluster) -> None:
    carry_out(target, desired())
    for step in teardown(target.observe(), "asked by hand", "digits").steps:
        target.apply(step.operation, lambda _: None)
    assert [place for place in fake.objects if not place.startswith(PODS)] == []


def test_documents_of_the_state_are_shared_through_the_cluster(fake: FakeCluster) -> None:
    ann, bob = (ClusterState(Cluster("", "models"), "digits") for _ in range(2))
    ann.create("lock.json", b"ann")
    with pytest.raises(AlreadyExists):
        bob.create("lock.json", b"bob")
    assert bob.read("lock.json") == b"ann"
    ann.write("lock.json", b"again")
    assert bob.read("lock.json") == b"again"
    ann.write("rollout-a%2fb.json", b"1")
    assert bob.read("rollout-a%2fb.json") == b"1"
    bob.remove("lock.json")
    bob.remove("lock.json")
    assert ann.read("lock.json") is None
    ann.clear()
    assert fake.objects == {}


def test_no_cluster_is_said_to_be_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    location = "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"
    monkeypatch.setattr(location, str(tmp_path / "nowhere"))
    with pytest.raises(Unavailable, match="no cluster can be asked"):
        Cluster("", "models").find("ConfigMap", "x")
    monkeypatch.setattr(location, str(kubeconfig(tmp_path, "http://127.0.0.1:9")))
    monkeypatch.setattr("seaway.deploy.targets.kubernetes.api._TIMEOUT_S", 0.2)
    with pytest.raises(Unavailable, match="the cluster does not answer"):
        Cluster("", "models").find("ConfigMap", "x")
