"""How many requests a second, and how long each takes, beside the engine called in its own process.

For every model: gRPC and REST, one request in flight and many. The engine's numbers come from the same run on the same
machine, so that the ratio between both means something even where neither number does. The processor time that plane
and workers took for a request is shown too: it does not suffer from what else the machine was doing.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import load, processes, table
from bench.load import Load, Report
from bench.models import HALF_PLUS_TWO, MNIST_CNN, Store, Subject, saved_model
from seaway.engines import tensorflow
from seaway.settings.cores import usable_cores
from seaway.settings.engine import Engine
from seaway.settings.session_config import session_config
from tests.server import Server, config_text

SUBJECTS = (HALF_PLUS_TWO, MNIST_CNN)
ENGINE_SECONDS = 2.0
ENGINE_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Shape:
    """How many requests are in flight, over which API and how many connections."""

    api: str
    connections: int
    streams: int

    def load(self, server: Server, subject: Subject) -> Load:
        """This shape of load on a server."""
        if self.api == "grpc":
            return Load("grpc", server.grpc_address, subject, "", self.connections, self.streams)
        return Load("rest", server.rest_address, subject, "", self.connections)


SHAPES = (
    Shape("grpc", 1, 1),
    Shape("grpc", 1, 64),
    Shape("grpc", 4, 16),
    Shape("rest", 1, 1),
    Shape("rest", 16, 1),
    Shape("rest", 64, 1),
)
COLUMNS = ("", "in flight", "rate", "of engine", "p50", "p99", "failed", "CPU plane", "CPU worker")


def measure(directory: Path, console: Console, flags: Sequence[str]) -> dict[str, Any]:
    """Measure, print a table for each model, and return everything."""
    engines = {subject.name: _engine(subject) for subject in SUBJECTS}
    store = Store(directory / "store")
    for subject in SUBJECTS:
        store.add(subject.name, subject, 1)
    config = directory / "config.cfg"
    config.write_text(config_text({subject.name: store.base_path(subject.name) for subject in SUBJECTS}))
    results: dict[str, Any] = {}
    server = Server(directory, "serve", f"--config={config}", *flags)
    try:
        server.wait_ready()
        for subject in SUBJECTS:
            cells = [_cell(server, subject, shape) for shape in SHAPES]
            results[subject.name] = {"engine": engines[subject.name], "server": cells}
            table.show(console, f"Throughput: {subject.name}", COLUMNS, _rows(engines[subject.name], cells))
    finally:
        server.clean_up()
    return results


def _engine(subject: Subject) -> Report:
    config = base64.b64encode(session_config(Engine(), usable_cores())).decode()
    arguments = {
        "library": tensorflow.find().library,
        "model": saved_model(subject),
        "input": subject.input,
        "threads": "1,2",
        "seconds": ENGINE_SECONDS,
        "session-config": config,
    }
    return load.run_engine([f"--{name}={value}" for name, value in arguments.items()], ENGINE_LIMIT_S)


def _cell(server: Server, subject: Subject, shape: Shape) -> dict[str, Any]:
    before = _processor_seconds(server)
    report = load.run(shape.load(server, subject))
    used = {role: now - before.get(role, 0.0) for role, now in _processor_seconds(server).items()}
    # The warm-up's requests took processor time too, at the same rate.
    seconds_of_load = report["seconds"] + report["warm_up_seconds"]
    requests = max(1.0, report["per_second"] * seconds_of_load)
    return {**report, **{f"{role}_cpu_micros": 1e6 * spent / requests for role, spent in used.items()}}


def _processor_seconds(server: Server) -> dict[str, float]:
    family = processes.members(server.process.pid, {})
    plane = [member for member in family if member.pid == server.process.pid]
    rest = [member for member in family if member.pid != server.process.pid]
    return {"plane": processes.total(plane).cpu_seconds, "worker": processes.total(rest).cpu_seconds}


def _rows(engine: Report, cells: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    limits = {result["threads"]: result for result in engine["results"]}
    best = max(result["per_second"] for result in limits.values())
    for threads, result in limits.items():
        took = result["latency_micros"]
        cpu = 1e6 * result["processor_seconds"] / max(1, result["calls"])
        yield (
            "engine by itself",
            f"{threads}",
            table.per_second(result["per_second"]),
            "",
            *(table.micros(took[quantile]) for quantile in ("p50", "p99")),
            "",
            "",
            table.micros(cpu),
        )
    for cell in cells:
        took = cell["latency_micros"]
        limit = limits[1]["per_second"] if cell["in_flight"] == 1 else best
        spread = f" on {cell['connections']}" if cell["api"] == "grpc" and cell["in_flight"] > 1 else ""
        yield (
            f"{cell['api']}{spread}",
            f"{cell['in_flight']}",
            table.per_second(cell["per_second"]),
            f"{cell['per_second'] / limit:.0%}",
            *(table.micros(took[quantile]) for quantile in ("p50", "p99")),
            f"{cell['failed']}",
            table.micros(cell["plane_cpu_micros"]),
            table.micros(cell["worker_cpu_micros"]),
        )
