"""Deadlines, full queues, clients that leave, sockets in the file system, a full disk."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.clients import Client, failure
from tests.eventually import true_soon
from tests.models.cache import Models
from tests.server import Server
from tests.server import http as call

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
Connect = Callable[[Server], Client]


def test_a_deadline_ends_a_request_that_runs(start: Start, connect: Connect, models: Models) -> None:
    server = start({"slow": models.path("slow")})
    client = connect(server)
    began = time.monotonic()
    code, _ = failure(lambda: client.predict("slow", timeout=0.5, milliseconds=[20_000.0]))
    assert code == "DEADLINE_EXCEEDED"
    assert time.monotonic() - began < 5.0


def test_the_rest_timeout_answers_504(start: Start, models: Models) -> None:
    server = start({"slow": models.path("slow")}, "--rest-timeout-ms=500")
    answer = server.post("/v1/models/slow:predict", {"instances": [20_000.0]})
    assert answer.status == 504
    assert answer.error


def test_a_request_that_waited_past_its_deadline_is_never_run(start: Start, connect: Connect, models: Models) -> None:
    server = start({"slow": models.path("slow")}, "--concurrency=1")
    client = connect(server)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(lambda: float(client.arrays("slow", milliseconds=[1500.0])["spent"][0]))
        waiting = [
            pool.submit(lambda: failure(lambda: client.predict("slow", timeout=0.7, milliseconds=[5000.0])))
            for _ in range(2)
        ]
        assert [future.result()[0] for future in waiting] == ["DEADLINE_EXCEEDED"] * 2
        assert first.result() == 1500.0
    began = time.monotonic()
    assert client.arrays("slow", milliseconds=[1.0])["spent"].tolist() == [1.0]
    assert time.monotonic() - began < 3.0


def test_a_full_queue_is_refused_at_once(start: Start, connect: Connect, models: Models) -> None:
    server = start({"slow": models.path("slow")}, "--concurrency=1", "--max-queued-requests=2")
    client = connect(server)
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(client.predict, "slow", timeout=30.0, milliseconds=[1500.0]) for _ in range(3)]
        true_soon(lambda: call_is_refused(client), "the queue is full", limit_s=4)
        answer = server.post("/v1/models/slow:predict", {"instances": [1.0]})
        assert answer.status == 429
        assert int(answer.headers["retry-after"]) >= 1
        for future in calls:
            assert future.exception() is None


def call_is_refused(client: Client) -> bool:
    """Whether one more request is refused for want of room."""
    code, _ = failure(lambda: client.predict("slow", timeout=0.3, milliseconds=[1.0]))
    return code == "RESOURCE_EXHAUSTED"


def test_a_client_that_went_away_frees_its_place(start: Start, connect: Connect, models: Models) -> None:
    server = start({"slow": models.path("slow")}, "--concurrency=1")
    client = connect(server)
    running = client.prediction.Predict.future(client.predict_request("slow", milliseconds=[1000.0]), timeout=30)
    waiting = [
        client.prediction.Predict.future(client.predict_request("slow", milliseconds=[20_000.0]), timeout=60)
        for _ in range(3)
    ]
    for future in waiting:
        future.cancel()
    assert running.result().outputs["spent"].float_val[0] == 1000.0
    began = time.monotonic()
    assert client.arrays("slow", milliseconds=[1.0])["spent"].tolist() == [1.0]
    assert time.monotonic() - began < 10.0


def test_unix_sockets_serve_both_apis(start: Start, models: Models, tmp_path: Path) -> None:
    grpc_socket, rest_socket = tmp_path / "grpc.sock", tmp_path / "rest.sock"
    flags = (f"--grpc-socket-path={grpc_socket}", f"--rest-socket-path={rest_socket}")
    server = start({"half": models.path("half_plus_two")}, *flags)
    with Client(f"unix:{grpc_socket}") as client:
        assert client.arrays("half", x=[[2.0]])["y"].tolist() == [[3.0]]
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(rest_socket))
    connection.request("GET", "/v1/models/half")
    assert connection.getresponse().status == 200
    connection.close()
    server.terminate()
    assert server.wait_end() == 0


def test_a_log_on_a_full_disk_does_not_stop_the_server(start: Start, connect: Connect, models: Models) -> None:
    server = start({"half": models.path("half_plus_two")}, "--log-file=/dev/full", "--log-level=debug")
    client = connect(server)
    assert client.arrays("half", x=[[2.0]])["y"].tolist() == [[3.0]]
    assert call(f"{server.url}/v1/models/nobody:predict", {"instances": [1]}).status == 404
    server.terminate()
    assert server.wait_end() == 0
