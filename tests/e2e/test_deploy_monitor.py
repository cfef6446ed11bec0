"""The monitor that every deployment brings, on local processes: it finds the replicas, survives, scales, and goes."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from seaway import extras
from tests.support.artifacts import ARTIFACTS, FAILED
from tests.support.clients import Client, Load
from tests.support.deployed import Deployed
from tests.support.eventually import eventually, true_soon
from tests.support.store import Store

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

DESCRIPTION = """\
project: sums
store: {store}
models: {{adder: {{}}}}
server:
  replicas: {replicas}
  ports: PORTS
  start_timeout_s: 60
  settings: {{trials: {{enabled: false}}, engine: {{engine: tensorflow}}}}
monitor: {{port: MONITOR, interval_s: 1}}
"""
Deploy = Callable[..., Deployed]


@pytest.fixture
def deploy(request: pytest.FixtureRequest, store: Store) -> Iterator[Deploy]:
    """Describe and deploy a deployment over the test's store; it is destroyed afterwards."""
    directory = ARTIFACTS / re.sub(r"[^\w.-]+", "_", request.node.name)
    shutil.rmtree(directory, ignore_errors=True)
    made: list[Deployed] = []

    def one(replicas: int = 1, more: str = "") -> Deployed:
        made.append(Deployed(directory, DESCRIPTION.format(store=store.root, replicas=replicas) + more))
        return made[-1]

    store.add("adder", 1, "adder", "1")
    yield one
    for each in made:
        each.clean_up()
    if not request.node.stash.get(FAILED, False):
        shutil.rmtree(directory, ignore_errors=True)


def predict(deployed: Deployed, times: int) -> None:
    """Have the replicas answer."""
    with Client(deployed.grpc_address) as client:
        for _ in range(times):
            client.predict("adder", x=[0.0])


def monitor_of(store: Store) -> psutil.Process:
    """The process of the monitor."""
    records = str(store.root / ".seaway" / "sums" / "monitor")
    (found,) = [
        process
        for process in psutil.process_iter(["cmdline"])
        if records in (process.info["cmdline"] or []) and "monitor" in process.info["cmdline"]
    ]
    return found


def test_a_deployment_brings_a_monitor_that_finds_every_replica_by_its_name(deploy: Deploy, store: Store) -> None:
    deployed = deploy(replicas=2)
    assert deployed.plan()[-1] == f"create monitor on 127.0.0.1:{deployed.monitor_port}"
    deployed.run("deploy", "--yes").ok()
    assert deployed.plan() == []
    assert deployed.status()["monitor"] == f"http://127.0.0.1:{deployed.monitor_port}/"
    true_soon(lambda: deployed.asked("up") == {"sums-1": 1.0, "sums-2": 1.0}, "it has looked at both")
    predict(deployed, 20)
    rate = "sum by (instance) (rate(seaway_requests_total[1m])) > 0"
    eventually(lambda: set(deployed.asked(rate)), lambda found: found == {"sums-1", "sums-2"}, "both have a rate")

    deployed.run("scale", "3", "--yes").ok()
    true_soon(lambda: deployed.asked("up").get("sums-3") == 1.0, "a replica that was added is found")
    true_soon(
        lambda: any("scale 3" in each["text"] for each in deployed.get("/api/v1/events")), "what was done is an event"
    )

    monitor_of(store).kill()
    true_soon(lambda: deployed.asked("up").get("sums-3") == 1.0, "a monitor that was killed is there again", 60)
    deployed.describe(deployed.text.replace("{adder: {}}", "{adder: {objective: {p99_ms: 50}}}"))
    lines = deployed.plan()
    assert lines[-1] == f"replace monitor on 127.0.0.1:{deployed.monitor_port}"
    deployed.run("deploy", "--yes").ok()
    assert deployed.plan() == []
    assert deployed.asked("max_over_time(up[10m])").keys() >= {"sums-1", "sums-3"}, "it goes on with what was kept"

    deployed.run("destroy", "--yes", "--keep-history").ok()
    assert (store.root / ".seaway" / "sums" / "monitor" / "monitor.db").exists()
    deployed.run("destroy", "--yes").ok()
    assert sorted(entry.name for entry in store.root.iterdir()) == ["adder"]
    assert not [each for each in psutil.process_iter(["cmdline"]) if str(store.root) in str(each.info["cmdline"])]


