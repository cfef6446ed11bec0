"""Deployments on a real Docker engine, by the `seaway` command: one for the whole module, the same for every test."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from tests.models.cache import Models
from tests.support.artifacts import ARTIFACTS
from tests.support.clients import Client, Load
from tests.support.deployed import Deployed, ended
from tests.support.engine import TRAEFIK_IMAGE, Engine
from tests.support.eventually import eventually, true_soon
from tests.support.images import BROKEN, SEAWAY, SEAWAY_NEXT
from tests.support.ports import free_port
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
target: docker
models:
  adder: {{objective: {{disagreement: 1.0}}}}
  half: {{path: half_plus_two}}
server:
  image: {image}
  replicas: {replicas}
  ports: PORTS
  ingress: {{image: {traefik}}}
  memory: 1Gi
  start_timeout_s: 90
  settings: {{trials: {{enabled: false}}}}
monitor: {{port: MONITOR, interval_s: 1}}
rollout:
  {{shadow: 1.0, shadow_s: 1, canary: [0.5], stage_s: 1, bake_s: 1, min_samples: 20, patience_s: 60, tolerance: 100}}
"""


class World:
    """An engine, a store, and a deployment between them."""

    def __init__(self, engine: Engine, store: Store, directory: Path) -> None:
        """Describe two replicas."""
        self.engine = engine
        self.store = store
        self.deployed = Deployed(directory, self.text(), DOCKER_HOST=engine.host)

    def text(self, image: str = SEAWAY, replicas: int = 2) -> str:
        """A description."""
        return DESCRIPTION.format(store=self.store.root, image=image, replicas=replicas, traefik=TRAEFIK_IMAGE)

    def describe(self, image: str = SEAWAY, replicas: int = 2) -> None:
        """Write another description."""
        self.deployed.describe(self.text(image, replicas))

    def deploy(self, image: str = SEAWAY, replicas: int = 2) -> str:
        """Describe and deploy."""
        self.describe(image, replicas)
        return self.deployed.run("deploy", "--yes").ok().out

    def restore(self) -> None:
        """Undo what a test before has left, in the store and in the deployment; nothing where it has left nothing."""
        for version in (2, 3):
            if (self.store.base("adder") / str(version)).exists():
                self.store.remove("adder", version)
        self.deploy()

    def client(self) -> Client:
        """A client of the ingress."""
        return Client(self.deployed.grpc_address)

    def replicas(self) -> dict[str, Any]:
        """What `status` says of each replica."""
        return {each["name"]: each for each in self.deployed.status()["replicas"]}

    def ready(self) -> int:
        """How many replicas are ready."""
        return sum(each["state"] == "ready" for each in self.replicas().values())

    def images(self) -> set[str]:
        """The images of the running replicas."""
        found = self.engine.client.containers.list(filters={"label": "seaway.role=replica"})
        return {str(each.attrs["Config"]["Image"]) for each in found}


@pytest.fixture(scope="module")
def deployment(engine: Engine, models: Models, open_directory: Callable[[str], Path]) -> Iterator[World]:
    """Replicas that serve two models."""
    store = Store(open_directory("docker-store"), models)
    store.add("adder", 1, "adder", "1")
    store.add("half_plus_two", 1, "half_plus_two")
    world = World(engine, store, ARTIFACTS / "test_deploy_docker")
    try:
        world.deploy()
        yield world
    finally:
        world.deployed.clean_up()


@pytest.fixture
def world(deployment: World) -> World:
    """The deployment as every test finds it: two replicas of one image, which serve version 1."""
    deployment.restore()
    return deployment


def answer(client: Client) -> float:
    """What adder says to 0: the version that answered."""
    return float(client.arrays("adder", x=[0.0])["y"][0])


def served_by(world: World) -> dict[str, int]:
    """How many requests each replica has answered, as it reports."""
    from seaway.deploy.report_files import read_reports  # noqa: PLC0415

    reports = read_reports(world.store.root / ".seaway" / "sums")
    return {report.replica: sum(series.ok for series in report.series) for report in reports}


def kill(container: Container) -> None:
    """End the first process of a container as a crash does; asking the engine would count as the owner's wish."""
    os.kill(int(container.attrs["State"]["Pid"]), signal.SIGKILL)


