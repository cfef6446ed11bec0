"""What is said about a described store is what was written into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from seaway.monitor.point import Sample
from seaway.monitor.store.store import Store
from seaway.monitor.target import TargetStatus
from seaway.monitor.top.figures import view
from seaway.monitor.top.view import View, ordered
from tests.support.described_servers import (
    BOUNDS,
    WINDOW,
    at,
    counter,
    histogram,
    is_up,
    replica,
    status,
    stored,
    value,
)

See = Callable[..., View]


@pytest.fixture
def see(tmp_path: Path) -> Iterator[See]:
    """The view of samples."""
    stores: list[Store] = []

    def one(samples: Sequence[Sample], *statuses: TargetStatus, look: int = 2) -> View:
        stores.append(stored(tmp_path / str(len(stores)), samples))
        return view(stores[-1], statuses, at(look), WINDOW)

    yield one
    for store in stores:
        store.close()


def two_replicas(slow_bucket: int, requests: int = 100) -> list[Sample]:
    found = [is_up("a", 0), is_up("b", 0)]
    for look in (1, 2):
        found += replica("a", look, 1, requests=requests) + replica("b", look, slow_bucket, requests=requests)
    return found


def test_a_model_is_the_sum_of_its_replicas_over_the_time_that_the_looks_cover(see: See) -> None:
    found = see(two_replicas(1), status("a"), status("b"))
    (row,) = found.models
    assert (row.model, row.version, row.engine) == ("m", "7", "onnx")
    assert found.rate == row.rate == pytest.approx(2 * 200 / 4)
    assert found.error_share == row.error_share == pytest.approx(0.1)
    assert (row.queued, row.in_flight, row.batch_rows) == (6, 4, 8)
    assert row.memory_bytes == 2 * 64 * 2**20
    assert row.p50_s is not None and BOUNDS[0] < row.p50_s <= BOUNDS[1]
    assert (found.up, found.window_s) == (2, 4.0)


def test_stages_are_mean_times_of_a_request(see: See) -> None:
    (row,) = see(two_replicas(1), status("a"), status("b")).models
    assert row.stages == pytest.approx({"queue": 0.001, "decode": 0.00025, "run": 0.0005, "encode": 0.00025})


def test_a_slowed_down_replica_is_marked_and_the_others_are_not(see: See) -> None:
    slowed = see(two_replicas(5), status("a"), status("b"))
    by_name = {server.instance: server for server in slowed.servers}
    assert not by_name["a"].slow
    (slow,) = by_name["b"].slow
    assert (slow.model, slow.version) == ("m", "7")
    assert slow.p99_s > 2 * slow.others_p99_s
    assert ordered(slowed, "requests").servers[0].instance == "b"
    assert by_name["b"].cpu_cores == pytest.approx(1.5)


@pytest.mark.parametrize(("bucket", "requests"), [(2, 100), (5, 10)])
def test_a_little_slower_or_too_few_requests_is_not_marked(see: See, bucket: int, requests: int) -> None:
    assert not any(server.slow for server in see(two_replicas(bucket, requests), status("a"), status("b")).servers)


def test_signatures_have_rows_of_their_own_and_idle_versions_too(see: See) -> None:
    samples = [is_up("a", 0), *replica("a", 1, 1, signature="x"), *replica("a", 2, 2, signature="y")]
    samples.append(value("seaway_engine_info", 2, 1.0, model="idle", version="1", engine="onnx", instance="a"))
    found = see(samples, status("a"))
    assert [(row.model, row.signature) for row in ordered(found, "requests").signatures] == [
        ("m", "x"),
        ("m", "y"),
        ("idle", ""),
    ]
    assert [row.model for row in ordered(found, "requests").models] == ["m", "idle"]


def test_a_server_that_is_down_says_nothing_and_a_gauge_that_ended_does_not_linger(see: See) -> None:
    samples = two_replicas(1)
    samples += [is_up("a", 3), is_up("b", 3, up=False)]
    found = see(samples, status("a"), status("b", "no answer"), look=3)
    (row,) = found.models
    assert row.rate == pytest.approx(200 / 6)
    assert (row.queued, row.engine) == (None, "")
    down = next(server for server in found.servers if server.instance == "b")
    assert (down.is_up, down.problem, down.rate) == (False, "no answer", 0.0)


def test_what_a_server_did_while_it_did_not_answer_is_divided_by_that_time(see: See) -> None:
    samples = [is_up("a", 0), is_up("a", 1, up=False), *replica("a", 2, 1)]
    assert see(samples, status("a")).rate == pytest.approx(100 / 4)


def test_only_the_window_counts(see: See) -> None:
    samples = [is_up("a", 0)]
    for look in range(1, 11):
        samples += replica("a", look, 5 if look <= 5 else 0)
    (row,) = see(samples, status("a"), look=10).models
    assert row.rate == pytest.approx(50)
    assert row.p99_s is not None and row.p99_s <= BOUNDS[0]


def test_tensorflow_serving_shows_what_is_there_and_seaway_is_not_counted_twice(see: See) -> None:
    counts = {"model_name": "old", "status": "OK"}
    latency = {"model_name": "old", "API": "Predict", "entrypoint": "GRPC"}
    bounds = (1000.0, 2000.0)
    samples = [is_up("t", 0), is_up("t", 1), is_up("a", 0), *replica("a", 1, 1)]
    for instance in ("t", "a"):
        samples += [
            counter(":tensorflow:serving:request_count", 1, 75.0, **counts, instance=instance),
            counter(
                ":tensorflow:serving:request_count", 1, 25.0, model_name="old", status="INTERNAL", instance=instance
            ),
            histogram(
                ":tensorflow:serving:request_latency", 1, [0, 75.0, 0], 1e5, bounds, **latency, instance=instance
            ),
        ]
    found = see(samples, status("t"), status("a"), look=1)
    assert {row.model: row.rate for row in found.models} == pytest.approx({"old": 50.0, "m": 50.0})
    old = next(row for row in found.models if row.model == "old")
    assert old.error_share == pytest.approx(0.25)
    assert old.p99_s is not None and 0.001 < old.p99_s <= 0.002
    assert (old.version, old.memory_bytes, old.stages) == ("", None, {})


def test_nothing_is_known_before_the_second_look(see: See) -> None:
    found = see([is_up("a", 0)], status("a"), look=0)
    assert (found.rate, found.models, found.up, found.error_share) == (0.0, (), 1, None)
