"""The monitor's page over a store that is filled with an hour of made-up traffic; one model's name is an attack."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from seaway.clock import SystemClock
from seaway.monitor.page.app import build
from seaway.monitor.point import Kind, Point, Sample, Series
from seaway.monitor.store.store import Event, Store
from seaway.monitor.target import TargetStatus
from seaway.monitor.view import AlertState, AlertStatus, Delivery
from tests.support.eventually import true_soon
from tests.support.ports import free_port

CHROMIUM = Path("/usr/bin/chromium")
PLAIN = "half_plus_two"
HOSTILE = (
    "<img src=x onerror=window.__pwned=1>\"'`${window.__pwned=1}{{window.__pwned=1}}/../%2e%2f?#&\n\u202eevil\\"
    + "x" * 80
)
MODELS, VERSIONS, INSTANCES = (PLAIN, HOSTILE), ("1", "2"), ("replica-a", "replica-b")
BOUNDS = tuple(0.0005 * 2 ** (number / 2) for number in range(24))
STAGES = (("decode", 0.04), ("queue", 0.2), ("run", 0.7), ("encode", 0.06))
STEP_S, HOUR_S = 15, 3600
PASSWORD = "correct horse"


class Running:
    """The page, its monitor and its address."""

    def __init__(self, directory: Path, password: str = PASSWORD, port: int = 0) -> None:
        self.store = Store(directory / "store.db")
        self.monitor, self.fleet, self.port = Monitor(self.store), Fleet(), port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        app = build(self.monitor, SystemClock(), password=password, actions=self.fleet)

        @app.get("/api/v1/added-later")
        def added_later() -> dict[str, bool]:
            return {"answers": True}

        self.server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="warning"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        true_soon(lambda: self.server.started, "the page is served", 30)

    def end(self) -> None:
        """Serve no more, and close the store."""
        self.server.should_exit = True
        self.thread.join(20)
        self.store.close()


class Monitor:
    """A monitor that only shows, and whose alerts a test sets.

    It has the methods of `seaway.monitor.view.View`, where they are described.
    """

    def __init__(self, store: Store) -> None:
        self.reset(store)

    def reset(self, store: Store) -> None:
        """Forget what tests have set and asked."""
        self.store = store
        self.found: tuple[AlertStatus, ...] = (alert("SlowModel", AlertState.PENDING, model=PLAIN),)
        self.silenced: list[tuple[str, float]] = []
        self.problem = ""

    def targets(self) -> tuple[TargetStatus, ...]:
        now = time.time()
        return (
            TargetStatus(
                "replica-a", "http://user:secret@10.0.0.1:8501/metrics", not self.problem, self.problem, now, 0.012, 410
            ),
            TargetStatus("replica-b", "http://10.0.0.2:8501/metrics", not self.problem, self.problem, now, 0.014, 410),
            TargetStatus(
                "replica-c", "http://10.0.0.3:8501/metrics", False, "connection refused: <b>bold</b>", now, 2.0, 0
            ),
        )

    def alerts(self) -> tuple[AlertStatus, ...]:
        return self.found

    def deliveries(self) -> tuple[Delivery, ...]:
        return (
            Delivery("webhook", time.time() - 300, "SlowModel is firing", "delivered"),
            Delivery(
                "mail", time.time() - 320, "SlowModel is firing", "failed", "550 <script>window.__pwned=1</script>"
            ),
        )

    def silence(self, rule: str, labels: tuple[tuple[str, str], ...], for_s: float, by: str) -> None:
        self.silenced.append((rule, for_s))


class Fleet:
    """Actions that only remember what was asked; they are described in `seaway.monitor.page.actions`."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def plan_rollout(self, model: str, version: int) -> str:
        return f"1. load version {version}\n2. move traffic of <b>{model}</b>"

    def do_rollout(self, model: str, version: int) -> str:
        self.done.append(f"rollout {model} {version}")
        return "rolled out"

    def plan_rollback(self, model: str) -> str:
        return "back"

    def do_rollback(self, model: str) -> str:
        self.done.append(f"rollback {model}")
        return "rolled back"

    def plan_scale(self, replicas: int) -> str:
        return f"{replicas} replicas"

    def do_scale(self, replicas: int) -> str:
        self.done.append(f"scale {replicas}")
        return "scaled"


def alert(rule: str, state: AlertState, **own: str) -> AlertStatus:
    """An alert that has held for some minutes."""
    began = time.time() - 400
    return AlertStatus(rule, labels(**own), state, "page", f"{rule}: p99 is above 50 ms", 0.084, began)


