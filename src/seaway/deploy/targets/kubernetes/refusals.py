"""What it means that the API of a cluster refuses: an error that says what to do. Pure.

Source: the Kubernetes API conventions (HTTP status codes, the Status kind); the texts of its RBAC authorizer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seaway.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    PermissionDenied,
    SeawayError,
    Unauthenticated,
    Unavailable,
)

_UNAUTHENTICATED, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _TOO_MANY, _SERVER = 401, 403, 404, 409, 429, 500
_OWNERS = {
    "monitoring.coreos.com": "install the Prometheus operator, or leave `monitor.service_monitor` out",
    "gateway.networking.k8s.io": "install the Gateway API, or choose another `kubernetes.expose`",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the API was asked: the method, and the group and version, for instance `apps/v1`."""

    method: str
    version: str
    namespace: str


def refusal(asked: Asked, status: int, content: bytes) -> SeawayError:
    """Return the error for an answer that is none."""
    document = _document(content)
    said = str(document.get("message") or f"status {status}")
    if status == _FORBIDDEN:
        return _forbidden(said)
    if status == _CONFLICT:
        return _conflict(asked, said)
    if status == _TOO_MANY or status >= _SERVER:
        return Unavailable(f"the cluster cannot do it now: {said}; try again")
    if status == _UNAUTHENTICATED:
        fix = "log in again, or set KUBECONFIG or `kubernetes.context`"
        return Unauthenticated(f"the cluster does not know who asks ({said}); {fix}")
    why = _not_found(asked, document, said) if status == _NOT_FOUND else f"the cluster refused: {said}"
    return FailedPrecondition(why)


def _conflict(asked: Asked, said: str) -> SeawayError:
    if asked.method == "POST":
        return AlreadyExists(f"the cluster refused: {said}")
    return Aborted(f"somebody else has changed it meanwhile: {said}; try again")


def _forbidden(said: str) -> SeawayError:
    # Quotas, pod security and namespaces that are being removed are "forbidden" too, and no Role helps with those.
    if 'User "' in said and " cannot " in said:
        return PermissionDenied(f"{said}; docs/deploy-kubernetes.md has the Role that allows what is needed")
    return FailedPrecondition(f"the cluster refused: {said}")


def _not_found(asked: Asked, document: Mapping[str, Any], said: str) -> str:
    details = document.get("details") or {}
    if details.get("kind") == "namespaces":
        return (
            f"the cluster has no namespace {asked.namespace!r}; `kubectl create namespace {asked.namespace}` makes it, "
            "or set `kubernetes.namespace`"
        )
    if details.get("name"):
        return f"the cluster refused: {said}"
    group = asked.version.partition("/")[0]
    fix = _OWNERS.get(group, "a newer Kubernetes has it")
    return f"the cluster does not know {asked.version}; {fix}"


def _document(content: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
