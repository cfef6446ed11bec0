"""A small API server over a real socket: enough of server-side apply, get, list, create and delete for one namespace.

Purpose: the executor and the state store are tried with the real client, without a cluster. It keeps what it is
given and counts generations; it runs nothing, so a test says what Deployments and pods come to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from seaway.deploy.targets.kubernetes.api import KINDS
from tests.support import background

COLLECTIONS = {plural for _, plural in KINDS.values()} | {"pods", "replicasets"}


@dataclass
class FakeCluster:
    """Objects by their place in the API. `on_apply` may change what was just applied, as controllers would."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    on_apply: Callable[[dict[str, Any]], None] = lambda _: None
    answers: dict[str, bytes] = field(default_factory=dict)
    refusals: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    """What is refused to whoever would change an object without taking it over, or annotate a pod."""

    def handle(  # noqa: PLR0911 - one for each kind of request
        self, method: str, path: str, query: dict[str, list[str]], body: Any
    ) -> tuple[int, Any]:
        self.requests.append((method, path))
        if path in self.answers:
            return 200, json.loads(self.answers[path])
        match method:
            case "GET" if path in self.objects:
                return 200, self.objects[path]
            case "GET" if path.rpartition("/")[2] in COLLECTIONS:
                return 200, {"items": self._selected(path, query)}
            case "PATCH" if path in self.refusals and "force" not in query:
                return self.refusals[path]
            case "PATCH" if path.split("/")[-2] == "pods":
                self.objects[path]["metadata"] |= body["metadata"]
                return 200, self.objects[path]
            case "PATCH":
                assert query["fieldManager"][0].startswith("seaway")
                if "dryRun" in query:
                    return 200, _merged(self.objects[path], body)
                return 200, self._applied(path, body)
            case "POST":
                place = f"{path}/{body['metadata']['name']}"
                if place in self.objects:
                    return 409, {"message": "it exists"}
                return 201, self._applied(place, body)
            case "DELETE" if path in self.objects:
                return 200, self.objects.pop(path)
        return 404, {"message": "not found"}

    def _applied(self, path: str, body: Any) -> dict[str, Any]:
        before = self.objects.get(path, {}).get("metadata", {}).get("generation", 0)
        body["metadata"]["generation"] = before + 1
        self.objects[path] = body
        self.on_apply(body)
        return self.objects[path]

    def _selected(self, path: str, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        key, _, value = query.get("labelSelector", ["="])[0].partition("=")
        found = [each for place, each in self.objects.items() if place.rpartition("/")[0] == path]
        return [each for each in found if not key or (each["metadata"].get("labels") or {}).get(key) == value]


def _merged(there: Any, told: Any) -> Any:
    """What an object becomes when it is applied: what is not told stays as it is."""
    if not isinstance(there, dict) or not isinstance(told, dict):
        return told
    return there | {key: _merged(there.get(key), value) for key, value in told.items()}


@contextmanager
def serving(cluster: FakeCluster) -> Iterator[str]:
    """Serve a cluster on a free port, at this URL."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, content = cluster.handle(self.command, parts.path, parse_qs(parts.query), body)
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    with background.answering(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url


def kubeconfig(directory: Path, address: str) -> Path:
    """Write a configuration that names a cluster."""
    file = directory / "kubeconfig"
    file.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "test",
                "clusters": [{"name": "test", "cluster": {"server": address}}],
                "users": [{"name": "test", "user": {"token": "a-token"}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            }
        )
    )
    return file
