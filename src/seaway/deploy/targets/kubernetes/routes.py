"""How a Service is reached from outside the cluster: an Ingress or routes of a Gateway, for both APIs. Pure."""

from __future__ import annotations

from typing import Any

from seaway.deploy.desired import ClusterSpec
from seaway.deploy.targets.containers import GRPC_PORT, REST_PORT

_GATEWAY = "gateway.networking.k8s.io/v1"
# TensorFlow Serving's two services, gRPC's health service and reflection: what a gRPC client asks for.
_GRPC_PATHS = ("/tensorflow.serving.", "/grpc.")


def routes(project: str, cluster: ClusterSpec) -> list[dict[str, Any]]:
    """Return the objects that bring requests from outside; none where the service is for the cluster only."""
    match cluster.expose:
        case "ingress":
            return _ingresses(project, cluster)
        case "gateway":
            return _gateway_routes(project, cluster)
        case _:
            return []


def _ingresses(project: str, cluster: ClusterSpec) -> list[dict[str, Any]]:
    # One controller speaks one protocol to a backend for each Ingress, so there are two.
    protocol = {"nginx.ingress.kubernetes.io/backend-protocol": "GRPC"}
    return [
        _ingress(f"{project}-grpc", cluster, [(path, "grpc") for path in _GRPC_PATHS], project, protocol),
        _ingress(f"{project}-rest", cluster, [("/", "http")], project, {}),
    ]


def _ingress(
    name: str, cluster: ClusterSpec, paths: list[tuple[str, str]], service: str, annotations: dict[str, str]
) -> dict[str, Any]:
    rules = [
        {
            "path": path,
            "pathType": "Prefix" if path == "/" else "ImplementationSpecific",
            "backend": {"service": {"name": service, "port": {"name": port}}},
        }
        for path, port in paths
    ]
    spec: dict[str, Any] = {"rules": [{"host": cluster.host, "http": {"paths": rules}}]}
    if cluster.ingress_class:
        spec["ingressClassName"] = cluster.ingress_class
    metadata = {"name": name, "annotations": annotations}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}


def _gateway_routes(project: str, cluster: ClusterSpec) -> list[dict[str, Any]]:
    namespace, _, name = cluster.gateway.partition("/")
    parents = [{"name": name, "namespace": namespace}]
    shared = {"parentRefs": parents, "hostnames": [cluster.host]}

    def route(kind: str, suffix: str, rule: dict[str, Any]) -> dict[str, Any]:
        metadata = {"name": f"{project}-{suffix}"}
        return {"apiVersion": _GATEWAY, "kind": kind, "metadata": metadata, "spec": {**shared, "rules": [rule]}}

    grpc = {"backendRefs": [{"name": project, "port": GRPC_PORT}]}
    rest = {"backendRefs": [{"name": project, "port": REST_PORT}]}
    return [route("GRPCRoute", "grpc", grpc), route("HTTPRoute", "rest", rest)]
