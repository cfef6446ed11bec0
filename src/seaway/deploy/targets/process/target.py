"""Looks at a deployment by processes, and does one operation on it at a time.

supervisord and the files beside it are all there is to look at: each replica's file says what it was made from,
supervisord whether it runs, its report whether it serves.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import structs

from seaway.clock import Clock
from seaway.deploy.description.secrets import tokens_file
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
from seaway.deploy.report_files import following, is_fresh, read_reports
from seaway.deploy.state import StateDirectory
from seaway.deploy.target import Tell
from seaway.deploy.targets.process import keeper, orphans, traefik
from seaway.deploy.targets.process.follow_log import log_lines
from seaway.deploy.targets.process.keeper import Keeper, Program, ProgramState
from seaway.deploy.targets.process.layout import INGRESS, Layout
from seaway.deploy.targets.process.monitor import MonitorProgram
from seaway.deploy.targets.process.replica import (
    TOKENS,
    IngressFile,
    ReplicaFile,
    made_from,
    read_ingress,
    read_replica,
    read_replicas,
    write_replica,
    write_whole,
)
from seaway.errors import DeadlineExceeded, FailedPrecondition, Internal
from seaway.fleet.report import DIRECTORY, Report
from seaway.settings.secret import Secret

_POLL_S = 0.1
_INGRESS_S = 20.0
_LEAVE_ROTATION_S = 10.0
_INGRESS_STOP_S = 15.0
_END_S = 5.0
"""Beyond drain and lame duck, for the workers of a server to end."""


class ProcessTarget:
    """Replicas as local processes."""

    def __init__(
        self,
        layout: Layout,
        state: StateDirectory,
        secrets: Mapping[str, Secret],
        clock: Clock,
        monitor: MonitorProgram,
    ) -> None:
        """Touch nothing yet."""
        self._monitor = monitor
        self._layout = layout
        self._state = state
        self._secrets = secrets
        self._clock = clock
        self._keeper = Keeper(layout)

    # Looking.

    def observe(self) -> Observed:
        """Look at supervisord, the files beside it, and the reports."""
        states = self._keeper.states()
        reports = {report.replica: report for report in self.reports()}
        replicas = read_replicas(self._layout)
        return Observed(
            is_prepared=states is not None,
            ingress=self._observed_ingress(states),
            replicas=tuple(self._observed(each, states, reports.get(each.name)) for each in replicas),
            published=published_now(self._state),
            monitor=self._monitor.observed(states),
        )

    def reports(self) -> tuple[Report, ...]:
        """Return the newest report of each replica that is there."""
        names = {replica.name for replica in read_replicas(self._layout)}
        return read_reports(self._layout.state, names)

    def _observed(
        self, replica: ReplicaFile, states: Mapping[str, ProgramState] | None, report: Report | None
    ) -> Replica:
        program = states.get(replica.name) if states is not None else None
        state, reason = judged(replica, states is not None, program, report, self._clock.wall())
        return Replica(
            name=replica.name,
            spec=replica.spec,
            state=state,
            **following(report),
            reason=reason,
            address=replica.address,
            rest_address=f"127.0.0.1:{replica.rest_port}",
        )

    def _observed_ingress(self, states: Mapping[str, ProgramState] | None) -> ObservedIngress | None:
        file = read_ingress(self._layout)
        if file is None:
            return None
        program = (states or {}).get(INGRESS)
        if program is None or not program.is_kept:
            why = "nobody keeps it alive" if program is None else f"it is {program.state.lower()}"
            return ObservedIngress(file.ingress.digest, is_running=False, reason=why)
        return ObservedIngress(file.ingress.digest)

    # Doing.

    def apply(self, operation: AnyOperation, tell: Tell) -> None:
        """Do one operation and return when it has happened."""
        match operation:
            case Prepare():
                self._prepare()
            case Publish():
                publish(self._state, self.reports, operation, self._clock, tell)
            case StartIngress(ingress):
                self._start_ingress(ingress, tell)
            case StopIngress():
                self._stop_ingress()
            case StartReplica(name, spec, timeout_s):
                self._start_replica(name, spec, timeout_s, tell)
            case StopReplica(name):
                self._stop_replica(name, tell)
            case StartMonitor(monitor, _, timeout_s):
                self._monitor.start(monitor, timeout_s, tell)
            case StopMonitor():
                self._monitor.stop()
            case Clear():
                self._clear()
            case _:
                raise Internal(f"{type(operation).__name__} is no operation of the target `process`")

    def _prepare(self) -> None:
        traefik.program()
        self._layout.make()
        reports = self._layout.state / DIRECTORY
        reports.mkdir(parents=True, exist_ok=True)
        if self._keeper.process() is not None:
            return
        # What an earlier supervisord kept must not be started beside what is left of it.
        for file in self._layout.programs.glob("*.conf"):
            file.unlink()
        keeper.start(self._layout)
        self._wait_until(lambda: self._keeper.states() is not None, _INGRESS_S, "supervisord answers")

    def _start_ingress(self, ingress: IngressSpec, tell: Tell) -> None:
        before = read_ingress(self._layout)
        states = self._keeper.states() or {}
        if INGRESS not in states:
            orphans.end(orphans.of_ingress(self._layout), _INGRESS_STOP_S)
        api_port = before.api_port if before is not None and INGRESS in states else free_port()
        file = IngressFile(ingress, api_port)
        _write_if_other(self._layout.traefik, traefik.static_settings(ingress, api_port, self._layout.rotation.parent))
        if before is not None and before.ingress != ingress:
            self._keeper.remove(INGRESS)
        _check_ports(ingress, taken_by_us=INGRESS in (self._keeper.states() or {}))
        write_whole(self._layout.ingress, msgspec.json.encode(file))
        self._write_rotation()
        command = (traefik.program(), f"--configFile={self._layout.traefik}")
        self._keeper.add(Program(INGRESS, command, self._layout.log(INGRESS), _INGRESS_STOP_S))
        tell("waiting for Traefik")
        self._wait_until(lambda: traefik.states(api_port) is not None, _INGRESS_S, "Traefik answers", INGRESS)

    def _stop_ingress(self) -> None:
        if self._keeper.states() is not None:
            self._keeper.remove(INGRESS)
        orphans.end(orphans.of_ingress(self._layout), _INGRESS_STOP_S)
        self._layout.ingress.unlink(missing_ok=True)

    def _start_replica(self, name: str, spec: ReplicaSpec, timeout_s: float, tell: Tell) -> None:
        end = self._clock.now() + timeout_s
        has_tokens = self._write_tokens()
        replica = read_replica(self._layout, name)
        if replica is None or replica.spec != spec.digest:
            ports = free_port(), free_port()
            replica = made_from(name, spec, ports, self._layout, has_tokens)
            if spec.cpu or spec.memory_bytes:
                tell("cpu and memory are not limited for processes; targets with containers limit them")
        begun = self._clock.wall()
        file = write_replica(self._layout, replica)
        start = (replica.command[0], "-m", "seaway.deploy.targets.process.start", str(file))
        stop_wait_s = _stop_wait_s(replica)
        fresh = name not in (self._keeper.states() or {})
        self._keeper.add(Program(name, start, self._layout.log(name), stop_wait_s))
        self._wait_until_ready(replica, begun if fresh else 0.0, end, tell)
        self._enter_rotation(replica, end)

    def _wait_until_ready(self, replica: ReplicaFile, since: float, end: float, tell: Tell) -> None:
        told = ""
        while True:
            report = next((each for each in self.reports() if each.replica == replica.name), None)
            program = (self._keeper.states() or {}).get(replica.name)
            if (
                report is not None
                and report.started_at >= since
                and report.ready
                and is_fresh(report, self._clock.wall())
            ):
                return
            if program is None or not program.is_kept or program.state == "BACKOFF":
                raise FailedPrecondition(f"{replica.name} has ended: {self._last_words(replica.name)}")
            if report is not None and report.started_at >= since and report.problem:
                raise FailedPrecondition(f"{replica.name} cannot serve: {report.problem}")
            if self._clock.now() >= end:
                raise DeadlineExceeded(
                    f"{replica.name} was not ready in time; `seaway logs {replica.name}` shows why, "
                    "`server.start_timeout_s` allows more"
                )
            line = _progress(report if report is not None and report.started_at >= since else None)
            if line != told:
                told = line
                tell(line)
            self._pause()

    def _enter_rotation(self, replica: ReplicaFile, end: float) -> None:
        write_replica(self._layout, structs.replace(replica, is_in_rotation=True))
        self._write_rotation()
        ingress = read_ingress(self._layout)
        if ingress is None:
            return
        urls = {traefik.grpc_url(replica), traefik.rest_url(replica)}

        def is_up() -> bool:
            found = traefik.states(ingress.api_port) or {}
            return all(found.get(url) == "UP" for url in urls)

        self._wait_until(is_up, max(_LEAVE_ROTATION_S, end - self._clock.now()), f"Traefik finds {replica.name}")

    def _stop_replica(self, name: str, tell: Tell) -> None:
        replica = read_replica(self._layout, name)
        if replica is None:
            return
        states = self._keeper.states()
        is_kept = states is not None and name in states and states[name].is_kept
        if replica.is_in_rotation:
            write_replica(self._layout, structs.replace(replica, is_in_rotation=False))
            self._write_rotation()
            self._wait_until_left(replica)
        if is_kept:
            tell("draining")
        if states is not None and name in states:
            self._keeper.remove(name)
        orphans.end(orphans.of_replica(self._layout, name), _stop_wait_s(replica))
        (self._layout.replicas / f"{name}.json").unlink(missing_ok=True)
        (self._layout.state / DIRECTORY / f"{name}.json").unlink(missing_ok=True)

    def _wait_until_left(self, replica: ReplicaFile) -> None:
        """Wait until Traefik sends a replica nothing new; one that is gone anyway need not be waited for."""
        ingress = read_ingress(self._layout)
        if ingress is None:
            return
        urls = {traefik.grpc_url(replica), traefik.rest_url(replica)}
        with suppress(DeadlineExceeded):
            self._wait_until(
                lambda: not urls & set(traefik.states(ingress.api_port) or {}), _LEAVE_ROTATION_S, "it has left"
            )

    def _clear(self) -> None:
        process = self._keeper.process()
        self._keeper.shut_down()
        if process is not None:
            orphans.end([process], _INGRESS_STOP_S)
        left = (*orphans.of_monitor(self._layout), *orphans.of_ingress(self._layout))
        orphans.end([*left, *orphans.of_replica(self._layout, "")], _END_S)
        self._layout.socket.unlink(missing_ok=True)
        with suppress(OSError):
            self._layout.socket.parent.rmdir()
        shutil.rmtree(self._layout.root, ignore_errors=True)

    # Passing through.

    def logs(self, replica: str, follow: bool, tail: int) -> Iterator[str]:
        """Yield the lines of a replica's log."""
        return log_lines(self._layout.log(replica), follow, tail, self._clock)

    def execute(self, replica: str, command: Sequence[str]) -> int:
        """Run a command with the environment of a replica."""
        found = read_replica(self._layout, replica)
        if found is None:
            raise FailedPrecondition(f"there is no replica {replica!r}")
        assigned = [f"{name}={value}" for name, value in found.environment.items()]
        return subprocess.run(["/usr/bin/env", *assigned, *command], check=False).returncode

    # What the operations are made of.

    def _write_rotation(self) -> None:
        ingress = read_ingress(self._layout)
        spec = ingress.ingress if ingress is not None else None
        certificates = (spec.certificate, spec.key) if spec is not None and spec.certificate else None
        listed = [replica for replica in read_replicas(self._layout) if replica.is_in_rotation]
        _write_if_other(self._layout.rotation, traefik.rotation_settings(listed, certificates))

    def _write_tokens(self) -> bool:
        """Write the file of tokens; return whether there are any."""
        tokens = tokens_file(self._secrets)
        if tokens:
            write_whole(self._layout.secrets / TOKENS, tokens)
        return bool(tokens)

    def _wait_until(self, holds: Callable[[], bool], limit_s: float, what: str, program: str = "") -> None:
        end = self._clock.now() + limit_s
        while not holds():
            state = (self._keeper.states() or {}).get(program)
            if state is not None and not state.is_kept:
                raise FailedPrecondition(f"{program} has ended: {self._last_words(program)}")
            if self._clock.now() >= end:
                words = f"; its log ends: {self._last_words(program)}" if program else ""
                raise DeadlineExceeded(f"not within {limit_s:.0f} s: {what}{words}")
            self._pause()

    def _last_words(self, name: str) -> str:
        lines = [line for line in log_lines(self._layout.log(name), False, 5, self._clock) if line.strip()]
        return " | ".join(lines[-3:]) or "it has written nothing"

    def _pause(self) -> None:
        self._clock.wait(threading.Event(), _POLL_S)


