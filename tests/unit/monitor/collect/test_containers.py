"""Servers among the containers of an engine, what they use, and what happened to them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from seaway.deploy.targets import containers as deployed
from seaway.errors import Unavailable
from seaway.monitor.collect import containers as watched
from seaway.monitor.collect.containers import Containers, counters, event_of, gauges, target_of
from seaway.monitor.store.store import Event

PATH = "/monitoring/prometheus/metrics"


def container(name: str, labels: Mapping[str, str], address: str = "172.18.0.2", state: str = "running") -> Any:
    networks = {"seaway-digits": {"IPAddress": address}}
    return {
        "Id": f"id-{name}",
        "Names": [f"/{name}"],
        "Image": "seaway:1",
        "State": state,
        "Labels": dict(labels),
        "NetworkSettings": {"Networks": networks},
    }


def stats(cpu: int, usage: int = 300, received: int = 10) -> dict[str, Any]:
    return {
        "cpu_stats": {"cpu_usage": {"total_usage": cpu}},
        "memory_stats": {"usage": usage, "limit": 1000, "stats": {"inactive_file": 100}},
        "networks": {"eth0": {"rx_bytes": received, "tx_bytes": 1}, "eth1": {"rx_bytes": 5, "tx_bytes": 2}},
    }


class FakeEngine:
    """Answers as the engine's API does, from data; refuses where a test says so."""

    def __init__(self) -> None:
        self.listed: list[Any] = []
        self.stats: dict[str, Any] = {}
        self.told: list[Any] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.is_down = False

    def __call__(self, path: str, query: Mapping[str, str]) -> Any:
        self.asked.append((path, dict(query)))
        if self.is_down:
            raise Unavailable("the Docker engine cannot be asked: gone")
        if path == "/events":
            return self.told
        return self.listed if path == "/containers/json" else self.stats[path.split("/")[2]]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def looked(engine: FakeEngine) -> Iterator[Containers]:
    looked = Containers(engine)
    yield looked
    looked.close()


REPLICA = {"seaway.role": "replica", "seaway.project": "digits"}


@pytest.mark.parametrize(
    ("found", "instance", "url", "labels"),
    [
        pytest.param(
            container("digits-1", REPLICA),
            "digits-1",
            f"http://172.18.0.2:8501{PATH}",
            (("project", "digits"),),
            id="a-replica-of-a-deployment",
        ),
        pytest.param(
            container("mine", {"seaway.monitor": "9000"}),
            "mine",
            f"http://172.18.0.2:9000{PATH}",
            (),
            id="by-its-label",
        ),
        pytest.param(
            container("mine", {"seaway.monitor": "9000", "seaway.monitor.path": "/metrics"}),
            "mine",
            "http://172.18.0.2:9000/metrics",
            (),
            id="with-a-path",
        ),
    ],
)
def test_a_server_is_found(found: Any, instance: str, url: str, labels: tuple[tuple[str, str], ...]) -> None:
    target = target_of(found)
    assert target is not None
    assert (target.instance, target.url, target.labels) == (instance, url, labels)


@pytest.mark.parametrize("found", [container("a", REPLICA, ""), container("a", REPLICA, state="exited")])
def test_one_without_an_address_is_no_server_yet(found: Any) -> None:
    assert target_of(found) is None


def test_other_containers_are_none_of_ours(engine: FakeEngine, looked: Containers) -> None:
    engine.listed = [container("db", {}), container("digits-monitor", {"seaway.role": "monitor"})]
    assert looked.targets() == []
    assert looked.samples(1) == []


def test_a_project_is_asked_for_by_its_label(engine: FakeEngine) -> None:
    looked = Containers(engine, "digits")
    looked.targets()
    looked.close()
    assert engine.asked == [("/containers/json", {"filters": json.dumps({"label": ["seaway.project=digits"]})})]


def test_what_a_container_uses_has_the_names_of_cadvisor(engine: FakeEngine, looked: Containers) -> None:
    engine.listed = [container("digits-1", REPLICA)]
    engine.stats = {"id-digits-1": stats(2_000_000_000)}
    first = {each.series.name: each.point.value for each in looked.samples(1)}
    assert first == {
        "container_memory_usage_bytes": 300.0,
        "container_memory_working_set_bytes": 200.0,
        "container_spec_memory_limit_bytes": 1000.0,
    }, "what was counted before the first look is of unknown time"
    engine.stats = {"id-digits-1": stats(3_500_000_000, received=30)}
    second = looked.samples(2)
    added = {each.series.name: each.point.value for each in second if each.series.name.endswith("_total")}
    assert added == {"container_cpu_usage_seconds_total": 1.5, "container_network_receive_bytes_total": 20.0}
    assert second[0].series.labels == (("image", "seaway:1"), ("instance", "digits-1"), ("project", "digits"))


def test_a_container_that_was_started_again_began_at_nothing(engine: FakeEngine, looked: Containers) -> None:
    engine.listed = [container("digits-1", REPLICA)]
    values = []
    for used in (5, 1, 4):
        engine.stats = {"id-digits-1": stats(used * 10**9)}
        values += [each.point.value for each in looked.samples(1) if "cpu" in each.series.name]
    assert values == [1.0, 3.0]


def test_a_container_that_is_just_going_away_says_nothing() -> None:
    assert list(gauges({}, (), 1)) == []
    assert counters({"cpu_stats": {}, "networks": None}) == {}


def told(action: str, **attributes: str) -> dict[str, Any]:
    return {"Action": action, "timeNano": 5_000_000_000, "Actor": {"Attributes": {"name": "digits-1", **attributes}}}


@pytest.mark.parametrize(
    ("event", "text"),
    [
        pytest.param(told("die", exitCode="137", **REPLICA), "its container ended with exit code 137", id="die"),
        pytest.param(told("oom", **REPLICA), "its container is out of memory", id="oom"),
        pytest.param(told("restart", **REPLICA), "its container was restarted", id="restart"),
        pytest.param(told("health_status: unhealthy", **REPLICA), "its container is not healthy", id="unhealthy"),
        pytest.param(told("health_status: running", **REPLICA), "", id="a-check-that-began"),
        pytest.param(told("die", exitCode="1"), "", id="of-somebody-else"),
        pytest.param(told("die", **(REPLICA | {"seaway.project": "other"})), "", id="of-another-project"),
    ],
)
def test_what_happens_to_a_server_is_an_event(event: dict[str, Any], text: str) -> None:
    labels = {"instance": "digits-1", "project": "digits"}
    assert event_of(event, "digits") == (Event(5000, "container", labels, text) if text else None)


def test_events_of_a_time_are_asked_for(engine: FakeEngine, looked: Containers) -> None:
    engine.told = [told("oom", **REPLICA)]
    assert [each.text for each in looked.events(1.0, 2.5)] == ["its container is out of memory"]
    ((path, query),) = engine.asked
    assert (path, query["since"], query["until"]) == ("/events", "1.000", "2.500")


def test_an_engine_that_is_gone_is_told(engine: FakeEngine, looked: Containers) -> None:
    engine.is_down = True
    for ask in (looked.targets, lambda: looked.samples(1), lambda: looked.events(0.0, 1.0)):
        with pytest.raises(Unavailable, match="cannot be asked"):
            ask()


def test_the_labels_are_those_that_a_deployment_gives() -> None:
    assert (watched.ROLE_LABEL, watched.PROJECT_LABEL) == (deployed.ROLE_LABEL, deployed.PROJECT_LABEL)
    assert (deployed.REPLICA, str(deployed.REST_PORT)) == (watched.REPLICA, watched.REPLICA_PORT)
