"""The HTTP API, in process: the forms are Prometheus', and what is asked wrongly is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from seaway.monitor.api import routes
from seaway.monitor.point import Kind, Point, Sample, Series
from seaway.monitor.store.store import Event, Store
from seaway.monitor.target import TargetStatus
from seaway.monitor.view import AlertState, AlertStatus, Delivery
from tests.support.fakes import FakeClock


class Seen:
    """A view of one server, one alert and a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def targets(self) -> tuple[TargetStatus, ...]:
        return (TargetStatus("a:1", "http://a:1/m", True, "", 1_000_000.0, 0.01, 3),)

    def alerts(self) -> tuple[AlertStatus, ...]:
        return (
            AlertStatus("Down", (("instance", "b:1"),), AlertState.FIRING, "page", "b:1 is down", 0.0, 999_000.0),
            AlertStatus("Down", (("instance", "c:1"),), AlertState.RESOLVED, "page", "c:1 is down", 0.0, 1.0, 2.0),
        )

    def deliveries(self) -> tuple[Delivery, ...]:
        return ()

    def silence(self, rule: str, labels: tuple[tuple[str, str], ...], for_s: float, by: str) -> None:
        raise AssertionError("the API only reads")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    clock = FakeClock()
    now = round(clock.wall() * 1000)
    store = Store(tmp_path / "monitor.db")
    hist = Series("seconds", (("model", "m"),), Kind.HISTOGRAM, (0.1, 0.2))
    store.append(
        [
            Sample(Series("up", (("instance", "a:1"),), Kind.GAUGE), Point(now - 1000, 1.0, low=1.0, high=1.0)),
            Sample(Series("requests_total", (("model", "m"),), Kind.COUNTER), Point(now - 1000, 60.0)),
            Sample(hist, Point(now - 1000, 1.5, 10.0, buckets=[0.0, 10.0, 0.0])),
        ]
    )
    store.note(Event(now - 500, "version", {"model": "m"}, "version 2 is served"))
    app = FastAPI()
    app.include_router(routes(Seen(store), clock))
    with TestClient(app) as client:
        yield client
    store.close()


def data(client: TestClient, path: str, **values: Any) -> Any:
    answer = client.get(path, params=values).json()
    assert answer["status"] == "success", answer
    return answer["data"]


def test_an_instant_question(client: TestClient) -> None:
    assert data(client, "/api/v1/query", query="rate(requests_total[1m])") == {
        "resultType": "vector",
        "result": [{"metric": {"model": "m"}, "value": [1_000_000.0, "1"]}],
    }
    assert data(client, "/api/v1/query", query="1 / 4") == {"resultType": "scalar", "result": [1_000_000.0, "0.25"]}
    assert data(client, "/api/v1/query", query="1 / 0")["result"][1] == "+Inf"


def test_a_question_over_time_by_a_form(client: TestClient) -> None:
    form = {"query": "up", "start": "999940", "end": "1970-01-12T13:46:40Z", "step": "30s"}
    answer = client.post("/api/v1/query_range", data=form).json()
    assert answer["data"] == {
        "resultType": "matrix",
        "result": [{"metric": {"instance": "a:1"}, "values": [[1_000_000.0, "1"]]}],
    }


def test_what_there_is(client: TestClient) -> None:
    assert data(client, "/api/v1/labels") == ["__name__", "instance", "model"]
    assert data(client, "/api/v1/label/__name__/values") == ["requests_total", "seconds", "up"]
    assert data(client, "/api/v1/series", **{"match[]": "seconds_bucket"}) == [{"__name__": "seconds", "model": "m"}]
    assert data(client, "/api/v1/metadata")["seconds"] == [{"type": "histogram", "help": "", "unit": ""}]
    assert data(client, "/api/v1/events")[0]["text"] == "version 2 is served"


def test_servers_and_alerts(client: TestClient) -> None:
    (target,) = data(client, "/api/v1/targets")["activeTargets"]
    assert (target["health"], target["scrapeUrl"]) == ("up", "http://a:1/m")
    (alert,) = data(client, "/api/v1/alerts")["alerts"]
    assert alert["labels"] == {"alertname": "Down", "severity": "page", "instance": "b:1"}
    assert client.get("/healthz").text == "ok\n"


@pytest.mark.parametrize(
    ("path", "values", "said"),
    [
        ("/api/v1/query", {}, "query is missing"),
        ("/api/v1/query", {"query": "rate("}, "is no PromQL"),
        ("/api/v1/query", {"query": "up", "time": "noon"}, "is no moment"),
        ("/api/v1/query_range", {"query": "up", "start": "1", "end": "2"}, "step is missing"),
        ("/api/v1/query_range", {"query": "up", "start": "1", "end": "2", "step": "soon"}, "is no duration"),
        ("/api/v1/series", {}, "match[] is missing"),
        ("/api/v1/series", {"match[]": "rate(up[5m])"}, "is no selector"),
    ],
)
def test_what_is_asked_wrongly_is_told(client: TestClient, path: str, values: dict[str, str], said: str) -> None:
    answer = client.get(path, params=values)
    assert answer.status_code == 400
    assert answer.json()["errorType"] == "bad_data"
    assert said in answer.json()["error"]