def judged(
    replica: ReplicaFile, is_kept_alive: bool, program: ProgramState | None, report: Report | None, now: float
) -> tuple[State, str]:
    """Return the state of a replica and why it is not ready. Pure."""
    if not is_kept_alive or program is None:
        return State.LOST, "nobody keeps it alive"
    if not program.is_kept:
        return State.LOST, f"it has ended for good ({program.state.lower()})"
    if program.state == "BACKOFF":
        return State.UNREADY, "it ends again and again"
    if report is None or not is_fresh(report, now):
        return (State.UNREADY, "it does not report") if replica.is_in_rotation else (State.STARTING, "it is starting")
    if not report.ready:
        return (State.UNREADY, report.problem or "it is not ready") if replica.is_in_rotation else (State.STARTING, "")
    return (State.READY, "") if replica.is_in_rotation else (State.STARTING, "it gets no requests yet")


def free_port() -> int:
    """Return a port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _check_ports(ingress: IngressSpec, taken_by_us: bool) -> None:
    """Say in words that a port is taken, which Traefik would only log."""
    if taken_by_us:
        return
    family = socket.AF_INET6 if ":" in ingress.address else socket.AF_INET
    for key, port in (("grpc", ingress.grpc_port), ("rest", ingress.rest_port)):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ingress.address, port))
            except OSError as err:
                raise FailedPrecondition(
                    f"port {port} on {ingress.address} cannot be opened: {err.strerror}; end what listens there, or "
                    f"set `server.ports.{key}` to another one"
                ) from err


def _progress(report: Report | None) -> str:
    if report is None:
        return "waiting for its server to start"
    loading = [f"{model} {version.version}" for model, version in report.loading()]
    return f"loading {', '.join(loading)}" if loading else "waiting until it is ready"


def _stop_wait_s(replica: ReplicaFile) -> float:
    return replica.drain_timeout_s + float(replica.environment.get("SEAWAY_LAME_DUCK_S", 0)) + 2 * _END_S


def _write_if_other(file: Path, text: str) -> None:
    content = text.encode()
    if not file.exists() or file.read_bytes() != content:
        write_whole(file, content)
