"""Living with others in one namespace: what they have made or changed, and what they may not be asked for."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from seaway.deploy.targets.kubernetes.api import Cluster
from seaway.deploy.targets.kubernetes.manifests import cluster_of
from seaway.deploy.targets.kubernetes.plan import plan
from seaway.deploy.targets.kubernetes.state import ClusterState
from seaway.deploy.targets.kubernetes.target import KubernetesTarget
from seaway.errors import FailedPrecondition
from tests.support.fake_cluster import FakeCluster
from tests.support.kubernetes_objects import desired
from tests.support.kubernetes_target import DEPLOYMENT, PODS, carry_out
from tests.support.simulated_deployment import published

SERVICE = "/api/v1/namespaces/models/services/digits"


def test_an_object_that_somebody_else_has_made_is_not_taken_over(target: KubernetesTarget, fake: FakeCluster) -> None:
    theirs: dict[str, Any] = {"kind": "Service", "metadata": {"name": "digits", "labels": {"app": "theirs"}}}
    fake.objects[SERVICE] = theirs
    with pytest.raises(FailedPrecondition, match="Service digits is there already and belongs to somebody else"):
        carry_out(target, desired())
    assert fake.objects[SERVICE] is theirs
    theirs["metadata"]["labels"] = {"seaway.project": "digits"}
    assert carry_out(target, desired()) != []
    assert carry_out(target, desired()) == []


def test_what_somebody_else_has_set_is_a_step_that_names_them(target: KubernetesTarget, fake: FakeCluster) -> None:
    carry_out(target, desired())
    cause = {"field": ".spec.replicas", "message": 'conflict with "kubectl"'}
    fake.refusals[DEPLOYMENT] = (409, {"details": {"causes": [cause]}})
    said = '[1] change Deployment digits: somebody else has set .spec.replicas (conflict with "kubectl")'
    assert carry_out(target, desired()) == [said]


def test_what_somebody_else_has_taken_away_is_a_step_too(target: KubernetesTarget, fake: FakeCluster) -> None:
    carry_out(target, desired())
    del fake.objects[SERVICE]["spec"]["selector"]["seaway.project"]
    said = "somebody else has changed it: spec.selector.seaway.project nothing → digits"
    assert carry_out(target, desired()) == [f"[1] change Service digits: {said}"]
    assert carry_out(target, desired()) == []


def test_who_may_only_look_is_told_of_no_change(target: KubernetesTarget, fake: FakeCluster) -> None:
    carry_out(target, desired())
    fake.refusals[DEPLOYMENT] = (403, {"message": 'User "viewer" cannot patch'})
    assert {each.problem for each in target.observe().objects} == {""}


def test_an_autoscaler_finds_the_replicas_that_are_there(target: KubernetesTarget, fake: FakeCluster) -> None:
    carry_out(target, desired())
    before: list[Any] = []

    def seen(made: dict[str, Any]) -> None:
        before.append(made["spec"].get("replicas") if made["kind"] == "Deployment" else None)
        status = dict.fromkeys(("updatedReplicas", "availableReplicas", "replicas"), 1)
        made["status"] = {"observedGeneration": made["metadata"]["generation"], **status}

    fake.on_apply = seen
    scaled = structs.replace(cluster_of(desired()), least_replicas=2, most_replicas=4, metric="in_flight", target=8.0)
    carry_out(target, desired(scaled))
    assert before[:2] == [2, None], "another manager claims the number before ours lets go of it"


def test_where_pods_may_not_be_annotated_the_decision_comes_later(target: KubernetesTarget, fake: FakeCluster) -> None:
    carry_out(target, desired())
    fake.refusals[f"{PODS}/digits-0"] = (403, {"message": 'User "ann" cannot patch resource "pods"'})
    lines: list[str] = []
    newer = structs.replace(desired(), published=published(2))
    for step in _plan(target, newer):
        target.apply(step, lines.append)
    assert "pods may not be annotated, so the nodes hand the decision on when they look next: within minutes" in lines
    assert {report.generation for report in target.reports()} == {2}


def test_another_number_of_replicas_changes_the_pace_of_the_decision_and_says_so(
    target: KubernetesTarget, fake: FakeCluster
) -> None:
    carry_out(target, desired())
    first, _ = carry_out(target, structs.replace(desired(), replicas=3))
    assert first == "[1] change ConfigMap digits-decision: the pace at which 3 replicas begin to follow it"


def test_documents_whose_names_differ_in_case_only_are_two(fake: FakeCluster) -> None:
    state = ClusterState(Cluster("", "models"), "digits")
    state.write("rollout-MNIST.json", b"1")
    state.write("rollout-mnist.json", b"2")
    assert state.read("rollout-MNIST.json") == b"1"
    assert state.read("rollout-mnist.json") == b"2"


def _plan(target: KubernetesTarget, wanted: Any) -> list[Any]:
    return [step.operation for step in plan(wanted, target.observe(), published(1)).steps]
