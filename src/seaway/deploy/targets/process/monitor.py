"""The monitor of a deployment by processes: one more program that supervisord keeps alive.

It reads the same description as the deployer, by the same options, so it knows the replicas, their promises and the
history by itself, and can act on them. Of the deployer's environment it gets the variables that the description
names. What it keeps lies in the state, so that a monitor which takes its place goes on with it.
"""

from __future__ import annotations

import http.client
import socket
import sys
import threading
from collections.abc import Mapping

import msgspec

from seaway.clock import Clock
from seaway.deploy.description.secrets import line
from seaway.deploy.desired import MonitorSpec
from seaway.deploy.monitor_options import monitor_options
from seaway.deploy.observed import ObservedMonitor
from seaway.deploy.state import MONITOR
from seaway.deploy.target import Tell
from seaway.deploy.targets.process import orphans
from seaway.deploy.targets.process.follow_log import log_lines
from seaway.deploy.targets.process.keeper import Keeper, Program, ProgramState
from seaway.deploy.targets.process.layout import Layout
from seaway.deploy.targets.process.replica import write_whole
from seaway.errors import DeadlineExceeded, FailedPrecondition
from seaway.fleet.data import Data
from seaway.settings.secret import Secret

_STOP_S = 10.0
_ASK_S = 2.0
_POLL_S = 0.2
_OK = 200
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class MonitorFile(Data, frozen=True):
    """What the monitor was made from, and how it is started."""

    spec: MonitorSpec
    command: tuple[str, ...]
    environment: dict[str, str]


class MonitorProgram:
    """The monitor of one deployment."""

    def __init__(
        self, layout: Layout, keeper: Keeper, secrets: Mapping[str, Secret], variables: Mapping[str, str], clock: Clock
    ) -> None:
        """Touch nothing yet. `variables` are those that the description names."""
        self._layout = layout
        self._keeper = keeper
        self._secrets = secrets
        self._variables = variables
        self._clock = clock

    def observed(self, states: Mapping[str, ProgramState] | None) -> ObservedMonitor | None:
        """Return what there is, given what supervisord says of its programs."""
        file = self._read()
        return None if file is None else judged(file.spec, (states or {}).get(MONITOR))

    def start(self, spec: MonitorSpec, timeout_s: float, tell: Tell) -> None:
        """Run a monitor in place of one that is there, and wait until it answers.

        Raises:  FailedPrecondition - it ends, or its port is taken; DeadlineExceeded - it does not answer in time.
        """
        self.stop()
        require_free(spec)
        for name, content in secret_files(self._secrets).items():
            write_whole(self._layout.secrets / name, content)
        file = MonitorFile(spec, command(spec, self._layout), dict(self._variables))
        write_whole(self._layout.monitor, msgspec.json.encode(file))
        start = (sys.executable, "-m", "seaway.deploy.targets.process.start", str(self._layout.monitor))
        self._keeper.add(Program(MONITOR, start, self._layout.log(MONITOR), _STOP_S))
        tell("waiting until it answers")
        self._wait_until_it_answers(spec, timeout_s)

    def stop(self) -> None:
        """End it; nothing happens when there is none."""
        if self._keeper.states() is not None:
            self._keeper.remove(MONITOR)
        orphans.end(orphans.of_monitor(self._layout), _STOP_S)
        self._layout.monitor.unlink(missing_ok=True)
        for file in self._layout.secrets.glob(f"{MONITOR}-*"):
            file.unlink(missing_ok=True)

    def _wait_until_it_answers(self, spec: MonitorSpec, timeout_s: float) -> None:
        end = self._clock.now() + timeout_s
        while not answers(spec):
            program = (self._keeper.states() or {}).get(MONITOR)
            if program is None or not program.is_kept or program.state == "BACKOFF":
                raise FailedPrecondition(f"it has ended: {self._last_words()}")
            if self._clock.now() >= end:
                raise DeadlineExceeded(f"it did not answer within {timeout_s:g} s; its log ends: {self._last_words()}")
            self._clock.wait(threading.Event(), _POLL_S)

    def _last_words(self) -> str:
        lines = [each for each in log_lines(self._layout.log(MONITOR), False, 5, self._clock) if each.strip()]
        return " | ".join(lines[-3:]) or "it has written nothing"

    def _read(self) -> MonitorFile | None:
        try:
            return msgspec.json.decode(self._layout.monitor.read_bytes(), type=MonitorFile)
        except (FileNotFoundError, NotADirectoryError):
            return None


def command(spec: MonitorSpec, layout: Layout) -> tuple[str, ...]:
    """Return the command of a monitor. Pure."""
    options = monitor_options(spec, spec.place, str(layout.monitor_records), str(layout.secrets))
    return (sys.executable, "-m", "seaway", "monitor", *spec.arguments, *options)


def secret_files(secrets: Mapping[str, Secret]) -> dict[str, bytes]:
    """Return the contents of the files that a monitor is given, by name."""
    return {name: line(secret) for name, secret in sorted(secrets.items()) if name.startswith(f"{MONITOR}-")}


def judged(spec: MonitorSpec, program: ProgramState | None) -> ObservedMonitor:
    """Return what is to be said of a monitor. Pure."""
    why = ""
    if program is None:
        why = "nobody keeps it alive"
    elif not program.is_kept:
        why = f"it has ended for good ({program.state.lower()})"
    elif program.state == "BACKOFF":
        why = "it ends again and again"
    return ObservedMonitor(spec.digest, not why, why, spec.place)


def answers(spec: MonitorSpec) -> bool:
    """Tell whether a monitor answers at its address."""
    connection = http.client.HTTPConnection(_EVERYWHERE.get(spec.address, spec.address), spec.port, timeout=_ASK_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == _OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def require_free(spec: MonitorSpec) -> None:
    """Say in words that a port is taken; what answers there would be another's monitor.

    Raises:  FailedPrecondition - something listens there, or nobody may.
    """
    family = socket.AF_INET6 if ":" in spec.address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((spec.address, spec.port))
        except OSError as err:
            raise FailedPrecondition(
                f"port {spec.port} on {spec.address} cannot be opened: {err.strerror}; end what listens there, or set "
                "`monitor.port` to another one"
            ) from err
