"""A Swarm of three engines, each in a network namespace of its own, over one store; one of them is cut off."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.models.cache import Models
from tests.support.artifacts import ARTIFACTS
from tests.support.deployed import Deployed
from tests.support.engine import TRAEFIK_IMAGE, Engine, skip_unless_possible
from tests.support.eventually import eventually, true_soon
from tests.support.images import SEAWAY
from tests.support.namespaces import Host, hosts
from tests.support.store import Store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1800),
    # The client of the engine leaves sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]

DESCRIPTION = """\
project: nodes
store: {store}
target: swarm
monitor: false
models: {{adder: {{}}}}
server:
  image: {image}
  replicas: 3
  ports: PORTS
  ingress: {{image: {traefik}}}
  start_timeout_s: 120
  settings: {{trials: {{enabled: false}}}}
  placement: {{spread: node.id}}
"""


@pytest.fixture(scope="module")
def machines(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Host, Engine]]]:
    """Three engines that form a Swarm; the first one manages it. `engine` has the images."""
    skip_unless_possible()
    with hosts(3) as made:
        found = [(host, Engine(tmp_path_factory.mktemp(host.name), within=host.within)) for host in made]
        try:
            for _, each in found:
                each.start()
                copy_images(engine, each, (SEAWAY, TRAEFIK_IMAGE) if each is found[0][1] else (SEAWAY,))
            form_swarm(found)
            yield found
        finally:
            for _, each in reversed(found):
                # An engine that ends as a member of a Swarm waits for the others.
                with suppress(docker.errors.APIError, AttributeError):
                    each.client.swarm.leave(force=True)
                each.stop()


def copy_images(source: Engine, target: Engine, names: tuple[str, ...]) -> None:
    """Give an engine images of another one."""
    with tempfile.TemporaryFile() as archive:
        save = ["/usr/bin/docker", "-H", source.host, "save", *names]
        subprocess.run(save, stdout=archive, check=True)
        archive.seek(0)
        subprocess.run(
            ["/usr/bin/docker", "-H", target.host, "load", "-q"], stdin=archive, check=True, capture_output=True
        )


def form_swarm(machines: list[tuple[Host, Engine]]) -> None:
    """Have the first engine manage a Swarm that the others join."""
    (host, manager), *others = machines
    manager.client.swarm.init(advertise_addr=host.address, listen_addr=f"{host.address}:2377")
    manager.client.swarm.reload()
    token = manager.client.swarm.attrs["JoinTokens"]["Worker"]
    for each, engine in others:
        engine.client.swarm.join([f"{host.address}:2377"], token, advertise_addr=each.address)


@pytest.fixture(scope="module")
def deployed(
    machines: list[tuple[Host, Engine]], models: Models, open_directory: Callable[[str], Path]
) -> Iterator[Deployed]:
    """Three replicas over the three nodes."""
    store = Store(open_directory("nodes-store"), models)
    store.add("adder", 1, "adder", "1")
    text = DESCRIPTION.format(store=store.root, image=SEAWAY, traefik=TRAEFIK_IMAGE)
    deployed = Deployed(ARTIFACTS / "test_deploy_swarm_nodes", text, DOCKER_HOST=machines[0][1].host)
    try:
        deployed.run("deploy", "--yes", limit_s=300).ok()
        yield deployed
    finally:
        deployed.clean_up()


def nodes(deployed: Deployed) -> Counter[str]:
    """How many ready replicas each node has."""
    return Counter(each["address"] for each in deployed.status()["replicas"] if each["state"] == "ready")


def load(host: Host, deployed: Deployed, seconds: float) -> subprocess.Popen[str]:
    """Begin to ask the ingress from inside its own host; has begun when this returns."""
    command = [*host.within, sys.executable, "-m", "tests.support.load_client", deployed.grpc_address, f"{seconds}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def result(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a load came to."""
    out, _ = process.communicate(timeout=180)
    found: dict[str, Any] = json.loads(out)
    return found


def test_replicas_are_spread_over_the_nodes_and_all_of_them_answer(
    machines: list[tuple[Host, Engine]], deployed: Deployed
) -> None:
    assert len(machines[0][1].client.nodes.list()) == 3
    placed = {task["NodeID"] for task in _tasks(machines[0][1])}
    assert len(placed) == 3
    found = result(load(machines[0][0], deployed, 5))
    assert (found["failed"], found["answered"] > 50) == (0, True)
    assert deployed.plan() == []


def test_a_node_that_is_cut_off_is_done_without_and_comes_back(
    machines: list[tuple[Host, Engine]], deployed: Deployed
) -> None:
    (host, manager), *_, (cut, _) = machines
    asking = load(host, deployed, 60)
    cut.cut_off()
    try:
        eventually(lambda: _ready_nodes(manager), lambda count: count == 2, "the manager misses a node", 60)
        eventually(lambda: len(_running(manager)), lambda count: count == 3, "its replica runs elsewhere", 90)
        found = result(asking)
        print(f"one node of three cut off: {found}")
        assert found["answered"] > 100
        assert found["longest_gap_s"] < 20
        after = result(load(host, deployed, 5))
        assert after["failed"] == 0, "nobody asks the lost one any more"
    finally:
        cut.join()
    true_soon(lambda: _ready_nodes(manager) == 3, "the node is back", 60)


def _tasks(manager: Engine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = manager.client.api.tasks(filters={"service": "nodes", "desired-state": "running"})
    return [task for task in found if "Slot" in task and task["Spec"]["ContainerSpec"]["Image"].startswith(SEAWAY)]


def _running(manager: Engine) -> list[dict[str, Any]]:
    states = {str(node.id): node.attrs["Status"]["State"] for node in manager.client.nodes.list()}
    return [
        task for task in _tasks(manager) if task["Status"]["State"] == "running" and states[task["NodeID"]] == "ready"
    ]


def _ready_nodes(manager: Engine) -> int:
    return sum(node.attrs["Status"]["State"] == "ready" for node in manager.client.nodes.list())
