"""How far a Deployment is, from what the controllers say of it."""

from __future__ import annotations

from typing import Any

import pytest

from seaway.deploy.targets.kubernetes.progress import Progress, progress, unfinished

QUOTA = 'pods "d-2-" is forbidden: exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2'
CRASHES = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1}}}
NO_NODE = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Insufficient cpu."}


def deployment(updated: int, available: int, there: int, *conditions: dict[str, str], seen: int = 2) -> dict[str, Any]:
    status = {"updatedReplicas": updated, "availableReplicas": available, "replicas": there, "observedGeneration": seen}
    metadata = {"uid": "u", "generation": 2, "annotations": {"deployment.kubernetes.io/revision": "2"}}
    return {"metadata": metadata, "spec": {"replicas": 2}, "status": {**status, "conditions": list(conditions)}}


def replica_set(revision: str, owner: str = "u", failure: str = "") -> dict[str, Any]:
    annotations = {"deployment.kubernetes.io/revision": revision}
    labels = {"pod-template-hash": f"hash-{revision}"}
    conditions = [{"type": "ReplicaFailure", "status": "True", "message": failure}] if failure else []
    metadata = {"annotations": annotations, "labels": labels, "ownerReferences": [{"uid": owner}]}
    return {"metadata": metadata, "status": {"conditions": conditions}}


def pod(name: str, revision: str, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"pod-template-hash": f"hash-{revision}"}}, "status": status}


SETS = [replica_set("1"), replica_set("2", owner="another"), replica_set("2")]
OLD, NEW = pod("old", "1", containerStatuses=[CRASHES]), pod("new", "2", containerStatuses=[CRASHES])


@pytest.mark.parametrize(
    ("found", "pods", "expected"),
    [
        pytest.param(
            deployment(2, 2, 2, seen=1), [], Progress(False, "no controller has looked at it yet"), id="unseen"
        ),
        pytest.param(deployment(2, 2, 2), [OLD], Progress(True, "2 of 2 updated, 2 available"), id="done"),
        pytest.param(
            deployment(1, 2, 3), [OLD], Progress(False, "1 of 2 updated, 2 available"), id="an-old-pod-says-nothing"
        ),
        pytest.param(
            deployment(1, 2, 3),
            [OLD, NEW],
            Progress(
                False,
                "1 of 2 updated, 2 available",
                "new: CrashLoopBackOff, exit code 1",
                "new: CrashLoopBackOff",
            ),
            id="a-new-pod-crashes",
        ),
        pytest.param(
            deployment(0, 2, 2, {"type": "ReplicaFailure", "status": "True", "message": QUOTA}),
            [],
            Progress(False, "0 of 2 updated, 2 available"),
            id="a-condition-that-is-left-from-before",
        ),
        pytest.param(
            deployment(1, 2, 3),
            [pod("new", "2", conditions=[NO_NODE])],
            Progress(False, "1 of 2 updated, 2 available", "", f"new has no node: {NO_NODE['message']}"),
            id="no-node",
        ),
    ],
)
def test_progress_is_told_by_the_newest_pods_only(found: Any, pods: Any, expected: Progress) -> None:
    assert progress(found, 2, SETS, pods) == expected


@pytest.mark.parametrize(
    ("failure", "hopeless"),
    [
        pytest.param(QUOTA, f"no pod is let in: {QUOTA}", id="quota"),
        pytest.param("no service account yet", "", id="a-failure-that-may-pass"),
    ],
)
def test_pods_that_are_refused_are_told_and_given_up_where_nothing_helps(failure: str, hopeless: str) -> None:
    sets = [replica_set("1"), replica_set("2", failure=failure)]
    found = progress(deployment(0, 2, 2), 2, sets, [])
    assert found == Progress(False, "0 of 2 updated, 2 available", hopeless, failure)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param(deployment(2, 2, 2, seen=1), "no controller has looked at its last change yet", id="unseen"),
        pytest.param(
            deployment(
                1, 2, 3, {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "message": "1"}
            ),
            "its rollout has not ended: 1",
            id="under-way",
        ),
        pytest.param(
            deployment(2, 1, 2, {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}),
            "",
            id="a-pod-that-fails-later-is-no-rollout",
        ),
    ],
)
def test_a_rollout_that_was_cut_off_is_seen(found: Any, said: str) -> None:
    assert unfinished(found) == said
