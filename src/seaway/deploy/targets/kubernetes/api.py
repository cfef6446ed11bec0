"""The API of a cluster: objects of any kind, by server-side apply. The only module that imports the client.

Source: the Kubernetes API concepts (server-side apply, field managers).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from kubernetes.stream import portforward, stream
from urllib3.exceptions import HTTPError

from seaway.deploy.targets.kubernetes.refusals import Asked, refusal
from seaway.errors import SeawayError, Unavailable
from seaway.settings.secret import Secret

FIELD_MANAGER = "seaway"
KINDS: Mapping[str, tuple[str, str]] = {
    "ConfigMap": ("v1", "configmaps"),
    "Secret": ("v1", "secrets"),
    "Service": ("v1", "services"),
    "Deployment": ("apps/v1", "deployments"),
    "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies"),
    "Ingress": ("networking.k8s.io/v1", "ingresses"),
    "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets"),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "horizontalpodautoscalers"),
    "ServiceMonitor": ("monitoring.coreos.com/v1", "servicemonitors"),
    "GRPCRoute": ("gateway.networking.k8s.io/v1", "grpcroutes"),
    "HTTPRoute": ("gateway.networking.k8s.io/v1", "httproutes"),
}
"""Every kind that is made, with its group and its place in the API, in the order in which they are made."""

Write = Callable[[str], object]

_APPLY = "application/apply-patch+yaml"
_NOT_FOUND, _CONFLICT, _FIRST_ERROR = 404, 409, 400
_TIMEOUT_S = 30.0
_POD_TIMEOUT_S = 5.0
"""For what a pod answers: one whose node is away must not hold up the look at the others."""

_OWNERS = {"Deployment"}
"""Kinds that are gone when what they own is: their pods have answered their last requests by then."""

_HANDSHAKE = re.compile(r"Handshake status (\d+)")


@dataclass(frozen=True, slots=True)
class Request:
    """What a call carries."""

    query: Sequence[tuple[str, str]] = ()
    body: object = None
    content: str = "application/json"
    timeout_s: float = _TIMEOUT_S


class Cluster:
    """One namespace of a cluster, as the kubeconfig knows it."""

    def __init__(self, context: str, namespace: str) -> None:
        """Connect when first asked."""
        self._context = context
        self.namespace = namespace

    @cached_property
    def _configuration(self) -> Any:
        configuration = client.Configuration()
        try:
            load: Any = config.load_kube_config
            load(context=self._context or None, client_configuration=configuration)
        except (ConfigException, OSError) as err:
            if self._context or not _is_pod(configuration):
                raise Unavailable(f"no cluster can be asked: {err}; set KUBECONFIG, or `kubernetes.context`") from err
        return configuration

    @cached_property
    def _client(self) -> Any:
        return client.ApiClient(self._configuration)

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return an object, None when there is none."""
        found: dict[str, Any] | None = self._call("GET", f"{self._place(kind)}/{name}", missing=True)
        return found

    def all(self, kind: str, selector: str) -> list[dict[str, Any]]:
        """Return the objects of a kind that a selector finds; none of a kind that the cluster does not know."""
        found = self._call("GET", self._place(kind), Request([("labelSelector", selector)]), missing=True)
        version, _ = KINDS[kind]
        return [{"apiVersion": version, "kind": kind, **each} for each in (found or {}).get("items", [])]

    def apply(self, manifest: Mapping[str, Any], manager: str = FIELD_MANAGER) -> dict[str, Any]:
        """Have an object be as told; fields that somebody else has set are taken over."""
        query = [("fieldManager", manager), ("force", "true")]
        applied: dict[str, Any] = self._call("PATCH", self._at(manifest), Request(query, manifest, _APPLY))
        return applied

    def would_be(self, manifest: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
        """Return what an object would become if it was applied without taking anything over, or what is in the way.

        Nothing is changed. None and no text where whoever asks may not know.
        """
        request = Request([("fieldManager", FIELD_MANAGER), ("dryRun", "All")], manifest, _APPLY)
        status, content = self._raw("PATCH", self._at(manifest), request)
        if status == _CONFLICT:
            return None, conflicts(json.loads(content))
        return (json.loads(content), "") if status < _FIRST_ERROR else (None, "")

    def create(self, manifest: Mapping[str, Any]) -> None:
        """Make an object that is not there.

        Raises:  AlreadyExists - it is there.
        """
        self._call("POST", self._place(manifest["kind"]), Request(body=manifest))

    def remove(self, kind: str, name: str) -> None:
        """Remove an object and what it owns; nothing happens when there is none."""
        # In the foreground an object stays until a controller comes by: whoever made it anew would write to the old.
        query = [("propagationPolicy", "Foreground" if kind in _OWNERS else "Background")]
        self._call("DELETE", f"{self._place(kind)}/{name}", Request(query), missing=True)

    def pods(self, selector: str) -> list[dict[str, Any]]:
        """Return the pods that a selector finds."""
        return self._selected(f"/api/v1/namespaces/{self.namespace}/pods", selector)

    def replica_sets(self, selector: str) -> list[dict[str, Any]]:
        """Return the ReplicaSets that a selector finds."""
        return self._selected(f"/apis/apps/v1/namespaces/{self.namespace}/replicasets", selector)

    def _selected(self, place: str, selector: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._call("GET", place, Request([("labelSelector", selector)]))["items"]
        return found

    def annotate_pod(self, pod: str, annotations: Mapping[str, str]) -> None:
        """Write annotations onto a pod."""
        place = f"/api/v1/namespaces/{self.namespace}/pods/{pod}"
        request = Request(body={"metadata": {"annotations": annotations}}, content="application/merge-patch+json")
        self._call("PATCH", place, request)

    def ask_pod(self, pod: str, port: int, path: str) -> bytes | None:
        """Return what a pod answers to a GET, through the API server; None when it does not."""
        place = f"/api/v1/namespaces/{self.namespace}/pods/{pod}:{port}/proxy{path}"
        try:
            status, content = self._raw("GET", place, Request(timeout_s=_POD_TIMEOUT_S))
        except Unavailable:
            return None
        return content if status < _FIRST_ERROR else None

    def ask_pod_with(self, token: Secret, pod: str, port: int, path: str) -> bytes | None:
        """Return the same of a pod that wants a token.

        It goes through a tunnel, since the API server keeps to itself who asks when it passes a request on.
        """
        api = client.CoreV1Api(self._client)
        with self._told():
            tunnel = portforward(api.connect_get_namespaced_pod_portforward, pod, self.namespace, ports=str(port))
        connection = HTTPConnection("localhost", port)
        connection.sock = tunnel.socket(port)
        connection.sock.settimeout(_POD_TIMEOUT_S)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token.reveal()}"})
            answer = connection.getresponse()
            content = answer.read()
        except (HTTPException, OSError):
            return None
        finally:
            connection.close()
        return content if answer.status < _FIRST_ERROR else None

    def pod_log(self, pod: str, follow: bool, tail: int) -> Iterator[str]:
        """Yield the lines of a pod's log."""
        api = client.CoreV1Api(self._client)
        with self._told():
            answer: Any = api.read_namespaced_pod_log(
                pod, self.namespace, follow=follow, tail_lines=tail, _preload_content=False
            )
        left = b""
        for chunk in answer.stream():
            *lines, left = (left + chunk).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace")
        if left:
            yield left.decode(errors="replace")

    def execute(self, pod: str, command: Sequence[str], out: Write, err: Write) -> int:
        """Run a command in a pod to its end, pass on what it writes as it comes, and return its exit code."""
        api = client.CoreV1Api(self._client)
        with self._told():
            run = stream(
                api.connect_get_namespaced_pod_exec,
                pod,
                self.namespace,
                command=list(command),
                stdout=True,
                stderr=True,
                stdin=False,
                tty=False,
                _preload_content=False,
            )
        while run.is_open():
            run.update(timeout=1)
            for has, read, write in (
                (run.peek_stdout, run.read_stdout, out),
                (run.peek_stderr, run.read_stderr, err),
            ):
                if has():
                    write(read())
        return int(run.returncode or 0)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the client raises into an error of ours."""
        try:
            yield
        except ApiException as err:
            # Of a stream that is refused, the client keeps the status in its text only.
            found = _HANDSHAKE.search(str(err.reason))
            status = err.status or (int(found[1]) if found else 0)
            content = (err.body or "").encode() if isinstance(err.body, str) else err.body or b""
            raise refusal(Asked("GET", "v1", self.namespace), status, content) from err
        except (HTTPError, OSError) as err:
            raise Unavailable(f"the cluster does not answer: {err}") from err

    def _at(self, manifest: Mapping[str, Any]) -> str:
        return f"{self._place(manifest['kind'])}/{manifest['metadata']['name']}"

    def _place(self, kind: str) -> str:
        version, plural = KINDS[kind]
        root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        return f"{root}/namespaces/{self.namespace}/{plural}"

    def _call(self, method: str, place: str, request: Request | None = None, missing: bool = False) -> Any:
        """Return what the API answers; None where what was asked for is not there and need not be."""
        status, content = self._raw(method, place, request or Request())
        if status == _NOT_FOUND and missing:
            return None
        if status >= _FIRST_ERROR:
            raise self._refusal(method, place, status, content)
        return json.loads(content)

    def _refusal(self, method: str, place: str, status: int, content: bytes) -> SeawayError:
        version = place.partition("/namespaces/")[0].removeprefix("/apis/").removeprefix("/api/")
        return refusal(Asked(method, version, self.namespace), status, content)

    def _raw(self, method: str, place: str, request: Request) -> tuple[int, bytes]:
        # The client's own pool has the certificates; its calls differ from version to version, and HTTP does not.
        configuration, pool = self._configuration, self._client.rest_client.pool_manager
        headers = {"Accept": "application/json", "Content-Type": request.content}
        for each in configuration.auth_settings().values():
            if each["in"] == "header" and each["value"]:
                headers[each["key"]] = each["value"]
        query = f"?{urlencode(request.query)}" if request.query else ""
        body = json.dumps(request.body).encode() if request.body is not None else None
        try:
            answer = pool.request(
                method, f"{configuration.host}{place}{query}", body=body, headers=headers, timeout=request.timeout_s
            )
        except (HTTPError, OSError) as err:
            raise Unavailable(f"the cluster does not answer: {err}") from err
        return int(answer.status), bytes(answer.data)


def conflicts(refused: Mapping[str, Any]) -> str:
    """Return who has set which fields of an object otherwise, from the API server's refusal to take them over. Pure."""
    causes = (refused.get("details") or {}).get("causes") or []
    return ", ".join(f"{each['field']} ({each['message']})" for each in causes) or str(refused.get("message", ""))


def _is_pod(configuration: Any) -> bool:
    """Take the configuration of the pod that this process runs in, if it does."""
    try:
        load: Any = config.load_incluster_config
        load(client_configuration=configuration)
    except ConfigException:
        return False
    return True
