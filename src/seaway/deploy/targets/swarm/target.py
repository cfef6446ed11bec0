"""Looks at a deployment on Swarm, and does one operation on it at a time.

The name of a replica here is that of its task: `PROJECT.SLOT.TASK`.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import docker
from docker.errors import APIError, NotFound
from docker.models.services import Service
from msgspec import structs

from seaway.clock import Clock
from seaway.deploy.monitor_objects import monitor_object
from seaway.deploy.observed import Observed, ObservedIngress, ObservedMonitor, ObservedObject, Replica
from seaway.deploy.operations import AnyOperation, ApplyObject, Clear, Prepare, Publish, RemoveObject
from seaway.deploy.publication import published_now, read_generation, wait_until_served, write_generation
from seaway.deploy.reconcile import must_load
from seaway.deploy.report_files import following, read_reports
from seaway.deploy.state import StateDirectory
from seaway.deploy.target import Tell
from seaway.deploy.targets.containers import (
    DIGEST_LABEL,
    INGRESS,
    PLACE_LABEL,
    PROJECT_LABEL,
    secret_file,
)
from seaway.deploy.targets.docker import terminal
from seaway.deploy.targets.docker.engine import Engine, explanation, told
from seaway.deploy.targets.shared_directories import has_shared_directories, make_shared_directories
from seaway.deploy.targets.swarm.monitor import monitor_volume
from seaway.deploy.targets.swarm.objects import NETWORK, SECRET, SERVICE
from seaway.deploy.targets.swarm.tasks import (
    RUNNING,
    has_updated,
    is_shutting_down,
    is_wanted,
    judged,
    newest_error,
    runs,
    task_name,
)
from seaway.errors import DeadlineExceeded, FailedPrecondition, Internal
from seaway.fleet.report import Report
from seaway.settings.secret import Secret

_POLL_S = 0.5
_STAGGER_S = 2.0
_LEAVE_S = 20.0
_MOST_FAILURES = 3
_BODY_LABEL = "seaway.body"
_FAILED_UPDATE = {"paused", "rollback_completed", "rollback_paused"}


class SwarmTarget:
    """Replicas as tasks of a service."""

    def __init__(
        self, project: str, engine: Engine, state: StateDirectory, secrets: Mapping[str, Secret], clock: Clock
    ) -> None:
        """Ask nothing yet."""
        self._project = project
        self._engine = engine
        self._state = state
        self._secrets = secrets
        self._clock = clock

    # Looking.

    def observe(self) -> Observed:
        """Look at networks, secrets, services, tasks, and reports."""
        with told():
            self._require_manager()
            objects = tuple(self._objects())
            replicas = tuple(self._replicas())
            ingress = self._observed_ingress()
            monitor = self._observed_monitor()
        return Observed(
            is_prepared=has_shared_directories(self._state.directory),
            ingress=ingress,
            replicas=replicas,
            published=published_now(self._state),
            objects=objects,
            monitor=monitor,
        )

    def reports(self) -> tuple[Report, ...]:
        """Return the newest report of each task that is there."""
        with told():
            names = {task_name(self._project, task) for task in self._tasks(self._project) if is_wanted(task)}
        return read_reports(self._state.directory, names)

    def _objects(self) -> Iterator[ObservedObject]:
        client, label = self._engine.client, f"{PROJECT_LABEL}={self._project}"
        for network in client.networks.list(filters={"label": label}):
            yield _observed(NETWORK, str(network.name), network.attrs.get("Labels") or {})
        for secret in client.secrets.list(filters={"label": label}):
            yield _observed(SECRET, str(secret.name), secret.attrs["Spec"].get("Labels") or {})
        services = sorted(client.services.list(filters={"label": label}), key=lambda each: str(each.name), reverse=True)
        for service in services:
            found = _observed(SERVICE, str(service.name), service.attrs["Spec"].get("Labels") or {})
            status = service.attrs.get("UpdateStatus") or {}
            problem = (
                f"its update was {status['State']}" if status.get("State") in {"paused", "rollback_paused"} else ""
            )
            yield structs.replace(found, problem=problem)

    def _replicas(self) -> Iterator[Replica]:
        reports = {report.replica: report for report in read_reports(self._state.directory)}
        for task in self._tasks(self._project):
            if not is_wanted(task):
                continue
            name = task_name(self._project, task)
            report = reports.get(name)
            state, reason = judged(task, report, self._clock.wall())
            yield Replica(
                name=name,
                spec="",
                state=state,
                **following(report),
                reason=reason,
                address=self._node_name(task),
            )

    def _observed_ingress(self) -> ObservedIngress | None:
        name = f"{self._project}-{INGRESS}"
        service = self._service(name)
        if service is None:
            return None
        running = any(task["Status"]["State"] in RUNNING for task in self._tasks(name))
        labels = service.attrs["Spec"].get("Labels") or {}
        return ObservedIngress(labels.get(DIGEST_LABEL, ""), running, "" if running else "no task of it runs")

    def _observed_monitor(self) -> ObservedMonitor | None:
        service = self._service(monitor_object(self._project))
        if service is None:
            return None
        tasks = self._tasks(monitor_object(self._project))
        is_running = any(task["Status"]["State"] in RUNNING for task in tasks)
        why = "" if is_running else newest_error(tasks) or "no task of it runs"
        labels = service.attrs["Spec"].get("Labels") or {}
        return ObservedMonitor(labels.get(DIGEST_LABEL, ""), is_running, why, labels.get(PLACE_LABEL, ""))

    # Doing.

    def apply(self, operation: AnyOperation, tell: Tell) -> None:
        """Do one operation and return when it has happened."""
        with told():
            match operation:
                case Prepare():
                    self._prepare()
                case Publish():
                    self._publish(operation, tell)
                case ApplyObject():
                    self._apply_object(operation, tell)
                case RemoveObject(kind, name):
                    self._remove_object(kind, name, tell)
                case Clear(keeps_records):
                    self._clear(keeps_records)
                case _:
                    raise Internal(f"{type(operation).__name__} is no operation of the target `swarm`")

    def _prepare(self) -> None:
        make_shared_directories(self._state.directory)

    def _publish(self, operation: Publish, tell: Tell) -> None:
        before = read_generation(self._state)
        loads = before is not None and must_load(before.published, operation.published)
        write_generation(self._state, operation, _STAGGER_S * len(self._running()) if loads else 0.0)
        wait_until_served(self._running, self.reports, operation, self._clock, tell)

    def _running(self) -> list[str]:
        """Return the names of the tasks that run; another takes the place of one that fails."""
        return [task_name(self._project, task) for task in self._tasks(self._project) if runs(task)]

    def _apply_object(self, operation: ApplyObject, tell: Tell) -> None:
        labels = {PROJECT_LABEL: self._project, DIGEST_LABEL: operation.digest, _BODY_LABEL: json.dumps(operation.new)}
        match operation.kind:
            case "network":
                self._engine.client.networks.create(operation.name, driver="overlay", attachable=True, labels=labels)
            case "secret":
                content = secret_file(operation.new["content"], self._secrets)
                self._engine.client.secrets.create(name=operation.name, data=content, labels=labels)
            case "service":
                self._apply_service(operation, labels, tell)

    def _apply_service(self, operation: ApplyObject, labels: Mapping[str, str], tell: Tell) -> None:
        service = self._service(operation.name)
        settings = self._service_settings(operation, labels)
        api: Any = self._engine.client.api
        try:
            if service is None:
                api.create_service(**settings)
            else:
                api.update_service(service.id, service.version, **settings)
        except APIError as err:
            raise FailedPrecondition(f"service {operation.name} was refused: {explanation(err)}") from err
        self._wait_until_converged(operation, _template(service), tell)

    def _service_settings(self, operation: ApplyObject, labels: Mapping[str, str]) -> dict[str, Any]:
        body = copy.deepcopy(operation.new)
        template = body["TaskTemplate"]
        for mount in template["ContainerSpec"]["Mounts"]:
            if mount.get("Source") == "SOCKET":
                mount["Source"] = self._engine.socket
        for reference in template["ContainerSpec"].get("Secrets", ()):
            (found,) = self._engine.client.secrets.list(filters={"name": reference["SecretName"]})
            reference["SecretID"] = found.id
        networks = [{"Target": name} for name in body["Networks"]]
        template["Networks"] = networks
        return {
            "task_template": template,
            "name": operation.name,
            "labels": {**body["Labels"], **labels},
            "mode": body["Mode"],
            "update_config": body["UpdateConfig"],
            "rollback_config": body.get("RollbackConfig"),
            "endpoint_spec": body["EndpointSpec"],
        }

    def _wait_until_converged(self, operation: ApplyObject, before: Mapping[str, Any] | None, tell: Tell) -> None:
        """Wait until the service is as told; `before` is the template of its tasks until now, None if it is new."""
        begun, said, is_update = self._clock.now(), "", before is not None
        end = begun + operation.timeout_s
        replicas = int(operation.new["Mode"]["Replicated"]["Replicas"])
        while True:
            service = self._service(operation.name)
            if service is None:
                raise FailedPrecondition(f"service {operation.name} was removed by somebody else")
            status = (service.attrs.get("UpdateStatus") or {}) if is_update else {}
            tasks = self._tasks(operation.name)
            running = self._ready(operation.name, tasks)
            if status.get("State") in _FAILED_UPDATE:
                why = newest_error(tasks) or str(status.get("Message", ""))
                raise FailedPrecondition(f"Swarm has rolled {operation.name} back: {why}")
            is_new = is_update and _template(service) != before
            is_done = has_updated(str(status.get("State", "")), is_new, self._clock.now() - begun)
            if is_done and len(running) == replicas and not is_shutting_down(tasks):
                return
            failures = [task for task in tasks if task["Status"]["State"] in {"failed", "rejected"}]
            if not is_update and len(failures) >= _MOST_FAILURES and not running:
                raise FailedPrecondition(f"{operation.name} does not start: {newest_error(tasks)}")
            if self._clock.now() >= end:
                why = newest_error(tasks) or str(status.get("Message", "still waiting"))
                raise DeadlineExceeded(f"{operation.name} was not as told within {operation.timeout_s:g} s: {why}")
            line = f"{len(running)} of {replicas} run" + (f", update {status['State']}" if status else "")
            if line != said:
                said = line
                tell(line)
            self._pause()

    def _ready(self, service: str, tasks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the tasks that count: those that run, and of the replicas those that report that they are ready."""
        running = [task for task in tasks if runs(task)]
        if service != self._project:
            return running
        ready = {report.replica for report in read_reports(self._state.directory) if report.ready}
        return [task for task in running if task_name(self._project, task) in ready]

    def _remove_object(self, kind: str, name: str, tell: Tell) -> None:
        client = self._engine.client
        api: Any = client.api
        match kind:
            case "service":
                service = self._service(name)
                if service is not None:
                    api.remove_service(service.id)
                    tell("draining")
                    self._wait_until_gone(name)
            case "secret":
                for secret in client.secrets.list(filters={"name": name}):
                    api.remove_secret(secret.id)
            case "network":
                for network in client.networks.list(names=[name]):
                    self._remove_network(network)

    def _remove_network(self, network: Any) -> None:
        """Remove a network; the last tasks may take a moment to leave it."""
        end = self._clock.now() + _LEAVE_S
        while True:
            try:
                network.remove()
            except NotFound:
                return
            except APIError:
                if self._clock.now() >= end:
                    raise
                self._pause()
            else:
                return

    def _wait_until_gone(self, service: str) -> None:
        """Wait until no container of a service is left on this node; other nodes end theirs by themselves."""
        label = f"com.docker.swarm.service.name={service}"
        for _ in range(240):
            if not self._engine.client.containers.list(filters={"label": label}, ignore_removed=True):
                return
            self._pause()

    def _clear(self, keeps_records: bool) -> None:
        volumes = [f"seaway-{self._project}-cache"]
        for volume in volumes if keeps_records else [*volumes, monitor_volume(self._project)]:
            with suppress(NotFound, APIError):
                self._engine.client.volumes.get(volume).remove()

    # Passing through.

    def logs(self, replica: str, follow: bool, tail: int) -> Iterator[str]:
        """Yield the lines of a task's log, wherever it runs."""
        task = self._task(replica)
        api: Any = self._engine.client.api
        url = api._url("/tasks/{0}/logs", task["ID"])
        parameters = {"stdout": 1, "stderr": 1, "follow": int(follow), "tail": tail}
        answer = api._get(url, params=parameters, stream=True)
        left = b""
        for chunk in api._multiplexed_response_stream_helper(answer):
            *lines, left = (left + chunk).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace")

    def execute(self, replica: str, command: Sequence[str]) -> int:
        """Run a command in a task of this node."""
        task = self._task(replica)
        identifier = (task["Status"].get("ContainerStatus") or {}).get("ContainerID", "")
        with told():
            try:
                container = self._engine.client.containers.get(identifier)
            except (NotFound, docker.errors.NullResource) as err:
                raise FailedPrecondition(f"{replica} runs on {self._node_name(task)}; run this there") from err
            return terminal.execute(self._engine.client, container, command)

    # What the operations are made of.

    def _require_manager(self) -> None:
        swarm = self._engine.client.info().get("Swarm", {})
        if not swarm.get("ControlAvailable"):
            raise FailedPrecondition(
                "this Docker engine is no manager of a Swarm; `docker swarm init` makes it one, DOCKER_HOST names "
                "another"
            )

    def _service(self, name: str) -> Service | None:
        found: list[Service] = self._engine.client.services.list(filters={"name": name})
        return next((each for each in found if each.name == name), None)

    def _tasks(self, service: str) -> list[dict[str, Any]]:
        own = self._service(service)
        if own is None:
            return []
        api: Any = self._engine.client.api
        found: list[dict[str, Any]] = api.tasks(filters={"service": own.id})
        return found

    def _task(self, replica: str) -> dict[str, Any]:
        for task in self._tasks(self._project):
            if task_name(self._project, task) == replica:
                return task
        raise FailedPrecondition(f"there is no replica {replica!r}")

    def _node_name(self, task: Mapping[str, Any]) -> str:
        identifier = task.get("NodeID", "")
        with suppress(APIError, NotFound):
            node = self._engine.client.nodes.get(identifier) if identifier else None
            return str(node.attrs["Description"]["Hostname"]) if node is not None else ""
        return ""

    def _pause(self) -> None:
        self._clock.wait(threading.Event(), _POLL_S)


def _template(service: Any) -> Mapping[str, Any] | None:
    """Return what the tasks of a service are made from, None when there is no service."""
    return None if service is None else dict(service.attrs["Spec"]["TaskTemplate"])


def _observed(kind: str, name: str, labels: Mapping[str, str]) -> ObservedObject:
    body = json.loads(labels.get(_BODY_LABEL) or "{}")
    return ObservedObject(kind, name, labels.get(DIGEST_LABEL, ""), body)
