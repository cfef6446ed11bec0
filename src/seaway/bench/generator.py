"""One measurement: a load in, what came of it out. The compiled generator does the work.

A `Measurement` holds the generator's report as typed values, so that nothing else here reads JSON.
"""

from __future__ import annotations

import dataclasses
import json
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from seaway import _core
from seaway.bench.request import Request
from seaway.bench.target import Target
from seaway.errors import from_code

OnProgress = Callable[[float, bool, int, int], None]
"""Told `seconds, measuring, succeeded, failed`; must be quick, the load waits for it."""


@dataclass(frozen=True, slots=True)
class Load:
    """How hard, how long and how steadily a server is asked."""

    in_flight: int = 1
    connections: int = 1
    """gRPC only; over REST each request in flight has a connection of its own."""
    rate: float | None = None
    """Requests a second of an open loop; None for a closed one."""
    poisson: bool = False
    duration_s: float = 10.0
    warm_up_s: float = 1.0
    count: int | None = None
    seed: int = 1
    grace_s: float = 30.0
    deadline_s: float | None = None
    """Within which a request must be answered to count; over gRPC the server is told."""


@dataclass(frozen=True, slots=True)
class Window:
    """What ended in one stretch of the measurement; latencies are None when nothing succeeded."""

    start_s: float
    succeeded: int
    failed: int
    p50_micros: float
    p99_micros: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one load showed."""

    target: str
    seconds: float
    succeeded: int
    failed: int
    unanswered: int
    failures: Mapping[str, int]
    first_failure: str | None
    per_second: float
    latency_micros: Mapping[str, float]
    """mean, p50, p90, p95, p99, p99.9, max; empty when nothing succeeded."""
    latency_curve: Sequence[tuple[float, float]]
    """Pairs of a quantile and its microseconds."""
    window_s: float
    windows: Sequence[Window]
    in_flight: int
    connections: int
    rate: float | None
    request_bytes: int
    rows: int
    """Rows of each request."""
    failure_micros: Mapping[str, Mapping[str, float]]
    """Quantiles of how long failures took, by kind."""
    lag_micros: Mapping[str, float]
    """How late requests were sent: in an open loop, because no place in flight was free or the generator was busy."""
    generator_cpu_s: float
    interrupted: bool
    stage_micros: Mapping[str, float]
    """Mean time of a request in each of the server's stages; empty when the server does not tell."""

    @property
    def rows_per_second(self) -> float:
        """Rows answered a second."""
        return self.per_second * self.rows

    @property
    def generator_micros(self) -> float:
        """Processor time that the generator itself took, per request."""
        ended = self.succeeded + self.failed
        return self.generator_cpu_s * 1e6 / ended if ended else 0.0

    @property
    def generator_share(self) -> float:
        """How much of one processor the generator used: close to 1, it was the limit and not the server."""
        return self.generator_cpu_s / self.seconds if self.seconds else 0.0

    def with_stages(self, stage_micros: Mapping[str, float]) -> Measurement:
        """Return the same with the server's stages."""
        return dataclasses.replace(self, stage_micros=stage_micros)


def measure(target: Target, request: Request, load: Load, allow_remote: bool, on_progress: OnProgress) -> Measurement:
    """Load the target and return what was measured; an interrupt from the keyboard ends it early, with what there is.

    Raises:  Unavailable - it cannot be reached.
    """
    document = json.dumps(load_document(target, request, load, allow_remote))
    with _interrupts() as interrupts:

        def go_on(seconds: float, measuring: bool, succeeded: int, failed: int) -> bool:
            on_progress(seconds, measuring, succeeded, failed)
            return not interrupts

        try:
            report = _core.bench(document, list(request.bodies), go_on)
        except _core.StatusError as err:
            raise from_code(err.code, f"{target} cannot be measured: {err.message}") from err
    return measurement(str(target), json.loads(report), request.rows)


def load_document(target: Target, request: Request, load: Load, allow_remote: bool) -> Mapping[str, Any]:
    """Return the document that tells the compiled generator its load."""
    rest = target.api == "rest"
    connections = load.in_flight if rest else min(load.connections, load.in_flight)
    return {
        "api": target.api,
        "target": target.address,
        "allow_remote": allow_remote,
        "tls": None if target.tls is None else target.tls.document(),
        "path": request.path,
        "connections": connections,
        "streams": 1 if rest else -(-load.in_flight // connections),
        "warm_up_seconds": load.warm_up_s,
        "seconds": load.duration_s,
        "count": load.count,
        "rate": load.rate,
        "poisson": load.poisson,
        "seed": load.seed,
        "grace_seconds": load.grace_s,
        "deadline_seconds": load.deadline_s,
    }


def measurement(target: str, report: Mapping[str, Any], rows: int = 1) -> Measurement:
    """Return the generator's report as a value."""
    timeline = report["timeline"]
    return Measurement(
        target=target,
        seconds=report["seconds"],
        succeeded=report["succeeded"],
        failed=report["failed"],
        unanswered=report["unanswered"],
        failures=report["failures"],
        first_failure=report["first_failure"],
        per_second=report["per_second"],
        latency_micros=report["latency_micros"] or {},
        latency_curve=[(quantile, micros) for quantile, micros in report["latency_curve"]],
        window_s=timeline["window_seconds"],
        windows=[
            Window(entry["start"], entry["succeeded"], entry["failed"], entry["p50"], entry["p99"])
            for entry in timeline["windows"]
        ],
        in_flight=report["in_flight"],
        connections=report["connections"],
        rate=report["rate"],
        request_bytes=report["request_bytes"],
        rows=rows,
        failure_micros=report["failure_latency_micros"],
        lag_micros=report["lag_micros"] or {},
        generator_cpu_s=report["client_processor_seconds"],
        interrupted=report["interrupted"],
        stage_micros={},
    )


@contextmanager
def _interrupts() -> Iterator[Sequence[int]]:
    """Collect interrupts from the keyboard instead of raising them, wherever they would be raised."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen  # only the main thread gets them
        return
    before = signal.signal(signal.SIGINT, lambda number, _frame: seen.append(number))
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)
