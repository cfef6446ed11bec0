"""How requests share runs, and models share a machine: parameters that change while running, and a flood."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.models.cache import Models
from tests.support.clients import Client
from tests.support.eventually import eventually
from tests.support.server import Answer, Server
from tests.support.store import Store

if TYPE_CHECKING:
    from tensorflow_serving.apis import regression_pb2

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
Connect = Callable[[Server], Client]

ADMIN = "--admin-calls"


def put(server: Server, model: str, parameters: Any) -> Answer:
    """PUT a model's batching parameters."""
    return server.put(f"/v1/models/{model}/batching", parameters)


def batching(server: Server, model: str) -> dict[str, Any]:
    """The parameters and signatures that are in force for each version."""
    answer = server.get(f"/v1/models/{model}/batching").json
    assert answer["model"] == model
    return {version["version"]: version for version in answer["versions"]}


def regress_request(model: str, value: float) -> regression_pb2.RegressionRequest:
    from tensorflow_serving.apis import regression_pb2  # noqa: PLC0415

    request = regression_pb2.RegressionRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = "regress_x_to_y"
    example = request.input.example_list.examples.add()
    example.features.feature["x"].float_list.value.append(value)
    return request


def together(client: Client, model: str, values: list[float]) -> list[float]:
    """Regress each value with a request of its own, all at once; the answers in order."""
    with ThreadPoolExecutor(len(values)) as pool:
        answers = pool.map(lambda value: client.prediction.Regress(regress_request(model, value), timeout=30), values)
        return [answer.result.regressions[0].value for answer in answers]


def test_parameters_change_by_a_call_for_versions_loaded_now_and_later(
    start: Start, connect: Connect, models: Models, store: Store
) -> None:
    store.add("half", 1, "half_plus_two")
    server = start({"half": store.base("half")}, ADMIN, "--settle-seconds=0.2")
    before = batching(server, "half")["1"]
    assert before["parameters"]["enabled"]
    assert "max_batch_size" not in before["parameters"]

    answer = put(server, "half", {"maxBatchSize": "4", "batch_timeout_micros": 20_000_000})
    assert answer.status == 200, answer.body
    assert answer.json["versions"][0]["parameters"]["max_batch_size"] == 4

    # A full batch waits no longer: were the four not joined, each would wait for twenty seconds.
    assert together(connect(server), "half", [2.0, 4.0, 6.0, 8.0]) == [3.0, 4.0, 5.0, 6.0]
    seen = batching(server, "half")["1"]["signatures"]["regress_x_to_y"]
    assert seen == {"joined": True, "why_not": "", "runs": 1, "mean_rows": 4.0, "mean_requests": 4.0}

    store.add("half", 2, "half_plus_two")
    server.wait_state("half", 2)
    assert batching(server, "half")["2"]["parameters"]["max_batch_size"] == 4


def test_batching_is_switched_off_and_on_without_a_reload(start: Start, models: Models) -> None:
    server = start({"half": models.path("half_plus_two")}, ADMIN, "--no-batching")
    assert not batching(server, "half")["123"]["parameters"]["enabled"]
    pid = server.worker_pid("half", 123)
    assert put(server, "half", {}).status == 200
    signatures = batching(server, "half")["123"]["signatures"]
    assert {name for name, signature in signatures.items() if signature["joined"]} == set(signatures)
    listed = eventually(lambda: server.listing()["half"][123]["batching"], bool, "the list shows what was proven")
    assert set(listed.values()) == {"on"}
    assert put(server, "half", {"enabled": False}).status == 200
    assert all(
        signature["why_not"] == "batching is off"
        for signature in batching(server, "half")["123"]["signatures"].values()
    )
    assert server.worker_pid("half", 123) == pid


def test_calls_that_are_not_allowed_or_make_no_sense_are_refused_and_change_nothing(
    start: Start, models: Models
) -> None:
    closed = start({"half": models.path("half_plus_two")})
    refused = put(closed, "half", {})
    assert refused.status == 403
    assert "network.admin_calls" in refused.error
    assert "--admin-calls" in refused.error

    server = start({"half": models.path("half_plus_two")}, ADMIN)
    before = batching(server, "half")
    for parameters, says in [
        ({"max_batch_size": 0}, "max_batch_size is 0; use at least 1"),
        ({"max_batch_sizes": 1}, "max_batch_sizes"),
        ({"max_batch_size": 8, "allowed_batch_sizes": [2, 4]}, "is 4 and must equal max_batch_size, 8"),
        ([], "is no JSON object"),
    ]:
        answer = put(server, "half", parameters)
        assert answer.status == 400, parameters
        assert says in answer.error
    assert put(server, "none", {}).status == 404
    assert server.get("/v1/models/none/batching").status == 404
    assert batching(server, "half") == before


def test_signatures_that_parse_examples_are_proven_and_joined(start: Start, models: Models) -> None:
    server = start({"tf1": models.path("half_plus_two"), "tf2": models.path("half_plus_two_tf2")})
    for model in ("tf1", "tf2"):
        (version,) = server.listing()[model].values()
        joined = {name for name, shown in version["batching"].items() if shown == "on"}
        assert {"serving_default", "regress_x_to_y", "classify_x_to_y"} <= joined, version["batching"]


@pytest.mark.smoke
def test_a_flooded_model_does_not_starve_another(start: Start, connect: Connect, models: Models) -> None:
    server = start({"flooded": models.path("slow"), "quiet": models.path("half_plus_two")}, "--no-batching")
    client, flood = connect(server), connect(server)
    rounds, waiting, run_ms = 30, 32, 20.0
    finished = []

    def ask_until_told() -> None:
        while not finished:
            flood.predict("flooded", milliseconds=[run_ms])

    def flooded_runs() -> float:
        lines = [line for line in server.get("/monitoring/prometheus/metrics").body.decode().splitlines()]
        wanted = [line for line in lines if line.startswith("seaway_requests_total") and 'model="flooded"' in line]
        return sum(float(line.rsplit(" ", 1)[1]) for line in wanted)

    with ThreadPoolExecutor(waiting) as pool:
        for _ in range(waiting):
            pool.submit(ask_until_told)
        try:
            before = eventually(flooded_runs, lambda runs: runs > 0, "the flood has begun")
            for _ in range(rounds):
                assert client.arrays("quiet", x=[[2.0]])["y"].tolist() == [[3.0]]
            during = flooded_runs() - before
        finally:
            finished.append(True)
    # First come, first served would have each quiet request wait for the whole queue before it.
    assert during < rounds * waiting / 2, (
        f"{during} runs of the flooded model passed {rounds} requests of the quiet one"
    )
