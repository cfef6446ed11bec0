"""The access log of real servers: what a line says, and that nothing breaks one or waits for one."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.models.cache import Models
from tests.support.clients import Client, failure
from tests.support.eventually import eventually
from tests.support.server import Server

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
Connect = Callable[[Server], Client]

BODY = {"instances": [[1.0], [2.0]]}
PROBES = {"Live", "Ready", "Metrics", "Check"}


def lines(path: Path) -> list[dict[str, Any]]:
    """Every line but those of probes."""
    text = path.read_text() if path.exists() else ""
    assert text == "" or text.endswith("\n"), "whole lines only"
    read = [json.loads(line) for line in text.splitlines()]
    return [line for line in read if line.get("method") not in PROBES]


def wait_lines(path: Path, count: int) -> list[dict[str, Any]]:
    """The lines, once there are so many."""
    return eventually(lambda: lines(path), lambda found: len(found) >= count, f"{count} lines are written")


def counted(server: Server, outcome: str) -> float:
    """Lines that ended so."""
    text = server.get("/monitoring/prometheus/metrics").body.decode()
    found = re.search(rf'seaway_access_log_lines_total{{outcome="{outcome}"}} (\S+)', text)
    return float(found[1]) if found else -1.0


def raw(server: Server, request: bytes) -> bytes:
    """What a client says that no library would, and the answer's head."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(65536)


@pytest.mark.smoke
def test_a_line_says_what_was_asked_how_it_ended_and_where_the_time_went(
    start: Start, connect: Connect, models: Models, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    server = start({"two": models.path("half_plus_two")}, f"--access-log-path={log}")
    client = connect(server)
    request = client.predict_request("two", x=[[1.0]])
    _, call = client.prediction.Predict.with_call(request, timeout=10, metadata=[("authorization", "Bearer hush")])
    answer = server.post("/v1/models/two:predict", BODY, User_Agent="shop/1", Authorization="Bearer hush")
    assert failure(lambda: client.predict("none", x=[1.0]))[0] == "NOT_FOUND"
    assert server.post("/v1/models/two:predict", {"instances": "odd"}).status == 400
    server.get("/v1/models/two/metadata")

    by_grpc, by_rest, unknown, odd, metadata = wait_lines(log, 5)
    assert by_grpc["request_id"] == dict(call.initial_metadata())["x-request-id"]
    assert by_rest["request_id"] == answer.headers["x-request-id"]
    expected = {"method": "Predict", "model": "two", "version": 123, "signature": "serving_default", "status": "OK"}
    assert by_grpc.items() >= (expected | {"api": "grpc", "rows": 1, "tensor_bytes_in": 4}).items()
    more = {"api": "rest", "rows": 2, "http_status": 200, "user_agent": "shop/1", "path": "/v1/models/two:predict"}
    assert by_rest.items() >= (expected | more).items()
    for line in (by_grpc, by_rest):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        assert line["peer"].startswith("127.0.0.1:")
        stages = [line[f"{stage}_ms"] for stage in ("receive", "decode", "queue", "batch", "run", "encode")]
        assert all(stage >= 0 for stage in stages)
        assert 0 < line["run_ms"] <= sum(stages) <= line["duration_ms"] + 0.01
    assert unknown.items() >= {"status": "NOT_FOUND", "model": "none"}.items()
    assert odd.items() >= {"status": "INVALID_ARGUMENT", "http_status": 400, "method": "Predict"}.items()
    assert metadata["method"] == "GetModelMetadata"
    assert "hush" not in log.read_text()
    assert counted(server, "dropped") == counted(server, "failed") == 0


def test_hostile_names_and_headers_neither_break_a_line_nor_forge_one(
    start: Start, connect: Connect, models: Models, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    server = start({"two": models.path("half_plus_two")}, f"--access-log-path={log}")
    forged = 'x"}\n{"api":"forged"}\r\x00\x1b[31m'
    client = connect(server)
    assert failure(lambda: client.predict(forged * 1000, x=[1.0]))[0] in {"NOT_FOUND", "INVALID_ARGUMENT"}
    long = b"a" * 5000
    head = b'GET /v1/models/%22%0A HTTP/1.1\r\nhost: x\r\nuser-agent: "}\t\xff\xfe' + long + b"\r\n"
    answer = raw(server, head + b"x-request-id: two words\r\n\r\n")
    assert b"two words" not in answer
    assert re.search(rb"x-request-id: [0-9a-f]{32}\r\n", answer)
    raw(server, b'GET /v1/models HTTP/1.1\r\nhost: x\r\nx-request-id: "},{"\r\n\r\n')

    first, second, third = wait_lines(log, 3)
    assert first["model"].startswith(forged)
    assert all(len(str(value)) <= 256 for line in (first, second, third) for value in line.values())
    assert second["user_agent"].startswith('"}\t\ufffd\ufffdaaa')
    assert third["request_id"] == '"},{"'
    assert {line["api"] for line in (first, second, third)} == {"grpc", "rest"}


def test_a_file_that_is_moved_away_is_opened_anew_without_a_signal(
    start: Start, models: Models, tmp_path: Path
) -> None:
    log, moved = tmp_path / "access.log", tmp_path / "access.log.1"
    server = start({"two": models.path("half_plus_two")}, f"--access-log-path={log}")
    server.post("/v1/models/two:predict", BODY, x_request_id="before")
    wait_lines(log, 1)
    log.rename(moved)

    def again() -> bool:
        server.post("/v1/models/two:predict", BODY, x_request_id="after")
        return bool(lines(log))

    eventually(again, bool, "there is a new file")
    assert lines(moved)[0]["request_id"] == "before"
    server.terminate()
    assert server.wait_end() == 0
    assert {line["request_id"] for line in lines(log)} == {"after"}


def test_of_requests_that_end_well_a_share_is_logged_and_of_errors_all(
    start: Start, models: Models, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    server = start({"two": models.path("half_plus_two")}, f"--access-log-path={log}", "--access-log-sampling=0")
    for _ in range(5):
        server.post("/v1/models/two:predict", BODY)
    server.post("/v1/models/two:predict", "{")
    (line,) = wait_lines(log, 1)
    assert line["status"] == "INVALID_ARGUMENT"


def test_the_standard_output_takes_lines_and_a_full_disk_costs_no_answer(start: Start, models: Models) -> None:
    server = start({"two": models.path("half_plus_two")}, "--access-log-path=-")
    server.post("/v1/models/two:predict", BODY, x_request_id="on-stdout")
    eventually(lambda: server.log, lambda log: '"request_id":"on-stdout"' in log, "the line is there")

    full = start({"two": models.path("half_plus_two")}, "--access-log-path=/dev/full")
    assert full.post("/v1/models/two:predict", BODY).status == 200
    eventually(lambda: counted(full, "failed"), lambda count: count > 0, "lines are counted as failed")
    assert full.log.count("cannot be written, its lines are lost") == 1


def test_a_log_that_cannot_be_opened_ends_the_start_and_is_named(start: Start, models: Models, tmp_path: Path) -> None:
    path = tmp_path / "none" / "access.log"
    server = start({"two": models.path("half_plus_two")}, f"--access-log-path={path}", ready=False)
    assert server.wait_end() != 0
    assert f'access_log.path "{path}" cannot be opened' in server.log
