"""Looks at a deployment in a cluster, and does one operation on it at a time."""

from __future__ import annotations

import base64
import copy
import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import structs

from seaway.clock import Clock
from seaway.deploy.description.secrets import TOKEN, tokens_file
from seaway.deploy.monitor_objects import monitor_object
from seaway.deploy.observed import Observed, ObservedMonitor, ObservedObject, Replica, State
from seaway.deploy.operations import AnyOperation, ApplyObject, Publish, RemoveObject
from seaway.deploy.publication import published_now, wait_until_served
from seaway.deploy.reconcile_objects import changes
from seaway.deploy.report_files import following
from seaway.deploy.target import Tell
from seaway.deploy.targets.containers import MONITOR, REST_PORT, TOKENS, secret_file
from seaway.deploy.targets.kubernetes.api import KINDS, Cluster
from seaway.deploy.targets.kubernetes.manifests import DIGEST_LABEL, PROJECT_LABEL, decision_name, tokens_name
from seaway.deploy.targets.kubernetes.monitor import MONITOR_LABEL
from seaway.deploy.targets.kubernetes.pods import is_ready, trouble, waiting_for
from seaway.deploy.targets.kubernetes.progress import progress, unfinished
from seaway.deploy.targets.kubernetes.state import ClusterState
from seaway.errors import DeadlineExceeded, FailedPrecondition, Internal, PermissionDenied, Unavailable
from seaway.fleet.published import FILE_NAME, Generation
from seaway.fleet.report import Report
from seaway.settings.secret import Secret

_POLL_S = 1.0
_BODY = "seaway.body"
_DECISION = "seaway.decision"
_REPORT = "/v1/report"
_REMOVED_S = 120.0
_PUT_BACK_S = 120.0
_SCALING_MANAGER = "seaway-scaling"
_OF_THE_SERVER = ("managedFields", "resourceVersion", "generation")


