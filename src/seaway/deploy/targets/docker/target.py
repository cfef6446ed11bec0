"""Looks at a deployment by containers, and does one operation on it at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from docker.errors import NotFound
from docker.models.containers import Container

from seaway.clock import Clock
from seaway.deploy.desired import IngressSpec, ReplicaSpec
from seaway.deploy.observed import Observed, ObservedIngress, Replica, State
from seaway.deploy.operations import (
    AnyOperation,
    Clear,
    Prepare,
    Publish,
    StartIngress,
    StartMonitor,
    StartReplica,
    StopIngress,
    StopMonitor,
    StopReplica,
)
from seaway.deploy.publication import publish, published_now
from seaway.deploy.report_files import following, read_reports
from seaway.deploy.state import StateDirectory
from seaway.deploy.target import Tell
from seaway.deploy.targets.containers import (
    DIGEST_LABEL,
    INGRESS,
    MONITOR,
    PROJECT_LABEL,
    REPLICA,
    ROLE_LABEL,
    ROOT,
    SECRETS,
    TLS_FILES,
    TOKENS,
    USER,
    secret_file,
)
from seaway.deploy.targets.docker import making, terminal
from seaway.deploy.targets.docker.engine import Engine, archive, told
from seaway.deploy.targets.docker.judgement import (
    has_ended,
    judged,
    last_words,
    ran_for,
    rest_address,
    why_ended,
)
from seaway.deploy.targets.docker.monitor import MonitorContainer
from seaway.deploy.targets.docker.settings import (
    DRAIN_LABEL,
    cache_volume,
    ingress_name,
    ingress_settings,
    monitor_secrets_volume,
    monitor_volume,
    network_of,
    replica_settings,
    secrets_volume,
)
from seaway.deploy.targets.shared_directories import has_shared_directories, make_shared_directories
from seaway.errors import DeadlineExceeded, FailedPrecondition, Internal
from seaway.fleet.report import DIRECTORY, Report
from seaway.settings.secret import Secret

_POLL_S = 0.3
_ROTATION_S = 2.5
"""Time in which Traefik has taken notice of a container that has become healthy, and has asked it once."""
_INGRESS_S = 30.0


class DockerTarget:
    """Replicas as containers of one engine."""

    def __init__(
        self, project: str, engine: Engine, state: StateDirectory, secrets: Mapping[str, Secret], clock: Clock
    ) -> None:
        """Ask nothing yet."""
        self._project = project
        self._engine = engine
        self._state = state
        self._secrets = secrets
        self._clock = clock
        self._monitor = MonitorContainer(project, engine, secrets, clock)

    # Looking.

    def observe(self) -> Observed:
        """Look at networks, containers, and reports."""
        reports = {report.replica: report for report in self.reports()}
        replicas = [self._observed(each, reports.get(str(each.name))) for each in self._containers(REPLICA)]
        with told():
            has_network = bool(self._engine.client.networks.list(names=[network_of(self._project)]))
        return Observed(
            is_prepared=has_network and has_shared_directories(self._state.directory),
            ingress=self._observed_ingress(),
            replicas=tuple(sorted(replicas, key=lambda each: each.name)),
            published=published_now(self._state),
            monitor=self._monitor.observed(),
        )

    def reports(self) -> tuple[Report, ...]:
        """Return the newest report of each replica that is there."""
        names = {str(each.name) for each in self._containers(REPLICA)}
        return read_reports(self._state.directory, names)

    def _observed(self, container: Container, report: Report | None) -> Replica:
        state, reason = judged(container.attrs, report, self._clock.wall())
        return Replica(
            name=str(container.name),
            spec=container.labels.get(DIGEST_LABEL, ""),
            state=state,
            **following(report),
            reason=reason,
            rest_address=rest_address(container.attrs),
            restarts=int(container.attrs.get("RestartCount", 0)),
        )

    def _observed_ingress(self) -> ObservedIngress | None:
        container = self._engine.container(ingress_name(self._project))
        if container is None:
            return None
        is_running = container.status == "running"
        reason = "" if is_running else f"its container is {container.status}"
        return ObservedIngress(container.labels.get(DIGEST_LABEL, ""), is_running, reason)

    def _containers(self, role: str) -> list[Container]:
        labels = [f"{PROJECT_LABEL}={self._project}", f"{ROLE_LABEL}={role}"]
        with told():
            found: list[Container] = self._engine.client.containers.list(
                all=True, filters={"label": labels}, ignore_removed=True
            )
            return found

    # Doing.

    def apply(self, operation: AnyOperation, tell: Tell) -> None:
        """Do one operation and return when it has happened."""
        with told():
            match operation:
                case Prepare():
                    self._prepare()
                case Publish():
                    publish(self._state, self.reports, operation, self._clock, tell)
                case StartIngress(ingress):
                    self._start_ingress(ingress, tell)
                case StopIngress():
                    making.remove(self._engine.container(ingress_name(self._project)))
                case StartReplica(name, spec, timeout_s):
                    self._start_replica(name, spec, timeout_s, tell)
                case StopReplica(name):
                    self._stop_replica(name, tell)
                case StartMonitor(monitor, _, timeout_s):
                    self._monitor.start(monitor, timeout_s, tell)
                case StopMonitor():
                    self._monitor.stop()
                case Clear(keeps_records):
                    self._clear(keeps_records)
                case _:
                    raise Internal(f"{type(operation).__name__} is no operation of the target `docker`")

    def _prepare(self) -> None:
        make_shared_directories(self._state.directory)
        client, labels = self._engine.client, {PROJECT_LABEL: self._project}
        if not client.networks.list(names=[network_of(self._project)]):
            client.networks.create(network_of(self._project), driver="bridge", labels=labels)

    def _start_ingress(self, ingress: IngressSpec, tell: Tell) -> None:
        self._engine.require_image(ingress.image)
        before = self._engine.container(ingress_name(self._project))
        if before is not None and before.labels.get(DIGEST_LABEL) == ingress.digest:
            before.start()
        else:
            making.remove(before)
            if ingress.certificate:
                self._write_secrets(ingress.image, TLS_FILES, ROOT)
            making.run(self._engine, ingress_settings(self._project, ingress, self._engine.socket))
        end = self._clock.now() + _INGRESS_S
        tell("waiting for Traefik")
        while True:
            container = self._engine.container(ingress_name(self._project))
            is_running = container is not None and container.status == "running"
            if container is not None and is_running and ran_for(container, self._clock.wall()) > 1.0:
                return
            if container is None or container.status in {"exited", "dead", "restarting"}:
                raise FailedPrecondition(f"Traefik has ended: {last_words(container)}")
            if self._clock.now() >= end:
                raise DeadlineExceeded(f"Traefik did not start within {_INGRESS_S:g} s: {last_words(container)}")
            self._pause()

    def _start_replica(self, name: str, spec: ReplicaSpec, timeout_s: float, tell: Tell) -> None:
        end = self._clock.now() + timeout_s
        container = self._engine.container(name)
        if container is not None and container.labels.get(DIGEST_LABEL) != spec.digest:
            raise FailedPrecondition(f"there is a container {name} that was made from something else; remove it")
        since = 0.0
        if container is None:
            self._engine.require_image(spec.image)
            if spec.secrets:
                self._write_secrets(spec.image, (TOKENS,), USER)
            since = self._clock.wall()
            ingress = self._engine.container(ingress_name(self._project))
            tls = ingress is not None and any(SECRETS in str(each) for each in ingress.attrs["Config"]["Cmd"] or ())
            making.run(self._engine, replica_settings(self._project, name, spec, tls))
        elif container.status in {"created", "exited"}:
            container.start()
        self._wait_until_ready(name, since, end, tell)
        tell("entering rotation")
        self._clock.wait(threading.Event(), _ROTATION_S)

    def _wait_until_ready(self, name: str, since: float, end: float, tell: Tell) -> None:
        told_line = ""
        while True:
            container = self._engine.container(name)
            report = next((each for each in self.reports() if each.replica == name and each.started_at >= since), None)
            if container is None:
                raise FailedPrecondition(f"{name} was removed by somebody else")
            if has_ended(container):
                raise FailedPrecondition(f"{name} has ended: {why_ended(container.attrs)}: {last_words(container)}")
            if report is not None and report.problem:
                raise FailedPrecondition(f"{name} cannot serve: {report.problem}")
            state, reason = judged(container.attrs, report, self._clock.wall())
            if state is State.READY:
                return
            if self._clock.now() >= end:
                raise DeadlineExceeded(f"{name} was not ready in time ({reason}); `seaway logs {name}` shows why")
            line = reason or state.value
            if line != told_line:
                told_line = line
                tell(line)
            self._pause()

    def _stop_replica(self, name: str, tell: Tell) -> None:
        container = self._engine.container(name)
        if container is not None:
            tell("draining")
            wait_s = float(container.labels.get(DRAIN_LABEL, 10))
            with suppress(NotFound):
                container.stop(timeout=int(wait_s))
            making.remove(container)
        (self._state.directory / DIRECTORY / f"{name}.json").unlink(missing_ok=True)

    def _clear(self, keeps_records: bool) -> None:
        client = self._engine.client
        for role in (MONITOR, INGRESS, REPLICA):
            for container in self._containers(role):
                making.remove(container)
        for network in client.networks.list(names=[network_of(self._project)]):
            network.remove()
        volumes = [cache_volume(self._project), secrets_volume(self._project), monitor_secrets_volume(self._project)]
        for volume in volumes if keeps_records else [*volumes, monitor_volume(self._project)]:
            making.remove_volume(self._engine, volume)

    # Passing through.

    def logs(self, replica: str, follow: bool, tail: int) -> Iterator[str]:
        """Yield the lines of a container's log."""
        container = self._engine.container(replica)
        if container is None:
            raise FailedPrecondition(f"there is no replica {replica!r}")
        return terminal.log_lines(container, follow, tail)

    def execute(self, replica: str, command: Sequence[str]) -> int:
        """Run a command in a container."""
        container = self._engine.container(replica)
        if container is None:
            raise FailedPrecondition(f"there is no replica {replica!r}")
        with told():
            return terminal.execute(self._engine.client, container, command)

    # What the operations are made of.

    def _write_secrets(self, image: str, names: Sequence[str], owner: int) -> None:
        files = archive({name: secret_file(name, self._secrets) for name in names}, owner, 0o400)
        making.write_secrets(self._engine, self._project, image, secrets_volume(self._project), files)

    def _pause(self) -> None:
        self._clock.wait(threading.Event(), _POLL_S)
