"""Deadlines, full queues, clients that leave, sockets in the file system, a full disk."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.models.cache import Models
from tests.support.clients import Client, failure
from tests.support.eventually import true_soon
from tests.support.server import Server
from tests.support.server import http as call

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


@pytest.mark.smoke
def test_a_full_queue_is_refused_at_once(start: Start, connect: Connect, models: Models) -> None:
    server = start({"slow": models.path("slow")}, "--concurrency=1", "--max-queued-requests=2")
    client = connect(server)
    with ThreadPoolExecutor(16) as pool:
        calls = [pool.submit(client.predict, "slow", timeout=60.0, milliseconds=[2000.0]) for _ in range(16)]
        true_soon(lambda: any(future.done() for future in calls), "the queue is full", limit_s=1.8)
        answer = server.post("/v1/models/slow:predict", {"instances": [1.0]})
        assert answer.status == 429
        assert int(answer.headers["retry-after"]) >= 1
        refused = [future.exception() for future in calls if future.exception() is not None]
    assert refused
    assert {error.code().name for error in refused} == {"RESOURCE_EXHAUSTED"}
    assert len(refused) < len(calls)


def test_clients_that_went_away_free_their_places(start: Start, connect: Connect, models: Models) -> None:
    server = start({"slow": models.path("slow")}, "--concurrency=1", "--max-queued-requests=20")
    client = connect(server)

    def ask(milliseconds: float) -> Any:
        request = client.predict_request("slow", milliseconds=[milliseconds])
        return client.prediction.Predict.future(request, timeout=120)

    kept = [ask(500.0) for _ in range(4)]
    left = [ask(5000.0) for _ in range(15)]
    for future in left:
        future.cancel()
    assert [future.result().outputs["spent"].float_val[0] for future in kept] == [500.0] * 4
    began = time.monotonic()
    assert client.arrays("slow", milliseconds=[1.0])["spent"].tolist() == [1.0]
    assert time.monotonic() - began < 20.0


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
