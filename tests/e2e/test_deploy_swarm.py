"""Deployments on a real Docker Swarm of one node, by the `seaway` command: one for all tests, and the same for each."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.models.cache import Models
from tests.support.artifacts import ARTIFACTS
from tests.support.clients import Client, Load
from tests.support.deployed import Deployed
from tests.support.engine import TRAEFIK_IMAGE, Engine
from tests.support.eventually import eventually, true_soon
from tests.support.images import BROKEN, SEAWAY, SEAWAY_NEXT
from tests.support.store import Store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1800),
    # The client of the engine leaves sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]

DESCRIPTION = """\
project: sums
store: {store}
target: swarm
models:
  adder: {{objective: {{disagreement: 1.0}}}}
server:
  image: {image}
  replicas: {replicas}
  ports: PORTS
  ingress: {{image: {traefik}}}
  tokens: [{{env: APP_TOKEN}}]
  start_timeout_s: 90
  settings: {{trials: {{enabled: false}}}}
monitor: {{port: MONITOR, interval_s: 1, password: {{env: APP_TOKEN}}}}
rollout: {{shadow: 0, canary: [0.5], stage_s: 1, bake_s: 1, min_samples: 20, patience_s: 60, tolerance: 100}}
"""
TOKEN = "swarm-secret-token"


class World:
    """A Swarm, a store, and a deployment between them."""

    def __init__(self, engine: Engine, store: Store) -> None:
        """Describe it."""
        self.engine = engine
        self.store = store
        directory = ARTIFACTS / "test_deploy_swarm"
        self.deployed = Deployed(directory, self.text(), DOCKER_HOST=engine.host, APP_TOKEN=TOKEN)

    def text(self, image: str = SEAWAY, replicas: int = 2) -> str:
        """A description."""
        return DESCRIPTION.format(store=self.store.root, image=image, replicas=replicas, traefik=TRAEFIK_IMAGE)

    def deploy(self, image: str = SEAWAY, replicas: int = 2) -> None:
        """Describe and deploy."""
        self.deployed.describe(self.text(image, replicas))
        self.deployed.run("deploy", "--yes").ok()

    def restore(self) -> None:
        """Undo what a test before has left, in the store and in the deployment; nothing where it has left nothing."""
        for version in (2, 3):
            if (self.store.base("adder") / str(version)).exists():
                self.store.remove("adder", version)
        self.deploy()

    def replicas(self) -> list[dict[str, Any]]:
        """What `status` says of each replica."""
        found: list[dict[str, Any]] = self.deployed.status()["replicas"]
        return found

    def ready(self) -> int:
        """How many replicas are ready."""
        return sum(each["state"] == "ready" for each in self.replicas())

    def docker(self, *arguments: str) -> str:
        """Run a command of the engine's own client and return what it and its complaints say."""
        command = ["/usr/bin/docker", "-H", self.engine.host, *arguments]
        ran = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return ran.stdout


@pytest.fixture(scope="module")
def deployment(engine: Engine, models: Models, open_directory: Any) -> Iterator[World]:
    """Replicas that serve one model."""
    store = Store(open_directory("swarm-store"), models)
    store.add("adder", 1, "adder", "1")
    world = World(engine, store)
    world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
    try:
        world.deploy()
        yield world
    finally:
        tasks = world.docker("service", "ps", "--no-trunc", "sums", "sums-ingress")
        (world.deployed.directory / "tasks.txt").write_text(tasks)
        world.deployed.clean_up()
        world.docker("swarm", "leave", "--force")


@pytest.fixture
def world(deployment: World) -> World:
    """The deployment as every test finds it: two replicas of one image, which serve version 1."""
    deployment.restore()
    return deployment


def answer(client: Client) -> float:
    """What adder says to 0: the version that answered."""
    request = client.predict_request("adder", x=[0.0])
    response = client.prediction.Predict(request, timeout=30, metadata=[("authorization", f"Bearer {TOKEN}")])
    return float(response.outputs["y"].float_val[0])


