"""Three times what a server can do: what it still answers in time, how soon it refuses the rest, and its memory.

The peak is measured in a closed loop, before and after; in between requests fall due at three times its rate,
independently of each other, each with a deadline that the server is told. An answer counts only if it comes before
the deadline, counted from the moment the request was due.

The load generator has a processor core of its own and the server the others, in both measurements: on the same core,
three times the requests would take from the server what the generator needs for them, and the server would be charged
for it. What remains is the server's own cost of taking in and refusing a request. With `r` for that and `s` for the
cost of an answer, three times the load leaves (1 - 3r/s) / (1 - r/s) of the peak: nine tenths need requests that cost
twenty times as much to answer as to refuse. So this is measured with models that do some work; a model as small as
half_plus_two costs hardly more to answer than to refuse.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import load
from bench.load import Load, Report
from bench.models import LARGE, MNIST_CNN, RESNET50, Subject, as_named
from bench.serving import Told, Variant, serving
from tests.support.server import Server

FACTOR = 3.0
CONNECTIONS, STREAMS = 8, 400
_SAMPLE_S = 0.25
# Canonical code of RESOURCE_EXHAUSTED, as the generator counts it.
REFUSED = "grpc 8"


@dataclass(frozen=True, slots=True)
class Case:
    """One overload."""

    name: str
    title: str
    subject: Subject
    in_flight: int
    """Of the closed loop that finds the peak."""
    deadline_s: float
    rows: int = 1
    seconds: float = 5.0
    judged: bool = True


CASES = (
    Case("overload_mobilenet", "MobileNetV2", LARGE, 8, 1.0, seconds=8.0),
    Case("overload_resnet50", "ResNet50", RESNET50, 4, 2.0, seconds=10.0),
    # A request of 100 kB that is answered in under a millisecond: the cost of refusing shows.
    Case("overload_cnn_32", "MNIST CNN, requests of 32 rows", MNIST_CNN, 16, 0.25, rows=32, seconds=4.0, judged=False),
)


@dataclass(frozen=True, slots=True)
class Overload:
    """What came of one case."""

    peaks: Sequence[Report]
    """Before and after: a machine drifts."""
    over: Report
    deadline_s: float
    memory_bytes: Sequence[int]
    """Of all processes of the server: before, then while it was overloaded, then after."""

    @property
    def peak_rate(self) -> float:
        """Answers a second of the closed loops."""
        return sum(float(peak["per_second"]) for peak in self.peaks) / len(self.peaks)

    @property
    def goodput(self) -> float:
        """Answers in time, as a share of the peak."""
        return float(self.over["per_second"] / self.peak_rate)

    @property
    def refusal_micros(self) -> dict[str, float] | None:
        """Quantiles of the time until a refusal, from the moment the request was due; None when nothing was refused."""
        found: dict[str, float] | None = self.over["failure_latency_micros"].get(REFUSED)
        return found

    @property
    def unsent_share(self) -> float:
        """How much the generator could not send in time: then it was overloaded itself."""
        ended = self.over["succeeded"] + self.over["failed"]
        return float(self.over["failures"].get("not sent", 0) / max(1, ended))


def measure(directory: Path, case: Case, how: Variant, flags: Sequence[str], told: Told) -> Overload:
    """Find the peak, overload, and return both.

    Raises: LoadFailed - not one request succeeded.
    """
    servers, generators = _cores()
    with _on_cores(servers), serving(directory, [case.subject], [*how.flags, *flags]) as server, _on_cores(generators):
        subject = as_named(server, case.subject).of_rows(case.rows)
        peak_load = Load("grpc", server.grpc_address, subject, streams=case.in_flight, seconds=case.seconds / 2)
        told(f"{how.name}: peak of {case.title}")
        peak = load.run(peak_load)
        overload = Load(
            *("grpc", server.grpc_address, subject),
            connections=CONNECTIONS,
            streams=STREAMS,
            seconds=case.seconds,
            rate=FACTOR * peak["per_second"],
            poisson=True,
            deadline=case.deadline_s,
        )
        told(f"{how.name}: {case.title} at {overload.rate:,.0f} a second")
        with _Memory(server) as memory:
            over = load.run(overload)
        return Overload([peak, load.run(peak_load)], over, case.deadline_s, memory.samples)


class _Memory:
    """Resident memory of a server's processes, sampled while the block runs."""

    def __init__(self, server: Server) -> None:
        self.samples: list[int] = []
        root = psutil.Process(server.process.pid)
        self._processes = [root, *root.children(recursive=True)]
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> _Memory:
        self.samples.append(self._now())
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._sampler.join()
        self.samples.append(self._now())

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            self.samples.append(self._now())

    def _now(self) -> int:
        return sum(process.memory_info().rss for process in self._processes)


def _cores() -> tuple[set[int], set[int]]:
    """Which cores the server gets, and which the generator: on a single core both share it."""
    usable = sorted(os.sched_getaffinity(0))
    return (set(usable[:-1]) or set(usable), {usable[-1]})


@contextmanager
def _on_cores(cores: set[int]) -> Iterator[None]:
    """Processes that are started meanwhile run on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
