"""A new version takes over under load."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.models.cache import Models
from tests.support.clients import Client, Load
from tests.support.eventually import eventually, true_soon
from tests.support.server import Server, http
from tests.support.store import Store

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
Connect = Callable[[Server], Client]


def answer(client: Client) -> float:
    """What adder says to 0: the version that answered."""
    return float(client.arrays("adder", x=[0.0])["y"][0])


@pytest.mark.smoke
def test_a_new_version_takes_over_without_one_failed_request(start: Start, connect: Connect, store: Store) -> None:
    store.add("adder", 1, "adder", "1")
    server = start({"adder": store.base("adder")})
    client = connect(server)
    old = server.worker_pid("adder", 1)

    def over_rest() -> float:
        return http(f"{server.url}/v1/models/adder:predict", {"instances": [0.0]}).json["predictions"][0]

    with Load(lambda: answer(client)) as grpc_load, Load(over_rest, threads=1) as rest_load:
        true_soon(lambda: grpc_load.answered[1.0] > 20 and rest_load.answered[1.0] > 20, "both clients are answered")
        store.add("adder", 2, "adder", "2")
        true_soon(lambda: grpc_load.answered[2.0] > 50 and rest_load.answered[2.0] > 50, "version 2 answers both")
        true_soon(lambda: not psutil.pid_exists(old), "the worker of version 1 ends")

    assert grpc_load.failures == []
    assert rest_load.failures == []
    assert set(grpc_load.answered) == set(rest_load.answered) == {1.0, 2.0}
    server.wait_state("adder", 1, "END")
    assert server.states("adder")[2] == "AVAILABLE"


def test_five_swaps_in_a_row_leave_one_worker_and_no_failure(start: Start, connect: Connect, store: Store) -> None:
    store.add("adder", 1, "adder", "1")
    server = start({"adder": store.base("adder")}, "--settle-seconds=0.2")
    client = connect(server)
    with Load(lambda: answer(client), threads=1) as load:
        for version in range(2, 7):
            store.add("adder", version, "adder", str(version % 3 + 1))
            server.wait_state("adder", version)
        store_versions = [f"{version}" for version in range(1, 6)]
        true_soon(
            lambda: all(server.states("adder").get(int(v), "END") == "END" for v in store_versions), "all others end"
        )
    assert load.failures == []
    workers = {entry["worker_pid"] for entry in server.listing()["adder"].values() if entry["state"] == "AVAILABLE"}
    assert len(workers) == 1


def test_a_version_that_is_still_being_copied_is_not_loaded(start: Start, store: Store, models: Models) -> None:
    store.add("half", 1, "half_plus_two")
    server = start({"half": store.base("half")}, "--settle-seconds=1")
    source, target = models.version("half_plus_two"), store.base("half") / "2"
    (target / "variables").mkdir(parents=True)
    (target / "saved_model.pb").write_bytes((source / "saved_model.pb").read_bytes()[:200])
    store.add("half", 3, "half_plus_three")
    server.wait_state("half", 3)
    assert server.states("half").get(2) not in {"AVAILABLE", "LOADING"}

    shutil.rmtree(store.base("half") / "3")
    shutil.copytree(source, target, dirs_exist_ok=True)
    server.wait_state("half", 2)


def test_a_removed_version_is_unloaded_and_the_one_before_comes_back(
    start: Start, connect: Connect, store: Store
) -> None:
    store.add("adder", 1, "adder", "1")
    store.add("adder", 2, "adder", "2")
    server = start({"adder": store.base("adder")})
    client = connect(server)
    assert answer(client) == 2.0
    store.remove("adder", 2)
    eventually(lambda: answer(client), lambda found: found == 1.0, "version 1 serves again")
    server.wait_state("adder", 2, "END")


def test_every_version_is_served_when_the_policy_says_all(start: Start, connect: Connect, models: Models) -> None:
    lines = f'base_path: "{models.path("adder")}"\n model_version_policy {{ all {{}} }}'
    server = start({"adder": lines})
    client = connect(server)
    assert server.states("adder") == {1: "AVAILABLE", 2: "AVAILABLE", 3: "AVAILABLE"}
    answers = [client.predict("adder", version=version, x=[0.0]).outputs["y"].float_val[0] for version in (1, 2, 3)]
    assert answers == [1.0, 2.0, 3.0]


def test_versions_may_have_leading_zeros(start: Start, connect: Connect, models: Models) -> None:
    base: Path = models.path("half_plus_two")
    assert [child.name for child in base.iterdir()] == ["00000123"]
    server = start({"half": base})
    assert connect(server).predict("half", x=[[1.0]]).model_spec.version.value == 123