class KubernetesTarget:
    """Replicas as pods of a Deployment."""

    def __init__(
        self, project: str, cluster: Cluster, state: ClusterState, secrets: Mapping[str, Secret], clock: Clock
    ) -> None:
        """Ask nothing yet."""
        self._project = project
        self._cluster = cluster
        self._state = state
        self._secrets = secrets
        self._clock = clock

    # Looking.

    def observe(self) -> Observed:
        """Look at every object of the project, and at its pods."""
        found = [each for kind in KINDS for each in self._cluster.all(kind, f"{PROJECT_LABEL}={self._project}")]
        objects = tuple(structs.replace(_observed(each), problem=self._problem(each)) for each in found)
        reports = {report.replica: report for report in self.reports()}
        replicas = tuple(_replica(pod, reports.get(pod["metadata"]["name"])) for pod in self._pods())
        monitor = _monitor(found, monitor_object(self._project))
        return Observed(bool(objects), None, replicas, published_now(self._state), objects, monitor)

    def reports(self) -> tuple[Report, ...]:
        """Ask each ready pod for its report, through the API server."""
        found = []
        for pod in self._pods():
            content = self._report(pod["metadata"]["name"]) if pod.get("status", {}).get("podIP") else None
            if content is not None:
                found.append(msgspec.json.decode(content, type=Report))
        return tuple(found)

    def _report(self, pod: str) -> bytes | None:
        token = next((secret for name, secret in self._secrets.items() if name.startswith(f"{TOKEN}-")), None)
        if token is None:
            return self._cluster.ask_pod(pod, REST_PORT, _REPORT)
        try:
            return self._cluster.ask_pod_with(token, pod, REST_PORT, _REPORT)
        except (FailedPrecondition, Unavailable):
            return None  # The pod has gone, or its node does not answer.

    def _pods(self, of: str = "") -> list[dict[str, Any]]:
        pods = self._cluster.pods(of or f"{PROJECT_LABEL}={self._project}")
        return [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]

    def _problem(self, live: Mapping[str, Any]) -> str:
        """Return how an object differs from what it was made from, whoever changed it; empty when it does not."""
        operation = _as_applied(live)
        if operation is None or (operation.kind == "Secret" and not self._secrets):
            return ""
        would_be, in_the_way = self._cluster.would_be(self._manifest(operation))
        if in_the_way:
            return f"somebody else has set {in_the_way}"
        if would_be is not None and (differences := changes(_told(live), _told(would_be))):
            return f"somebody else has changed it: {differences}"
        return unfinished(live) if operation.kind == "Deployment" else ""

    # Doing.

    def apply(self, operation: AnyOperation, tell: Tell) -> None:
        """Do one operation and return when it has happened."""
        match operation:
            case ApplyObject():
                self._apply(operation, tell)
            case RemoveObject(kind, name):
                self._remove(kind, name)
            case _:
                raise Internal(f"{type(operation).__name__} is no operation of the target `kubernetes`")

    def _apply(self, operation: ApplyObject, tell: Tell) -> None:
        before = self._cluster.find(operation.kind, operation.name)
        if before is not None:
            self._require_ours(before)
            self._keep_replicas(operation, before)
        applied = self._cluster.apply(self._manifest(operation))
        if operation.kind == "Deployment":
            try:
                self._wait_until_rolled_out(operation, applied, tell)
            except (FailedPrecondition, DeadlineExceeded):
                self._put_back(before, tell)
                raise
        elif operation.name == decision_name(self._project) and before is not None:
            self._wait_until_followed(operation, tell)

    def _require_ours(self, found: Mapping[str, Any]) -> None:
        metadata = found["metadata"]
        owner = (metadata.get("labels") or {}).get(PROJECT_LABEL)
        if owner != self._project:
            whose = f"the deployment {owner!r}" if owner else "somebody else"
            raise FailedPrecondition(
                f"{found['kind']} {metadata['name']} is there already and belongs to {whose}; name the `project` "
                f"otherwise, remove it, or give it the label {PROJECT_LABEL}={self._project} to hand it over"
            )

    def _keep_replicas(self, operation: ApplyObject, found: Mapping[str, Any]) -> None:
        """Leave a Deployment as many replicas as it has where no number is told any more, but by an autoscaler.

        A number that nobody else claims would become the API's default, one.
        Source: the Kubernetes documentation, "Transferring ownership" of server-side apply.
        """
        if operation.kind != "Deployment" or "replicas" in operation.new["spec"]:
            return
        replicas = found["spec"].get("replicas", 1)
        kept = {key: operation.new[key] for key in ("apiVersion", "kind")}
        name = {key: operation.new["metadata"][key] for key in ("name", "namespace")}
        self._cluster.apply({**kept, "metadata": name, "spec": {"replicas": replicas}}, _SCALING_MANAGER)

    def _manifest(self, operation: ApplyObject) -> dict[str, Any]:
        manifest = copy.deepcopy(operation.new)
        metadata = manifest["metadata"]
        metadata.setdefault("labels", {})[DIGEST_LABEL] = operation.digest
        metadata.setdefault("annotations", {})[_BODY] = json.dumps(operation.new, separators=(",", ":"))
        if operation.kind == "Secret" and operation.name == tokens_name(self._project):
            manifest["data"] = {TOKENS: base64.b64encode(tokens_file(self._secrets)).decode()}
        if operation.kind == "Secret" and operation.name == monitor_object(self._project):
            files = {name: secret_file(name, self._secrets) for name in self._secrets if name.startswith(f"{MONITOR}-")}
            manifest["data"] = {name: base64.b64encode(content).decode() for name, content in files.items()}
        return manifest

    def _wait_until_rolled_out(self, operation: ApplyObject, applied: Mapping[str, Any], tell: Tell) -> None:
        end, said = self._clock.now() + operation.timeout_s, ""
        wanted_generation = applied["metadata"]["generation"]
        while True:
            found = self._cluster.find("Deployment", operation.name)
            if found is None:
                raise FailedPrecondition(f"Deployment {operation.name} was removed by somebody else")
            own = selector(found)
            now = progress(found, wanted_generation, self._cluster.replica_sets(own), self._pods(own))
            if now.is_done:
                return
            if now.hopeless:
                raise FailedPrecondition(f"{operation.name} does not start: {now.hopeless}")
            if self._clock.now() >= end:
                raise DeadlineExceeded(
                    f"{operation.name} was not rolled out within {operation.timeout_s:g} s: {now.counts}; "
                    f"{now.waits or '`seaway logs` shows why'}; `server.start_timeout_s` allows more"
                )
            line = f"{now.counts}; {now.waits}" if now.waits else now.counts
            if line != said:
                said = line
                tell(line)
            self._clock.wait(threading.Event(), _POLL_S)

    def _put_back(self, before: Mapping[str, Any] | None, tell: Tell) -> None:
        """Apply again what was there, as it was applied then."""
        then = _as_applied(before) if before is not None else None
        if then is None:
            return
        tell("putting the Deployment before back")
        applied = self._cluster.apply(self._manifest(then))
        try:
            self._wait_until_rolled_out(structs.replace(then, timeout_s=_PUT_BACK_S), applied, tell)
        except (FailedPrecondition, DeadlineExceeded) as err:
            tell(f"it is put back, and not ready: {err.message}")

    def _wait_until_followed(self, operation: ApplyObject, tell: Tell) -> None:
        """Wait until every pod serves the decision; the nodes may take a minute to hand it on."""
        generation = msgspec.json.decode(operation.new["data"][FILE_NAME], type=Generation)
        self._hurry(generation.generation, tell)
        publish = Publish(generation.generation, generation.published, timeout_s=max(120.0, operation.timeout_s))
        wait_until_served(self._ready, self.reports, publish, self._clock, tell)

    def _hurry(self, generation: int, tell: Tell) -> None:
        """Have the nodes hand the decision on now: a kubelet looks at the volumes of a pod when the pod changes.

        Source: the Kubernetes documentation, "Mounted ConfigMaps are updated automatically".
        """
        for name in self._ready():
            try:
                self._cluster.annotate_pod(name, {_DECISION: str(generation)})
            except PermissionDenied:
                tell("pods may not be annotated, so the nodes hand the decision on when they look next: within minutes")
                return
            except FailedPrecondition:
                continue  # It has gone meanwhile, and what comes in its place begins with the new decision.

    def _ready(self) -> list[str]:
        """Return the names of the pods that are ready; another takes the place of one that fails."""
        return [pod["metadata"]["name"] for pod in self._pods() if is_ready(pod)]

    def _remove(self, kind: str, name: str) -> None:
        self._cluster.remove(kind, name)
        end = self._clock.now() + _REMOVED_S
        while self._cluster.find(kind, name) is not None:
            if self._clock.now() >= end:
                raise DeadlineExceeded(f"{kind} {name} was not gone within {_REMOVED_S:g} s")
            self._clock.wait(threading.Event(), _POLL_S)

    # Passing through.

    def logs(self, replica: str, follow: bool, tail: int) -> Iterator[str]:
        """Yield the lines of a pod's log."""
        return self._cluster.pod_log(replica, follow, tail)

    def execute(self, replica: str, command: Sequence[str]) -> int:
        """Run a command in a pod."""
        return self._cluster.execute(replica, command, sys.stdout.write, sys.stderr.write)