def fill(store: Store, now_s: float) -> None:
    """Write an hour that ends now."""
    for back in range(HOUR_S + 300, 0, -STEP_S):
        at = int((now_s - back) * 1000)
        store.append(moment(at, math.sin(at / 400_000)))
    for minutes, kind, model, said in (
        (50, "deployment", "", "Fleet deployed with 2 replicas"),
        (35, "rollout", PLAIN, "Version 2 is rolled out"),
        (30, "version", PLAIN, "Version 2 is live"),
        (18, "restart", HOSTILE, f"A worker of {HOSTILE} ended and was started again"),
        (6, "alert", PLAIN, "Latency is above its objective"),
    ):
        own = {"model": model} if model else {}
        store.note(Event(int((now_s - minutes * 60) * 1000), kind, own, said))


def moment(at: int, wave: float) -> Iterator[Sample]:
    """What all did within a step."""
    for instance in INSTANCES:
        yield gauge("up", 1, at, instance=instance)
        yield gauge("scrape_seconds", 0.012 + 0.004 * wave, at, instance=instance)
        for model in MODELS:
            for number, version in enumerate(VERSIONS, 1):
                yield from of_version(at, wave, number, model=model, version=version, instance=instance)
    yield gauge("host_cpu_ratio", 0.45 + 0.3 * wave, at, host="machine-1", instance="replica-a")
    yield gauge("host_memory_used_bytes", (9 + wave) * 2**30, at, host="machine-1", instance="replica-a")
    yield gauge("host_memory_total_bytes", 16 * 2**30, at, host="machine-1", instance="replica-a")


def of_version(at: int, wave: float, number: int, **who: str) -> Iterator[Sample]:
    """What one version at one replica did within a step."""
    asked = dict(who, signature="serving_default", api="grpc")
    plain = {"model": who["model"], "version": who["version"], "instance": who["instance"]}
    factor = number if who["model"] == PLAIN else number / 3
    count, center = round((90 + 40 * wave) * factor), 0.004 * factor * (1 + 0.3 * wave)
    yield counter("seaway_requests_total", count, at, **asked, code="OK")
    yield counter("seaway_requests_total", number, at, **asked, code="INVALID_ARGUMENT")
    if wave > 0.8:
        yield counter("seaway_requests_total", 6, at, **asked, code="DEADLINE_EXCEEDED")
    yield histogram("seaway_request_seconds", center, count, BOUNDS, at, **asked)
    for stage, share in STAGES:
        yield histogram("seaway_request_stage_seconds", center * share, count, BOUNDS, at, **asked, stage=stage)
    yield histogram(
        "seaway_batch_rows", 6 + 3 * wave, count // 4, (1, 2, 4, 8, 16, 32), at, **plain, signature="serving_default"
    )
    yield gauge("seaway_requests_in_flight", round(4 + 3 * wave), at, **plain)
    yield gauge("seaway_queue_depth_requests", max(0, round(6 * wave)), at, **plain)
    yield gauge("seaway_worker_memory_bytes", (180 + 10 * wave) * number * 2**20, at, **plain, kind="pss")
    yield counter("seaway_worker_cpu_seconds_total", STEP_S * (0.4 + 0.2 * wave) * number, at, **plain)
    yield gauge("seaway_engine_info", 1, at, **plain, engine="tensorflow" if number == 1 else "onnxruntime")
    yield gauge("seaway_model_load_seconds", 1.8 * number, at, **plain)


def histogram(name: str, center: float, count: int, bounds: tuple[float, ...], at: int, **own: str) -> Sample:
    """Observations around a center, as buckets: half below, a tenth far above."""
    buckets = [0.0] * (len(bounds) + 1)
    for share, factor in ((0.5, 0.8), (0.4, 1.3), (0.1, 3.0)):
        value = center * factor
        buckets[next((n for n, bound in enumerate(bounds) if value <= bound), len(bounds))] += count * share
    return Sample(Series(name, labels(**own), Kind.HISTOGRAM, bounds), Point(at, count * center, count, 0, 0, buckets))


def counter(name: str, value: float, at: int, **own: str) -> Sample:
    """What was added within a step."""
    return Sample(Series(name, labels(**own), Kind.COUNTER), Point(at, value))


def gauge(name: str, value: float, at: int, **own: str) -> Sample:
    """One reading."""
    return Sample(Series(name, labels(**own), Kind.GAUGE), Point(at, value, 1, value, value))


def labels(**given: str) -> tuple[tuple[str, str], ...]:
    """Labels as a series has them."""
    return tuple(sorted(given.items()))
