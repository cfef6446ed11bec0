"""How far a Deployment has been rolled out, and why it goes no further. Pure.

Only the newest ReplicaSet and its pods count: those that are on their way out say nothing of what has just been
applied, and neither do conditions of the Deployment that are left from before.

Source: the Kubernetes API reference, DeploymentStatus; the Deployment controller's annotation of revisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seaway.deploy.targets.kubernetes.pods import trouble, waiting_for

Object = Mapping[str, Any]

_REVISION = "deployment.kubernetes.io/revision"
_TEMPLATE = "pod-template-hash"
_ENDED = "NewReplicaSetAvailable"
_REFUSED = ("violates PodSecurity", "exceeded quota", "denied the request")
"""Of a refused pod: what no second attempt changes."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a rollout stands. `hopeless` says why it cannot end well, `waits` what it waits for; both for a person."""

    is_done: bool
    counts: str
    hopeless: str = ""
    waits: str = ""


def progress(deployment: Object, generation: int, replica_sets: Sequence[Object], pods: Sequence[Object]) -> Progress:
    """Return how far the Deployment of a generation is."""
    wanted, status = deployment["spec"].get("replicas", 1), deployment.get("status", {})
    if status.get("observedGeneration", 0) < generation:
        return Progress(False, "no controller has looked at it yet")
    updated, available, there = (status.get(name, 0) for name in ("updatedReplicas", "availableReplicas", "replicas"))
    counts = f"{updated} of {wanted} updated, {available} available"
    if (updated, available, there) == (wanted, wanted, wanted):
        return Progress(True, counts)
    newest = newest_set(deployment, replica_sets)
    new = _pods_of(newest, pods) if newest is not None else [] if replica_sets else list(pods)
    refused = _failure(newest) if newest is not None else ""
    hopeless = next(filter(None, map(trouble, new)), "")
    if not hopeless and any(each in refused for each in _REFUSED):
        hopeless = f"no pod is let in: {refused}"
    return Progress(False, counts, hopeless, refused or next(filter(None, map(waiting_for, new)), ""))


def newest_set(deployment: Object, replica_sets: Sequence[Object]) -> Object | None:
    """Return the newest ReplicaSet of a Deployment, None where it is not there yet."""
    revision, uid = _annotation(deployment), deployment["metadata"].get("uid")
    for each in replica_sets:
        owners = {owner["uid"] for owner in each["metadata"].get("ownerReferences", [])}
        if uid in owners and _annotation(each) == revision:
            return each
    return None


def unfinished(deployment: Object) -> str:
    """Return why the last rollout of a Deployment has not ended well; empty when it has, whatever happened since."""
    status = deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return "no controller has looked at its last change yet"
    for each in status.get("conditions", []):
        if each["type"] == "Progressing" and each.get("reason") != _ENDED:
            return f"its rollout has not ended: {each.get('message', '')}".rstrip(": ")
    return ""


def _annotation(made: Object) -> str:
    return str((made["metadata"].get("annotations") or {}).get(_REVISION, ""))


def _pods_of(replica_set: Object, pods: Sequence[Object]) -> list[Object]:
    label = replica_set["metadata"]["labels"][_TEMPLATE]
    return [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(_TEMPLATE) == label]


def _failure(replica_set: Object) -> str:
    conditions = replica_set.get("status", {}).get("conditions", [])
    found = [each for each in conditions if each["type"] == "ReplicaFailure" and each["status"] == "True"]
    return str(found[0].get("message", "")) if found else ""
