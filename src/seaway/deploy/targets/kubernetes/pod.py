"""What every pod of a deployment has in common: what it may do, where it runs, where its image comes from. Pure.

It knows nothing of what runs in a pod. What a pod may do stands here once, so that no pod can do more than another.

Source: Kubernetes' Pod Security Standards, profile `restricted`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seaway.deploy.desired import ClusterSpec
from seaway.deploy.targets.containers import USER

Manifest = dict[str, Any]


def container_rights() -> Manifest:
    """Return the security context of a container: it gets no further rights, and its own files cannot be written."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def pod_of(grace_s: int, container: Manifest, volumes: Sequence[Manifest]) -> Manifest:
    """Return the specification of a pod of one container, which has `grace_s` seconds to end."""
    return {
        "terminationGracePeriodSeconds": grace_s,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": list(volumes),
    }


def placed(constraints: Sequence[str], cluster: ClusterSpec, spread: Sequence[Manifest] = ()) -> Manifest:
    """Return what a pod's specification says of its nodes (`label=value`, and over what to spread) and of its image."""
    found: Manifest = {}
    if constraints:
        found["nodeSelector"] = dict(each.split("=", 1) for each in constraints if "=" in each)
    if spread:
        found["topologySpreadConstraints"] = list(spread)
    if cluster.registry:
        found["imagePullSecrets"] = [{"name": cluster.registry}]
    return found
