"""Processes that are killed, and the ways a server ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import psutil
import pytest

from tests.models.cache import Models
from tests.support.clients import Client, Load, failure
from tests.support.eventually import eventually, true_soon
from tests.support.server import Server

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
Connect = Callable[[Server], Client]
LONG_S = 600.0
"""No test waits for a request that takes so long, nor for its deadline: it ends for another reason, or not at all."""


class Call:
    """One call in a thread of its own, and how it ended."""

    def __init__(self, call: Callable[[], object]) -> None:
        """Start the call."""
        self.result: object = None
        self.error: Exception | None = None
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._thread.is_alive()

    def join(self, limit_s: float = 60.0) -> Call:
        """Wait for the end."""
        self._thread.join(limit_s)
        assert not self._thread.is_alive(), f"the call has not ended after {limit_s} s"
        return self

    def _run(self) -> None:
        try:
            self.result = self._call()
        except Exception as error:
            self.error = error


def in_flight(server: Server, model: str) -> bool:
    """Whether the metrics show a request of this model under way."""
    page = server.get("/monitoring/prometheus/metrics").body.decode()
    return any(
        line.startswith("seaway_") and "in_flight" in line and f'model="{model}"' in line and not line.endswith(" 0")
        for line in page.splitlines()
    )


@pytest.mark.smoke
def test_a_killed_worker_ends_its_requests_at_once_and_comes_back(
    start: Start, connect: Connect, models: Models
) -> None:
    server = start({"slow": models.path("slow"), "half": models.path("half_plus_two")})
    client = connect(server)
    worker = server.worker_pid("slow", 1)

    with Load(lambda: client.arrays("half", x=[[2.0]])["y"][0][0], threads=1) as others:
        call = Call(lambda: client.predict("slow", timeout=LONG_S, milliseconds=[LONG_S * 1000]))
        true_soon(lambda: in_flight(server, "slow"), "the slow request is under way")
        psutil.Process(worker).kill()
        call.join()
        assert call.error is not None
        assert call.error.code().name == "UNAVAILABLE"  # type: ignore[attr-defined]

        eventually(lambda: server.worker_pid("slow", 1), lambda pid: pid not in {0, worker}, "another worker")
        server.wait_state("slow", 1)
        before = others.calls
        true_soon(lambda: others.calls > before + 20, "the other model goes on")

    assert others.failures == []
    assert client.arrays("slow", milliseconds=[1.0])["spent"].tolist() == [1.0]


def test_status_and_health_tell_the_truth_while_a_worker_is_down(
    start: Start, connect: Connect, models: Models
) -> None:
    server = start({"half": models.path("half_plus_two")}, "--restart-backoff-s=10")
    client = connect(server)
    assert client.health("half") == "SERVING"
    psutil.Process(server.worker_pid("half", 123)).kill()
    eventually(lambda: server.states("half"), lambda states: states[123] != "AVAILABLE", "not AVAILABLE")
    assert client.health("half") == "NOT_SERVING"
    assert server.get("/readyz").status == 503
    assert failure(lambda: client.predict("half", x=[[1.0]]))[0] == "UNAVAILABLE"
    server.wait_state("half", 123)
    assert client.health("half") == "SERVING"


def test_a_server_killed_with_9_leaves_no_process_behind(start: Start, connect: Connect, models: Models) -> None:
    server = start({"slow": models.path("slow"), "half": models.path("half_plus_two")})
    client = connect(server)
    call = Call(lambda: client.predict("slow", timeout=LONG_S, milliseconds=[LONG_S * 1000]))
    true_soon(lambda: in_flight(server, "slow"), "the slow request is under way")
    assert len(server.family()) >= 3
    server.process.kill()
    server.process.wait()
    eventually(server.family, lambda left: left == [], "nothing is left")
    call.join()


def test_sigterm_lets_a_request_finish_and_ends_with_0(start: Start, connect: Connect, models: Models) -> None:
    server = start({"slow": models.path("slow")})
    client = connect(server)
    call = Call(lambda: float(client.arrays("slow", milliseconds=[4000.0])["spent"][0]))
    true_soon(lambda: in_flight(server, "slow"), "the slow request is under way")
    server.terminate()
    eventually(lambda: ready_or_gone(server), lambda status: status != 200, "not ready")
    assert call.is_running, "it is not ready any more while it still answers"
    assert call.join().error is None
    assert call.result == 4000.0
    assert server.wait_end() == 0
    assert server.family() == []


def ready_or_gone(server: Server) -> int:
    """The status of /readyz, 0 when nobody listens any more."""
    try:
        return server.get("/readyz").status
    except OSError:
        return 0


def test_a_second_sigterm_ends_the_server_now(start: Start, connect: Connect, models: Models) -> None:
    server = start({"slow": models.path("slow")}, f"--drain-timeout-s={LONG_S}")
    client = connect(server)
    call = Call(lambda: client.predict("slow", timeout=LONG_S, milliseconds=[LONG_S * 1000]))
    true_soon(lambda: in_flight(server, "slow"), "the slow request is under way")
    server.terminate()
    eventually(lambda: ready_or_gone(server), lambda status: status != 200, "it drains")
    assert call.is_running
    server.process.send_signal(signal.SIGTERM)
    server.wait_end()
    eventually(server.family, lambda left: left == [], "nothing is left")
    assert call.join().error is not None


def test_the_drain_is_bounded(start: Start, connect: Connect, models: Models) -> None:
    server = start({"slow": models.path("slow")}, "--drain-timeout-s=1")
    client = connect(server)
    call = Call(lambda: client.predict("slow", timeout=LONG_S, milliseconds=[LONG_S * 1000]))
    true_soon(lambda: in_flight(server, "slow"), "the slow request is under way")
    server.terminate()
    assert server.wait_end() == 0
    assert call.join().error is not None


def test_an_idle_server_ends_with_0_at_once(start: Start, models: Models) -> None:
    server = start({"half": models.path("half_plus_two")}, f"--drain-timeout-s={LONG_S}")
    server.family()
    server.process.send_signal(signal.SIGINT)
    assert server.wait_end() == 0
    assert server.family() == []