def _as_applied(live: Mapping[str, Any]) -> ApplyObject | None:
    """Return what an object was made by; None when that was not by us."""
    metadata = live["metadata"]
    body = (metadata.get("annotations") or {}).get(_BODY)
    if body is None:
        return None
    digest = (metadata.get("labels") or {}).get(DIGEST_LABEL, "")
    return ApplyObject(live["kind"], metadata["name"], digest, json.loads(body))


def _told(live: Mapping[str, Any]) -> dict[str, Any]:
    """Return of an object what somebody has told, and nothing that the cluster says."""
    metadata = {key: value for key, value in live["metadata"].items() if key not in _OF_THE_SERVER}
    return {**{key: value for key, value in live.items() if key != "status"}, "metadata": metadata}


def _observed(manifest: Mapping[str, Any]) -> ObservedObject:
    metadata = manifest["metadata"]
    digest = (metadata.get("labels") or {}).get(DIGEST_LABEL, "")
    body = json.loads((metadata.get("annotations") or {}).get(_BODY) or "{}")
    return ObservedObject(manifest["kind"], metadata["name"], digest, body)


def selector(deployment: Mapping[str, Any]) -> str:
    """Return what finds the pods of a Deployment. Pure."""
    labels = deployment["spec"]["selector"]["matchLabels"]
    return next(f"{name}={labels[name]}" for name in (PROJECT_LABEL, MONITOR_LABEL) if name in labels)


def _monitor(found: Sequence[Mapping[str, Any]], name: str) -> ObservedMonitor | None:
    """Return the monitor among the objects of a deployment."""
    there = {each["kind"]: each for each in found if each["metadata"]["name"] == name}
    if "Deployment" not in there:
        return None
    is_running = bool((there["Deployment"].get("status") or {}).get("availableReplicas"))
    ports = (there.get("Service") or {}).get("spec", {}).get("ports") or []
    place = "".join(f"{name}:{port['port']}" for port in ports[:1])
    digest = (there["Deployment"]["metadata"].get("labels") or {}).get(DIGEST_LABEL, "")
    return ObservedMonitor(digest, is_running, "" if is_running else "no pod of it is ready", place)


def _replica(pod: Mapping[str, Any], report: Report | None) -> Replica:
    why = trouble(pod)
    state = State.READY if is_ready(pod) else State.UNREADY if why else State.STARTING
    ip = str(pod["status"].get("podIP", ""))
    return Replica(
        name=pod["metadata"]["name"],
        spec="",
        state=state,
        **following(report),
        reason=why or waiting_for(pod),
        address=ip,
        rest_address=f"{ip}:{REST_PORT}" if ip else "",
        restarts=sum(each.get("restartCount", 0) for each in pod["status"].get("containerStatuses", [])),
    )
