"""A store that is described by what each server does in an interval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seaway.monitor.collect.host import gauge
from seaway.monitor.point import Kind, Point, Sample, Series
from seaway.monitor.store.store import Store
from seaway.monitor.target import TargetStatus

BEGIN = 1_700_000_000_000
INTERVAL = 2_000
WINDOW = 5 * INTERVAL
BOUNDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032)


def at(look: int) -> int:
    return BEGIN + look * INTERVAL


def counter(name: str, look: int, value: float, **labels: str) -> Sample:
    return Sample(Series(name, tuple(sorted(labels.items())), Kind.COUNTER), Point(at(look), value))


def histogram(
    name: str, look: int, buckets: Sequence[float], total: float, bounds: tuple[float, ...], **labels: str
) -> Sample:
    series = Series(name, tuple(sorted(labels.items())), Kind.HISTOGRAM, bounds)
    return Sample(series, Point(at(look), total, sum(buckets), buckets=buckets))


def value(name: str, look: int, number: float, **labels: str) -> Sample:
    return gauge(name, number, at(look), tuple(sorted(labels.items())))


def is_up(instance: str, look: int, up: bool = True) -> Sample:
    return value("up", look, float(up), instance=instance, job="seaway")


def status(instance: str, problem: str = "") -> TargetStatus:
    return TargetStatus(instance, f"http://{instance}/m", not problem, problem, at(3) / 1000, 0.004, 100)


def replica(  # a description
    instance: str,
    look: int,
    bucket: int,
    model: str = "m",
    version: str = "7",
    signature: str = "s",
    requests: int = 100,
) -> list[Sample]:
    """One interval of a server: its latencies are in one bucket, of every hundred requests ten fail."""
    who = {"model": model, "version": "7", "instance": instance}
    signed = {**who, "signature": signature}
    counts = [0.0] * (len(BOUNDS) + 1)
    counts[bucket] = float(requests)
    latency = BOUNDS[bucket]
    shares = {"queue": 0.5, "decode": 0.125, "run": 0.25, "encode": 0.125}
    return [
        is_up(instance, look),
        counter("seaway_requests_total", look, requests * 0.9, **signed, api="grpc", code="OK"),
        counter("seaway_requests_total", look, requests * 0.1, **signed, api="grpc", code="INTERNAL"),
        counter("seaway_requests_total", look, 1000.0, **signed, api="shadow", code="OK"),
        histogram("seaway_request_seconds", look, counts, requests * latency, BOUNDS, **signed, api="grpc"),
        *(
            histogram(
                "seaway_request_stage_seconds", look, counts, requests * latency * part, BOUNDS, **signed, stage=stage
            )
            for stage, part in shares.items()
        ),
        histogram("seaway_batch_rows", look, [10.0], 80.0, (), **signed),
        value("seaway_queue_depth_requests", look, 3.0, **who),
        value("seaway_requests_in_flight", look, 2.0, **who),
        value("seaway_engine_info", look, 1.0, **who, engine="onnx"),
        value("seaway_worker_memory_bytes", look, 64.0 * 2**20, **who, kind="pss"),
        value("seaway_worker_memory_bytes", look, 99.0 * 2**20, **who, kind="rss"),
        counter("seaway_worker_cpu_seconds_total", look, 3.0, **who),
    ]


def stored(path: Path, samples: Sequence[Sample]) -> Store:
    store = Store(path / "top.db")
    store.append(samples)
    return store
