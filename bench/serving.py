"""Rows measured on a running server: one server for all of them, the rounds one after another.

A round measures every row once. So a moment in which the machine does something else spoils one of a row's figures
and not all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import load, machine, processes
from bench.load import Load, Report
from bench.models import Store, Subject, as_named
from bench.rows import Row
from tests.support.eventually import eventually
from tests.support.server import Server, config_text

Told = Callable[[str], None]
"""Told what is measured next."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to run the server."""

    name: str
    flags: tuple[str, ...]
    synchronous: bool = False


AUTO = "auto"
DECIDED_S = 600.0
"""The longest that trials of engines are waited for."""


def variant(engine: str) -> Variant:
    """The server with an engine; what `auto` decided in an earlier run is remembered beside the models."""
    if engine != AUTO:
        return Variant(engine, (f"--engine={engine}",))
    cache = machine.CHECKOUT / ".cache" / "engines"
    return Variant(
        AUTO, ("--engine=auto", "--engine-trials", "--engine-trials-delay-s=0", f"--engine-cache-directory={cache}")
    )


SYNCHRONOUS = Variant("synchronous", ("--engine=tensorflow", "--no-batching"), synchronous=True)


@contextmanager
def serving(directory: Path, subjects: Sequence[Subject], flags: Sequence[str]) -> Iterator[Server]:
    """A server with these models, ready; ended afterwards."""
    store = Store(directory / "store")
    for subject in subjects:
        store.add(subject.name, subject, 1)
    config = directory / "config.cfg"
    config.write_text(config_text({subject.name: store.base_path(subject.name) for subject in subjects}))
    server = Server(directory, "serve", f"--config={config}", "--settle-seconds=0", *flags)
    try:
        yield server.wait_ready()
    finally:
        server.clean_up()


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds for every row."""

    flags: Sequence[str]
    """For every server."""
    rounds: int
    told: Told


def measure(directory: Path, rows: Sequence[Row], how: Variant, conditions: Conditions) -> dict[str, list[Report]]:
    """Measure rows on one server and return the reports of each by its name; none of a row that failed."""
    subjects = list({row.subject.name: row.subject for row in rows}.values())
    reports: dict[str, list[Report]] = {row.name: [] for row in rows}
    with serving(directory, subjects, [*how.flags, *conditions.flags]) as server:
        engines = _settled(server, subjects, conditions.told) if how.name == AUTO else {}
        loads = {row.name: load_of(row, server) for row in rows}
        for number in range(1, conditions.rounds + 1):
            for row in rows:
                conditions.told(f"{how.name}, round {number} of {conditions.rounds}: {row.title}")
                try:
                    report = _measured(server, loads[row.name])
                    engine = engines.get(row.subject.name, how.name)
                    reports[row.name].append({**report, "engine": engine})
                except load.LoadFailed as failed:  # an engine may not serve every model: the others still count
                    conditions.told(f"{row.title}: {failed}")
    return reports


def _settled(server: Server, subjects: Sequence[Subject], told: Told) -> Mapping[str, str]:
    """Wait until an engine has been decided on for every model, and return which."""
    engines = {}
    for subject in subjects:
        told(f"auto: waiting for the decision about {subject.name}")
        version = eventually(
            lambda name=subject.name: next(iter(server.listing()[name].values())),
            lambda found: found.get("engine_choice", {}).get("state") in {"decided", "remembered"},
            f"the engine of {subject.name} is decided on",
            DECIDED_S,
        )
        engines[subject.name] = version["engine"]
        told(f"auto: {subject.name} is served on {version['engine']}: {version['engine_choice']['why']}")
    return engines


def load_of(row: Row, server: Server) -> Load:
    """The load that a row describes, on a server."""
    subject = as_named(server, row.subject).of_rows(row.rows)
    address = server.grpc_address if row.api == "grpc" else server.rest_address
    streams = row.in_flight // row.connections
    return Load(row.api, address, subject, "", row.connections, streams, seconds=row.seconds)


def processor_seconds(server: Server) -> Mapping[str, float]:
    """What the plane and the workers have taken from the processors so far."""
    family = processes.members(server.process.pid, {})
    plane = [member for member in family if member.pid == server.process.pid]
    rest = [member for member in family if member.pid != server.process.pid]
    return {"plane": processes.total(plane).cpu_seconds, "worker": processes.total(rest).cpu_seconds}


def _measured(server: Server, asked: Load) -> dict[str, Any]:
    before = processor_seconds(server)
    report = load.run(asked)
    used = {role: now - before.get(role, 0.0) for role, now in processor_seconds(server).items()}
    # The warm-up's requests took processor time too, at the same rate.
    requests = max(1.0, report["per_second"] * (report["seconds"] + report["warm_up_seconds"]))
    own = report["client_processor_seconds"] / max(1, report["succeeded"] + report["failed"])
    micros = {f"{role}_cpu_micros": 1e6 * spent / requests for role, spent in used.items()}
    return {**report, **micros, "generator_cpu_micros": 1e6 * own}
