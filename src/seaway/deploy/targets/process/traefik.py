"""Traefik's settings as texts, and what it says of itself.

gRPC goes to the replicas as h2c and is spread request by request; each replica is asked for its health every
second, over the API that it gets requests on, and left out while it does not answer. A request whose connection
fails before any answer goes to another replica: predictions have no effects, so repeating one is safe.

Source: Traefik 3's reference (static configuration, file provider, HTTP services and middlewares).
"""

from __future__ import annotations

import json
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from seaway import extras
from seaway.deploy.desired import IngressSpec
from seaway.deploy.targets.process.replica import ReplicaFile
from seaway.errors import FailedPrecondition

GRPC, REST = "grpc", "rest"
HEALTH_INTERVAL = "1s"
HEALTH_TIMEOUT = "1s"
ATTEMPTS = 4
_API_TIMEOUT_S = 2.0


def program() -> str:
    """Return Traefik's program.

    Raises:  FailedPrecondition - it is not installed.
    """
    beside = Path(sys.executable).with_name("traefik")
    found = str(beside) if beside.exists() else shutil.which("traefik")
    if not found:
        raise FailedPrecondition(f"Traefik is not installed; {extras.command('deploy')}")
    return found


def static_settings(ingress: IngressSpec, api_port: int, rotation: Path) -> str:
    """Return the settings that Traefik is started with. Pure."""
    points = {name: _entry_point(ingress.address, port) for name, port in _ports(ingress)}
    return _yaml(
        {
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "log": {"level": "WARN"},
            "api": {"insecure": True, "dashboard": False},
            "entryPoints": {**points, "traefik": {"address": f"127.0.0.1:{api_port}"}},
            "providers": {
                "providersThrottleDuration": "100ms",
                "file": {"directory": str(rotation), "watch": True},
            },
        }
    )


def rotation_settings(replicas: Sequence[ReplicaFile], certificates: tuple[str, str] | None) -> str:
    """Return what Traefik watches: the replicas that get requests, and the files of certificate and key. Pure."""
    router = {"rule": "PathPrefix(`/`)", "middlewares": ["retry"], **({"tls": {}} if certificates else {})}
    settings: dict[str, Any] = {
        "http": {
            "routers": {name: {"entryPoints": [name], "service": name, **router} for name in (GRPC, REST)},
            "middlewares": {"retry": {"retry": {"attempts": ATTEMPTS, "initialInterval": "20ms"}}},
            "services": {
                GRPC: _service([grpc_url(replica) for replica in replicas], {"mode": "grpc"}),
                REST: _service([rest_url(replica) for replica in replicas], {"path": "/readyz"}),
            },
            "serversTransports": {
                "replicas": {"maxIdleConnsPerHost": 256, "forwardingTimeouts": {"dialTimeout": "2s"}},
            },
        }
    }
    if certificates:
        certificate, key = certificates
        settings["tls"] = {"certificates": [{"certFile": certificate, "keyFile": key}]}
    return _yaml(settings)


def grpc_url(replica: ReplicaFile) -> str:
    """Return how Traefik names a replica's gRPC API."""
    return f"h2c://127.0.0.1:{replica.grpc_port}"


def rest_url(replica: ReplicaFile) -> str:
    """Return how Traefik names a replica's REST API."""
    return f"http://127.0.0.1:{replica.rest_port}"


def states(api_port: int) -> dict[str, str] | None:
    """Return what Traefik thinks of each server it knows, `UP` or `DOWN` by URL; None when it does not answer."""
    found: dict[str, str] = {}
    for name in (GRPC, REST):
        url = f"http://127.0.0.1:{api_port}/api/http/services/{name}@file"
        try:
            with urllib.request.urlopen(url, timeout=_API_TIMEOUT_S) as answer:
                service = json.load(answer)
        except urllib.error.HTTPError as err:
            with err:
                continue  # It runs, and has not read its file yet.
        except (OSError, ValueError):
            return None
        found |= service.get("serverStatus", {})
    return found


def _ports(ingress: IngressSpec) -> Iterable[tuple[str, int]]:
    return (GRPC, ingress.grpc_port), (REST, ingress.rest_port)


def _entry_point(address: str, port: int) -> dict[str, Any]:
    # Predictions may take long, in both directions: the servers have the time limits.
    unlimited = {"readTimeout": "0s", "writeTimeout": "0s", "idleTimeout": "180s"}
    host = f"[{address}]" if ":" in address else address
    return {"address": f"{host}:{port}", "transport": {"respondingTimeouts": unlimited}}


def _service(urls: Sequence[str], check: dict[str, str]) -> dict[str, Any]:
    health = {**check, "interval": HEALTH_INTERVAL, "timeout": HEALTH_TIMEOUT}
    balancer = {"servers": [{"url": url} for url in urls], "healthCheck": health, "serversTransport": "replicas"}
    return {"loadBalancer": balancer}


def _yaml(settings: dict[str, Any]) -> str:
    return yaml.safe_dump(settings, sort_keys=False)
