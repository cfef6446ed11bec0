"""Deadlines, full queues, clients that leave, sockets in the file system, a full disk."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.models.cache import Models
from tests.support.clients import Client, failure
from tests.support.eventually import eventually, true_soon
from tests.support.server import Server
from tests.support.server import http as asked

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
Connect = Callable[[Server], Client]
LONG_MS = 600_000.0
"""No test waits for a run that takes so long: what comes after it is never answered."""


def told(server: Server, series: str, **labels: str) -> int:
    """What the metrics say, summed over the series that have these labels."""
    wanted = {f'{name}="{value}"' for name, value in labels.items()}
    lines = server.get("/monitoring/prometheus/metrics").body.decode().splitlines()
    found = [re.fullmatch(rf"{series}\{{(.*)\}} (\d+)", line) for line in lines]
    return sum(int(match[2]) for match in found if match and wanted <= set(match[1].split(",")))


def test_a_deadline_ends_a_request_that_runs(start: Start, connect: Connect, models: Models) -> None:
    server = start({"slow": models.path("slow")})
    client = connect(server)
    client.predict("slow", milliseconds=[1.0])  # The deadline is not for connecting.
    code, _ = failure(lambda: client.predict("slow", timeout=1.0, milliseconds=[LONG_MS]))
    assert code == "DEADLINE_EXCEEDED"
    # The client would say so by itself: the server too has ended it, by its own clock or since the client left.
    ended = [{"code": "DEADLINE_EXCEEDED"}, {"code": "CANCELLED"}]
    counts = "seaway_requests_total"
    true_soon(lambda: sum(told(server, counts, **labels) for labels in ended) == 1, "the server ended it")
    true_soon(lambda: told(server, "seaway_requests_in_flight") == 0, "nothing of it is left")


def test_the_rest_timeout_answers_504(start: Start, models: Models) -> None:
    server = start({"slow": models.path("slow")}, "--rest-timeout-ms=500")
    answer = server.post("/v1/models/slow:predict", {"instances": [LONG_MS]})
    assert answer.status == 504
    assert answer.error


def test_a_request_that_waited_past_its_deadline_is_never_run(start: Start, connect: Connect, models: Models) -> None:
    server = start({"slow": models.path("slow")}, "--concurrency=1")
    client = connect(server)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(lambda: float(client.arrays("slow", milliseconds=[1500.0])["spent"][0]))
        waiting = [
            pool.submit(lambda: failure(lambda: client.predict("slow", timeout=0.7, milliseconds=[LONG_MS])))
            for _ in range(2)
        ]
        assert [future.result()[0] for future in waiting] == ["DEADLINE_EXCEEDED"] * 2
        assert first.result() == 1500.0
    assert client.arrays("slow", milliseconds=[1.0])["spent"].tolist() == [1.0]


@pytest.mark.smoke
def test_a_full_queue_is_refused_at_once(start: Start, connect: Connect, models: Models) -> None:
    server = start({"slow": models.path("slow")}, "--concurrency=1", "--max-queued-requests=2")
    calls = [ask(connect(server), LONG_MS) for _ in range(16)]
    true_soon(lambda: any(call.done() for call in calls), "the queue is full")
    answer = server.post("/v1/models/slow:predict", {"instances": [1.0]})
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert {call.code().name for call in calls if call.done()} == {"RESOURCE_EXHAUSTED"}
    assert not all(call.done() for call in calls), "the others run or wait"
    server.process.kill()  # Its drain would wait for the run.


def test_clients_that_went_away_free_their_places(start: Start, connect: Connect, models: Models) -> None:
    server = start({"slow": models.path("slow")}, "--concurrency=1", "--max-queued-requests=20")
    client = connect(server)
    kept = []
    # One runs and the next one lies ready in the worker: who leaves is behind them.
    for count, milliseconds in ((1, 4000.0), (2, 500.0)):
        kept.append(ask(client, milliseconds))
        eventually(
            lambda: told(server, "seaway_requests_in_flight"), lambda found, count=count: found == count, "it has it"
        )
    kept += [ask(client, 500.0) for _ in range(2)]
    left = [ask(client, LONG_MS) for _ in range(15)]
    eventually(lambda: told(server, "seaway_queue_depth_requests"), lambda count: count == 17, "the others wait")
    for call in left:
        call.cancel()
    assert [call.result().outputs["spent"].float_val[0] for call in kept] == [4000.0, *[500.0] * 3]
    assert client.arrays("slow", milliseconds=[1.0])["spent"].tolist() == [1.0]
    assert told(server, "seaway_requests_total", code="CANCELLED") == 15


def ask(client: Client, milliseconds: float) -> Any:
    """A request that is under way."""
    request = client.predict_request("slow", milliseconds=[milliseconds])
    return client.prediction.Predict.future(request, timeout=120)


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
    assert asked(f"{server.url}/v1/models/nobody:predict", {"instances": [1]}).status == 404
    server.terminate()
    assert server.wait_end() == 0