def seconds_until(holds: Callable[[], object], what: str) -> float:
    """How long it takes until something is so."""
    begun = time.monotonic()
    true_soon(holds, what, limit_s=120)
    return time.monotonic() - begun


@pytest.mark.smoke
def test_three_replicas_share_the_requests_of_one_client(world: World) -> None:
    world.deploy(replicas=3)
    assert world.deployed.plan() == []
    assert world.ready() == 3
    with world.client() as client:
        for _ in range(60):
            assert answer(client) == 1.0
        assert client.arrays("half", x=[[1.0]])["y"].tolist() == [[2.5]]
        eventually(lambda: served_by(world), lambda counts: min(counts.values()) >= 15, "all three have answered")


def test_replicas_run_without_rights(world: World) -> None:
    settings = world.engine.client.containers.get("sums-1").attrs
    host = settings["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["SecurityOpt"]) == (True, ["ALL"], ["no-new-privileges"])
    assert settings["Config"]["User"] == "10001:10001"
    store = next(mount for mount in settings["Mounts"] if mount["Destination"] == "/models")
    assert store["RW"] is False
    assert host["LogConfig"]["Config"] == {"max-file": "3", "max-size": "10m"}
    assert world.deployed.run("exec", "sums-1", "--", "touch", "/models/x").code != 0


def test_the_monitor_finds_every_replica_by_its_name_and_has_no_rights(world: World) -> None:
    world.deploy(replicas=3)
    deployed = world.deployed
    assert deployed.status()["monitor"] == f"http://127.0.0.1:{deployed.monitor_port}/"
    true_soon(lambda: deployed.asked("up") == {f"sums-{number}": 1.0 for number in (1, 2, 3)}, "it looks at all three")
    with world.client() as client:
        for _ in range(60):
            answer(client)
    rate = "sum by (instance) (rate(seaway_requests_total[1m])) > 0"
    true_soon(lambda: deployed.asked(rate).keys() == {"sums-1", "sums-2", "sums-3"}, "all three have a rate")
    assert deployed.asked("replica_ready") == {"sums-1": 1.0, "sums-2": 1.0, "sums-3": 1.0}
    true_soon(lambda: any("deploy by" in each["text"] for each in deployed.get("/api/v1/events")), "what was done")

    settings = world.engine.client.containers.get("sums-monitor").attrs
    host = settings["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["SecurityOpt"]) == (True, ["ALL"], ["no-new-privileges"])
    assert settings["Config"]["User"] == "10001:10001"
    assert host["Memory"] == 2**30
    written = [mount["Destination"] for mount in settings["Mounts"] if mount["RW"]]
    assert written == ["/seaway/monitor"], "the state is read-only, and the engine's socket is not there"

    deployed.run("scale", "4", "--yes").ok()
    true_soon(lambda: deployed.asked("up").get("sums-4") == 1.0, "a replica that was added is found")
    deployed.run("deploy", "--yes").ok()
    assert deployed.plan() == []


def test_every_change_under_load_loses_no_request(world: World) -> None:
    world.store.add("adder", 2, "adder", "2")
    with world.client() as client, Load(lambda: answer(client)) as load:
        world.deployed.run("scale", "5", "--yes").ok()
        assert world.ready() == 5
        world.deployed.run("scale", "2", "--yes").ok()
        assert world.ready() == 2
        world.deploy(SEAWAY_NEXT)
        assert world.images() == {SEAWAY_NEXT}
        world.deployed.run("rollout", "adder", "2", "--yes").ok()
        assert answer(client) == 2.0
        world.deployed.run("rollback", "adder", "--yes").ok()
        true_soon(lambda: answer(client) == 1.0, "version 1 answers again")
    assert load.failures == []
    assert set(load.answered) == {1.0, 2.0}
    print(f"{load.calls} requests through scaling, a change of image, a rollout and a rollback: none failed")


def test_a_broken_image_stops_the_change_and_leaves_the_old_serving(world: World) -> None:
    world.describe(BROKEN)
    with world.client() as client, Load(lambda: answer(client)) as load:
        ran = world.deployed.run("deploy", "--yes")
    assert ran.code == 1
    assert "this image is broken" in ran.err
    assert load.failures == []
    assert world.images() == {SEAWAY}
    world.describe("no-such-image:1")
    ran = world.deployed.run("deploy", "--yes")
    assert "image 'no-such-image:1' is not there and cannot be fetched" in ran.err
    world.describe()
    assert world.deployed.plan() == []


def test_a_broken_model_stops_its_rollout_and_the_old_one_serves(world: World) -> None:
    broken = world.store.add("adder", 3, "adder", "3")
    (broken / "saved_model.pb").write_bytes(b"no graph")
    with world.client() as client, Load(lambda: answer(client)) as load:
        ran = world.deployed.run("rollout", "adder", "3", "--yes")
    assert ran.code == 1
    assert load.failures == []
    assert set(load.answered) == {1.0}
    world.store.remove("adder", 3)
    assert world.deployed.plan() == []


def test_what_is_killed_comes_back_by_itself(world: World) -> None:
    client_of = world.engine.client
    with world.client() as client:
        kill(client_of.containers.get(sorted(world.replicas())[0]))
        replica = seconds_until(lambda: world.ready() == 2, "the replica is back")
        kill(client_of.containers.get("sums-ingress"))
        ingress = seconds_until(lambda: answer(client) == 1.0, "the ingress is back")
    world.engine.kill()
    world.engine.start()
    with world.client() as client:
        engine = seconds_until(lambda: answer(client) == 1.0, "predictions are answered after the engine's death")
    seconds_until(lambda: world.ready() == 2, "both replicas are back")
    print(f"back after kill -9: replica {replica:.1f} s, Traefik {ingress:.1f} s, engine {engine:.1f} s")
    assert world.deployed.plan() == []


def test_a_monitor_beside_the_engine_sees_what_containers_use_and_what_happens_to_them(world: World) -> None:
    deployed, port = world.deployed, free_port()
    options = ("--interval", "1", "--no-page", "--listen", f"127.0.0.1:{port}", "--directory")
    beside = deployed.begin("monitor", "--docker", *options, str(deployed.directory / "beside"))
    try:
        names = world.replicas().keys()
        for used in ("container_memory_working_set_bytes", "rate(container_cpu_usage_seconds_total[1m]) > 0"):
            true_soon(lambda used=used: deployed.asked(used, port).keys() == names, f"{used} of each is known", 60)
        limits = deployed.asked("container_spec_memory_limit_bytes", port)
        assert set(limits.values()) == {2.0**30}
        assert deployed.asked("up", port).keys() == names, "the ingress and the monitor are no servers"
        killed = sorted(names)[0]
        kill(world.engine.client.containers.get(killed))
        eventually(
            lambda: [
                each["text"]
                for each in deployed.get("/api/v1/events", port)
                if (each["kind"], each["labels"].get("instance")) == ("container", killed)
            ],
            lambda texts: "its container ended with exit code 137" in texts,
            "its death is an event",
        )
    finally:
        beside.send_signal(signal.SIGTERM)
        ended(beside)
    true_soon(lambda: world.ready() == len(names), "it is back")


def test_a_replica_that_is_cut_off_leaves_the_rotation(world: World) -> None:
    network = world.engine.client.networks.list(names=["seaway-sums"])[0]
    cut = world.engine.client.containers.get(sorted(world.replicas())[0])
    network.disconnect(cut)
    try:
        with world.client() as client:

            def twenty_answers() -> bool:
                return all(client.predict("adder", timeout=1.0, x=[0.0]) for _ in range(20))

            out = seconds_until(twenty_answers, "only the other one is asked")
            with Load(lambda: answer(client), threads=1) as load:
                true_soon(lambda: load.calls > 200, "requests go on")
        assert load.failures == []
        print(f"a replica that was cut off got no request after {out:.1f} s")
    finally:
        network.connect(cut)
    true_soon(lambda: world.ready() == 2, "it is back")


def test_out_of_memory_is_reported_as_such(world: World) -> None:
    text = world.text().replace("memory: 1Gi", "memory: 40Mi")
    world.deployed.describe(text)
    ran = world.deployed.run("deploy", "--yes")
    assert ran.code == 1
    assert "out of memory (limit 40 MiB)" in ran.err
    world.describe()
    assert world.deployed.plan() == []


def test_a_destroyed_deployment_leaves_nothing(world: World) -> None:
    world.deployed.run("destroy", "--yes").ok()
    client = world.engine.client
    assert client.containers.list(all=True) == []
    assert [network.name for network in client.networks.list() if "seaway" in str(network.name)] == []
    assert client.volumes.list() == []
    assert not (world.store.root / ".seaway").exists()
