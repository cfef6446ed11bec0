"""Versions that cannot serve stay out, say why, and hold nobody up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.models.cache import Models
from tests.support.clients import Client
from tests.support.eventually import eventually, true_soon
from tests.support.server import Server
from tests.support.store import Store

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
Connect = Callable[[Server], Client]

ONCE = ("--max-num-load-retries=0", "--settle-seconds=0.2")


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("corrupt_graph", "saved_model.pb"),
        ("missing_variables", "variables"),
        ("truncated_shard", ""),
        ("unknown_op", "SeawayNoSuchOp"),
        ("train_tag", "serve"),
        ("warmup_failing", "no_such_input"),
    ],
)
def test_a_bad_version_stays_out_and_the_one_before_serves(
    start: Start, connect: Connect, store: Store, broken: str, why: str
) -> None:
    store.add("half", 1, "half_plus_two")
    server = start({"half": store.base("half")}, *ONCE)
    client = connect(server)
    store.add("half", 2, broken)
    server.wait_state("half", 2, "END")
    assert server.states("half")[1] == "AVAILABLE"
    assert why in server.why_not("half", 2)
    assert server.why_not("half", 2)
    response = client.predict("half", x=[[2.0]])
    assert (response.model_spec.version.value, response.outputs["y"].float_val[0]) == (1, 3.0)
    assert server.get("/readyz").status == 200


def test_one_bad_model_does_not_delay_another(start: Start, connect: Connect, store: Store) -> None:
    store.add("bad", 1, "unknown_op")
    store.add("good", 1, "half_plus_two")
    server = start({"bad": store.base("bad"), "good": store.base("good")}, *ONCE, ready=False).wait_listening()
    server.wait_state("good", 1)
    assert connect(server).arrays("good", x=[[2.0]])["y"].tolist() == [[3.0]]
    server.wait_state("bad", 1, "END")
    assert server.get("/readyz/good").status == 200
    assert server.get("/readyz/bad").status == 503
    assert connect(server).health("bad") == "NOT_SERVING"
    store.add("bad", 2, "half_plus_three")
    server.wait_state("bad", 2)
    assert server.get("/readyz/bad").status == 200


def test_good_warm_up_records_are_replayed_before_the_version_is_available(start: Start, models: Models) -> None:
    server = start({"warm": models.path("warmup")})
    assert server.states("warm") == {1: "AVAILABLE"}
    replayed = [line for line in server.log.splitlines() if "'warm'" in line and "2 warm-up records" in line]
    assert len(replayed) == 1


def test_warm_up_can_be_switched_off(start: Start, models: Models) -> None:
    server = start({"warm": models.path("warmup_failing")}, "--no-enable-model-warmup")
    assert server.states("warm") == {1: "AVAILABLE"}


def test_a_base_path_that_is_itself_a_saved_model_is_served_with_a_warning(
    start: Start, connect: Connect, models: Models
) -> None:
    server = start({"half": models.version("half_plus_two")})
    assert connect(server).arrays("half", x=[[2.0]])["y"].tolist() == [[3.0]]
    warned = [line for line in server.log.splitlines() if "warn" in line.lower() and "SavedModel" in line]
    assert warned


def test_an_empty_base_path_is_waited_for(start: Start, store: Store) -> None:
    store.base("half").mkdir(parents=True)
    server = start({"half": store.base("half")}, ready=False).wait_listening()
    eventually(lambda: server.get("/readyz").status, lambda status: status == 503, "not ready without a version")
    store.add("half", 1, "half_plus_two")
    server.wait_state("half", 1)


def test_a_missing_base_path_is_named_in_the_log_and_waited_for(start: Start, store: Store) -> None:
    server = start({"half": store.base("half")}, ready=False).wait_listening()
    true_soon(lambda: str(store.base("half")) in server.log, "the log names the directory")
    store.add("half", 1, "half_plus_two")
    server.wait_state("half", 1)


def test_a_version_that_failed_is_tried_again(start: Start, store: Store, models: Models) -> None:
    target = store.add("half", 1, "missing_variables")
    server = start(
        {"half": store.base("half")},
        *("--load-retry-interval-micros=500000", "--max-num-load-retries=100", "--settle-seconds=0.2"),
        ready=False,
    ).wait_listening()
    true_soon(lambda: "variables" in server.log, "the failure is told")
    variables = models.version("half_plus_two") / "variables"
    (target / "variables").mkdir()
    for file in variables.iterdir():
        (target / "variables" / file.name).write_bytes(file.read_bytes())
    server.wait_state("half", 1)
