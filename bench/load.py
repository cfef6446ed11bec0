"""`seaway-bench` as a command: one load in, its JSON report out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.models import Subject

_TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or Path(__file__).parents[1] / "target")
PROGRAM = _TARGET / "release" / "seaway-bench"
# Beyond the load itself: its warm-up, and answers that are waited for.
SPARE_S = 60.0

Report = Mapping[str, Any]


class LoadFailed(Exception):
    """The load generator gave no report; carries its words."""


@dataclass(frozen=True, slots=True)
class Load:
    """How one server is asked."""

    api: Literal["grpc", "rest"]
    target: str
    subject: Subject
    model: str = ""  # the subject's name
    connections: int = 1
    streams: int = 1  # per connection, gRPC only
    seconds: float = 3.0
    warm_up: float = 0.5
    rate: float | None = None
    poisson: bool = False
    deadline: float | None = None
    """Seconds within which an answer counts."""

    @property
    def in_flight(self) -> int:
        """Requests that wait for their answers at the same time."""
        return self.connections * self.streams

    def arguments(self) -> list[str]:
        """The command's arguments."""
        named: dict[str, object] = {
            "model": self.model or self.subject.name,
            "input": self.subject.input,
            "connections": self.connections,
            "seconds": self.seconds,
            "warm-up": self.warm_up,
        }
        if self.api == "grpc":
            named["streams"] = self.streams
        if self.rate is not None:
            named["rate"] = self.rate
        if self.deadline is not None:
            named["deadline"] = self.deadline
        switches = ["--poisson"] if self.poisson else []
        return [self.api, self.target, *(f"--{name}={value}" for name, value in named.items()), *switches]


def run(load: Load) -> Report:
    """Load the server and return the report.

    Raises: LoadFailed - not one request succeeded, or the program could not run.
    """
    with Running(load) as running:
        return running.finish(load.seconds + SPARE_S)


def run_engine(arguments: list[str], limit_s: float) -> Report:
    """Measure the engine by itself and return the report.

    Raises: LoadFailed - it could not load or run the model.
    """
    return run_program([str(PROGRAM), "engine", *arguments], limit_s)


def run_program(command: list[str], limit_s: float) -> Report:
    """Run any program that prints a report.

    Raises: LoadFailed - it failed; carries what it wrote last.
    """
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    return _report(done.returncode, done.stdout, done.stderr)


class Running:
    """A load in the background, so that something else can be done to the server meanwhile."""

    def __init__(self, load: Load) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [PROGRAM, *load.arguments()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Running:
        """Give the running load."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it, if an error came in between."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def wait_measuring(self) -> None:
        """Wait until the warm-up is over.

        Raises: LoadFailed - it ended before.
        """
        assert self._process.stderr is not None  # it is a pipe
        if self._process.stderr.readline() != "measuring\n":
            raise LoadFailed(f"the load ended early: {self._process.communicate()[1]}")

    def stop(self) -> Report:
        """End the load now and return the report of what was measured.

        Raises: LoadFailed - not one request succeeded.
        """
        self._process.send_signal(signal.SIGINT)
        return self.finish(SPARE_S)

    def finish(self, limit_s: float) -> Report:
        """Wait for the load's end and return the report.

        Raises: LoadFailed - not one request succeeded, or it did not end in time.
        """
        try:
            out, err = self._process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired as late:
            raise LoadFailed(f"the load did not end within {limit_s:g} s") from late
        return _report(self._process.returncode, out, err)


def _report(status: int, out: str, err: str) -> Report:
    if status != 0:
        raise LoadFailed(err.strip()[-2000:])
    report: Report = json.loads(out)
    return report
