"""Asking the monitor, against a server on loopback that answers as Prometheus does (or does not)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from seaway.deploy.measurements import Firing, MonitorApi
from seaway.errors import InvalidArgument, Unavailable
from tests.support import background


@contextmanager
def answering(status: int, body: str) -> Iterator[tuple[MonitorApi, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with background.answering(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield MonitorApi(f"{url}/"), asked


def found(kind: str, result: object) -> str:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}})


@pytest.mark.parametrize(
    ("body", "values"),
    [
        pytest.param(found("vector", [{"metric": {}, "value": [1, "2.5"]}]), (2.5,), id="one"),
        pytest.param(
            found("vector", [{"metric": {}, "value": [1, "2"]}, {"metric": {}, "value": [1, "NaN"]}]), (2.0,), id="nan"
        ),
        pytest.param(found("vector", []), (), id="nothing-known"),
        pytest.param(found("scalar", [1, "4"]), (4.0,), id="scalar"),
    ],
)
def test_values_of_a_question(body: str, values: tuple[float, ...]) -> None:
    with answering(200, body) as (monitor, asked):
        assert monitor.values('up{a="b c"}') == values
    assert asked == ["/api/v1/query?query=up%7Ba%3D%22b+c%22%7D"]


@pytest.mark.parametrize(
    "since",
    [
        pytest.param("2026-01-31T12:00:00.123456789Z", id="prometheus"),
        pytest.param("2026-01-31T14:00:00+02:00", id="another-time-zone"),
        pytest.param("2026-01-31T07:30:00.5-04:30", id="west-of-it"),
    ],
)
def test_alerts_that_fire(since: str) -> None:
    alerts = [
        {
            "labels": {"alertname": "Slow", "model": "m"},
            "annotations": {"summary": "p99 is 2 s"},
            "state": "firing",
            "activeAt": since,
            "value": "2",
        },
        {"labels": {"alertname": "Later"}, "annotations": {}, "state": "pending", "activeAt": "2026-01-31T12:00:00Z"},
    ]
    with answering(200, json.dumps({"status": "success", "data": {"alerts": alerts}})) as (monitor, _):
        assert monitor.firing() == (Firing("Slow", {"model": "m"}, 1769860800.0, "p99 is 2 s"),)


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        pytest.param(
            400, '{"status":"error","errorType":"bad_data","error":"no such"}', InvalidArgument, "no such", id="refused"
        ),
        pytest.param(503, "busy", Unavailable, "answers 503", id="busy"),
        pytest.param(200, "<html>", Unavailable, "does not answer as Prometheus does", id="something-else"),
        pytest.param(200, "[]", Unavailable, "does not answer as Prometheus does", id="something-else-in-json"),
    ],
)
def test_a_monitor_that_has_no_answer(status: int, body: str, error: type[Exception], said: str) -> None:
    with answering(status, body) as (monitor, _), pytest.raises(error, match=said):
        monitor.values("up")