def test_a_monitor_that_cannot_start_takes_nothing_from_the_servers(deploy: Deploy) -> None:
    deployed = deploy()
    with socket.create_server(("127.0.0.1", deployed.monitor_port)):
        ran = deployed.run("deploy", "--yes").ok()
        assert f"port {deployed.monitor_port} on 127.0.0.1 cannot be opened" in ran.out
        assert "The rest is as deployed; the next `seaway deploy` tries again" in ran.out
        predict(deployed, 1)
        assert "monitor" not in deployed.status()
        (entry,) = deployed.run("history", "--json").ok().json
        assert (entry["outcome"], entry["done"], len(entry["steps"])) == ("done", 4, 5)
    assert deployed.plan() == [f"create monitor on 127.0.0.1:{deployed.monitor_port}"]
    deployed.run("deploy", "--yes").ok()
    assert deployed.plan() == []
    deployed.describe(deployed.text.replace("monitor: {", "monitor: {enabled: false, "))
    assert deployed.plan() == ["remove monitor"]
    deployed.run("deploy", "--yes").ok()
    assert deployed.plan() == []


def test_the_monitor_lets_the_number_of_replicas_follow_the_load(deploy: Deploy, store: Store) -> None:
    scaling = "autoscale: {min: 1, max: 2, metric: in_flight, target: 1, up_window_s: 1, down_window_s: 3}\n"
    deployed = deploy(more=scaling)
    deployed.run("deploy", "--yes").ok()
    with Client(deployed.grpc_address) as client:
        with Load(lambda: float(client.arrays("adder", x=[0.0])["y"][0]), threads=8) as load:
            true_soon(lambda: len(deployed.status()["replicas"]) == 2, "a second replica comes", limit_s=90)
            true_soon(lambda: deployed.asked("up").get("sums-2") == 1.0, "and is looked at")
        refused = deployed.run("autoscale")
        assert refused.code == 1, "one that scales is enough"
        assert "has been busy with `autoscale`" in refused.err
        true_soon(lambda: len(deployed.status()["replicas"]) == 1, "it goes again", limit_s=90)
    assert load.failures == []
    commands = [each["command"] for each in deployed.run("history", "--json").ok().json]
    assert commands[:3] == ["deploy", "autoscale 2", "autoscale 1"]

    keeper = psutil.Process(int((store.root / ".seaway" / "sums" / "process" / "supervisord.pid").read_text()))
    keeper.kill()
    keeper.wait(10)
    deployed.run("deploy", "--yes").ok()
    assert deployed.plan() == [], "a monitor that nobody kept alive has made room for another"


@pytest.mark.smoke
def test_a_monitor_without_its_packages_is_asked_for_and_not_planned(deploy: Deploy, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'nicegui' else find(name, *more)\n"
    )
    deployed = deploy()
    deployed.environment["PYTHONPATH"] = str(hidden)
    ran = deployed.run("deploy", "--yes").ok()
    assert f"no monitor: nicegui is not installed; `{extras.command('monitor')}` brings it" in ran.out
    assert deployed.plan() == []


MEASURED = """\
autoscale:
  {min: 1, max: 2, metric: query, query: 'sum(rate(seaway_requests_total{code="OK"}[10s]))', target: 20, up_window_s: 2}
rollout:
  shadow: 0.0
  canary: [0.5]
  stage_s: 300
  min_samples: 20
  tolerance: 100
  checks:
    - {name: requests, query: 'sum(increase(seaway_requests_total{model="$model",version="$version"}[1m]))', max: 5}
"""


def test_the_answers_of_the_monitor_scale_the_replicas_and_take_a_version_back(deploy: Deploy, store: Store) -> None:
    deployed = deploy(more=MEASURED)
    deployed.run("deploy", "--yes").ok()
    store.add("adder", 2, "adder", "2")
    with Client(deployed.grpc_address) as client:
        with Load(lambda: float(client.arrays("adder", x=[0.0])["y"][0]), threads=2) as load:
            true_soon(lambda: len(deployed.status()["replicas"]) == 2, "a second replica comes", limit_s=90)
            ran = deployed.run("rollout", "adder", "2", "--yes")
        assert load.failures == []
    assert ran.code == 1, ran.out
    assert "check `requests` is " in ran.out + ran.err
    history = deployed.run("history", "--json").ok().json
    assert any(each["command"] == "autoscale 2" and each["outcome"] == "done" for each in history), history
    assert [model["live"] for model in deployed.status()["models"]] == [1]
