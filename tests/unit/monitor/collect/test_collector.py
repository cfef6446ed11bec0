"""One look at all servers: what answers is kept, what does not costs only itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from seaway.errors import Unavailable
from seaway.monitor.collect.collector import Collector, Look
from seaway.monitor.collect.presence import MOST_SERIES
from seaway.monitor.target import Target
from tests.support.fakes import FakeClock

A, B = Target("a:1", "http://a:1/m"), Target("b:1", "http://b:1/m", (("zone", "x"),))


class Servers:
    """Stands for the network: what each server answers, as a test sets it."""

    def __init__(self) -> None:
        self.answers: dict[str, str | Exception] = {}

    def fetch(self, target: Target, timeout_s: float) -> str:
        answer = self.answers[target.instance]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def servers() -> Servers:
    return Servers()


@pytest.fixture
def collector(servers: Servers) -> Iterator[Collector]:
    collector = Collector(servers.fetch, FakeClock(), 1.0)
    yield collector
    collector.close()


def counted(requests: int) -> str:
    return f'# TYPE requests_total counter\nrequests_total{{model="m"}} {requests}\n'


def values(look: Look, name: str) -> dict[str, float]:
    return {
        dict(sample.series.labels)["instance"]: sample.point.value
        for sample in look.samples
        if sample.series.name == name
    }


def test_what_was_added_between_two_looks_is_kept_with_the_servers_labels(
    servers: Servers, collector: Collector
) -> None:
    servers.answers = {"a:1": counted(100), "b:1": counted(5)}
    assert values(collector.look([A, B]), "requests_total") == {}
    servers.answers = {"a:1": counted(130), "b:1": counted(9)}
    look = collector.look([A, B])
    assert values(look, "requests_total") == {"a:1": 30.0, "b:1": 4.0}
    assert values(look, "up") == {"a:1": 1.0, "b:1": 1.0}
    labels = [dict(each.series.labels) for each in look.samples if each.series.name == "requests_total"]
    assert labels[1] == {"model": "m", "instance": "b:1", "job": "seaway", "zone": "x"}


def test_a_server_that_is_down_is_said_to_be_and_misses_nothing_when_it_is_back(
    servers: Servers, collector: Collector
) -> None:
    servers.answers = {"a:1": counted(100), "b:1": counted(5)}
    collector.look([A, B])
    servers.answers["a:1"] = Unavailable("connection refused")
    look = collector.look([A, B])
    assert values(look, "up") == {"a:1": 0.0, "b:1": 1.0}
    assert [(each.instance, each.is_up, each.problem) for each in collector.statuses()] == [
        ("a:1", False, "connection refused"),
        ("b:1", True, ""),
    ]
    servers.answers["a:1"] = counted(160)
    assert values(collector.look([A, B]), "requests_total") == {"a:1": 60.0}


def test_what_is_no_metrics_text_is_told_as_such(servers: Servers, collector: Collector) -> None:
    servers.answers = {"a:1": "<html>welcome</html>"}
    assert values(collector.look([A]), "up") == {"a:1": 0.0}
    assert "not in Prometheus' text format" in collector.statuses()[0].problem


def test_a_server_that_left_is_forgotten(servers: Servers, collector: Collector) -> None:
    servers.answers = {"a:1": counted(1), "b:1": counted(1)}
    collector.look([A, B])
    collector.look([B])
    assert [each.instance for each in collector.statuses()] == ["b:1"]


def test_a_server_with_too_many_series_is_cut_and_says_so(servers: Servers, collector: Collector) -> None:
    text = "".join(f'x{{n="{n}"}} 1\n' for n in range(MOST_SERIES + 7))
    servers.answers = {"a:1": text}
    look = collector.look([A])
    assert values(look, "scrape_series_left_out") == {"a:1": 7.0}
    assert sum(each.series.name == "x" for each in look.samples) == MOST_SERIES


def served(version: int, restarts: int = 0, failed: int = 0, engine: str = "tensorflow") -> str:
    return (
        f'# TYPE seaway_engine_info gauge\nseaway_engine_info{{model="m",version="{version}",engine="{engine}"}} 1\n'
        f'# TYPE seaway_worker_restarts_total counter\nseaway_worker_restarts_total{{model="m"}} {restarts}\n'
        f"# TYPE seaway_model_loads_total counter\n"
        f'seaway_model_loads_total{{model="m",outcome="failed"}} {failed}\n'
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param(served(1), served(1), [], id="nothing"),
        pytest.param(
            served(1), served(2), ["version 2 is served (tensorflow)", "version 1 is gone"], id="another-version"
        ),
        pytest.param(served(1), served(1, engine="onnx"), ["version 1 is served (onnx)"], id="another-engine"),
        pytest.param(
            served(1), served(1, restarts=1), ["a worker ended on its own and was started again (1)"], id="restart"
        ),
        pytest.param(served(1), served(1, failed=2), ["a version could not be loaded (2)"], id="load-failed"),
    ],
)
def test_what_happened_is_told(
    servers: Servers, collector: Collector, before: str, after: str, told: list[str]
) -> None:
    servers.answers = {"a:1": before}
    assert collector.look([A]).events == []
    servers.answers = {"a:1": after}
    events = collector.look([A]).events
    assert [each.text for each in events] == told
    assert all(each.labels["model"] == "m" and each.labels["instance"] == "a:1" for each in events)