@pytest.mark.smoke
def test_replicas_share_the_requests_of_one_client(world: World) -> None:
    assert world.deployed.plan() == []
    assert world.ready() == 2
    with Client(world.deployed.grpc_address) as client:
        for _ in range(40):
            assert answer(client) == 1.0
        from seaway.deploy.report_files import read_reports  # noqa: PLC0415

        state = world.store.root / ".seaway" / "sums"
        eventually(
            lambda: [sum(series.ok for series in report.series) for report in read_reports(state)],
            lambda counts: len(counts) == 2 and min(counts) >= 15,
            "both have answered",
        )


def test_the_monitor_finds_every_task_by_its_name(world: World) -> None:
    deployed = world.deployed
    assert deployed.status()["monitor"] == f"http://127.0.0.1:{deployed.monitor_port}/"
    names = {each["name"] for each in world.replicas()}
    true_soon(lambda: deployed.asked("up") == dict.fromkeys(names, 1.0), "it looks at both")
    with Client(deployed.grpc_address) as client:
        for _ in range(40):
            answer(client)
    rate = "sum by (instance) (rate(seaway_requests_total[1m])) > 0"
    true_soon(lambda: deployed.asked(rate).keys() == names, "both have a rate")
    deployed.run("scale", "3", "--yes").ok()
    added = {each["name"] for each in world.replicas()} - names
    true_soon(lambda: deployed.asked("up").keys() >= added, "a task that was added is found")
    deployed.run("deploy", "--yes").ok()
    assert deployed.plan() == []


def test_the_token_is_in_no_object_and_no_plan(world: World) -> None:
    shown = [str(service.attrs) for service in world.engine.client.services.list()]
    shown += [world.deployed.run("history", "--json").ok().out, world.deployed.run("plan", "--json").ok().out]
    assert TOKEN not in "".join(shown)
    with Client(world.deployed.grpc_address) as client, pytest.raises(Exception, match="UNAUTHENTICATED"):
        client.predict("adder", x=[0.0])


def test_every_change_under_load_loses_no_request(world: World) -> None:
    world.store.add("adder", 2, "adder", "2")
    with Client(world.deployed.grpc_address) as client, Load(lambda: answer(client)) as load:
        world.deployed.run("scale", "3", "--yes").ok()
        assert world.ready() == 3
        world.deploy(SEAWAY_NEXT)
        assert world.deployed.plan() == []
        world.deployed.run("rollout", "adder", "2", "--yes").ok()
        assert answer(client) == 2.0
        world.deployed.run("rollback", "adder", "--yes").ok()
        true_soon(lambda: answer(client) == 1.0, "version 1 answers again")
    assert load.failures == []
    print(f"{load.calls} requests through scaling, a change of image, a rollout and a rollback: none failed")


def test_a_broken_image_is_rolled_back_by_swarm(world: World) -> None:
    world.deployed.describe(world.text(BROKEN))
    begun = time.monotonic()
    with Client(world.deployed.grpc_address) as client, Load(lambda: answer(client)) as load:
        ran = world.deployed.run("deploy", "--yes")
    print(f"a broken image was rolled back after {time.monotonic() - begun:.1f} s")
    assert ran.code == 1
    assert "Swarm has rolled sums back" in ran.err
    assert load.failures == []
    world.deploy()
    assert world.deployed.plan() == []


def test_a_killed_task_is_replaced(world: World) -> None:
    container = world.engine.client.containers.list(filters={"label": "seaway.role=replica"})[0]
    os.kill(int(container.attrs["State"]["Pid"]), signal.SIGKILL)
    begun = time.monotonic()
    true_soon(lambda: container.id not in _running(world), "it is gone")
    true_soon(lambda: world.ready() == 2, "another task is in its place", limit_s=90)
    print(f"a killed task was replaced after {time.monotonic() - begun:.1f} s")


def test_a_destroyed_deployment_leaves_nothing(world: World) -> None:
    world.deployed.run("destroy", "--yes").ok()
    client = world.engine.client
    assert client.services.list() == []
    assert client.secrets.list() == []
    assert client.volumes.list() == []
    assert [network.name for network in client.networks.list() if "seaway" in str(network.name)] == []
    assert not (world.store.root / ".seaway").exists()


def _running(world: World) -> set[str]:
    return {str(each.id) for each in world.engine.client.containers.list()}
