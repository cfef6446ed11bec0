"""What the API server's refusals are turned into: their texts are those of Kubernetes 1.37."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seaway.deploy.targets.kubernetes.api import conflicts
from seaway.deploy.targets.kubernetes.refusals import Asked, refusal
from seaway.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    PermissionDenied,
    SeawayError,
    Unauthenticated,
    Unavailable,
)

RBAC = 'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "models"'
QUOTA = 'pods "x" is forbidden: exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2'
NO_NAMESPACE = {"message": 'namespaces "models" not found', "details": {"name": "models", "kind": "namespaces"}}
NO_POD = {"message": 'pods "x" not found', "details": {"name": "x", "kind": "pods"}}


@pytest.mark.parametrize(
    ("method", "status", "document", "error", "said"),
    [
        pytest.param("GET", 401, {"message": "Unauthorized"}, Unauthenticated, "set KUBECONFIG", id="unknown"),
        pytest.param("GET", 403, {"message": RBAC}, PermissionDenied, f"{RBAC}; docs/deploy-kubernetes.md", id="role"),
        pytest.param("POST", 403, {"message": QUOTA}, FailedPrecondition, f"refused: {QUOTA}", id="quota"),
        pytest.param("POST", 404, NO_NAMESPACE, FailedPrecondition, "kubectl create namespace models", id="namespace"),
        pytest.param("GET", 404, NO_POD, FailedPrecondition, 'refused: pods "x" not found', id="gone"),
        pytest.param("POST", 409, {"message": "it exists"}, AlreadyExists, "it exists", id="exists"),
        pytest.param("PATCH", 409, {"message": "modified"}, Aborted, "try again", id="changed-meanwhile"),
        pytest.param("PATCH", 422, {"message": "spec.x: Invalid"}, FailedPrecondition, "spec.x: Invalid", id="invalid"),
        pytest.param("PATCH", 429, {"message": "too many"}, Unavailable, "too many", id="throttled"),
        pytest.param("GET", 503, {}, Unavailable, "status 503", id="no-words"),
    ],
)
def test_a_refusal_says_what_to_do(
    method: str, status: int, document: Any, error: type[SeawayError], said: str
) -> None:
    found = refusal(Asked(method, "v1", "models"), status, json.dumps(document).encode())
    assert type(found) is error
    assert said in found.message


@pytest.mark.parametrize(
    ("version", "fix"),
    [
        pytest.param("monitoring.coreos.com/v1", "install the Prometheus operator", id="operator"),
        pytest.param("gateway.networking.k8s.io/v1", "install the Gateway API", id="gateway"),
        pytest.param("autoscaling/v9", "a newer Kubernetes has it", id="old-cluster"),
    ],
)
def test_a_kind_that_is_not_known_is_named_with_what_brings_it(version: str, fix: str) -> None:
    found = refusal(Asked("PATCH", version, "models"), 404, b"404 page not found\n")
    assert found.message.startswith(f"the cluster does not know {version}; {fix}")


def test_a_conflict_says_who_has_set_which_field() -> None:
    cause = {"field": ".spec.replicas", "message": 'conflict with "kubectl" using apps/v1'}
    assert conflicts({"details": {"causes": [cause]}}) == '.spec.replicas (conflict with "kubectl" using apps/v1)'
    assert conflicts({"message": "a conflict"}) == "a conflict"
