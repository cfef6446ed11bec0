"""A deployment by the `seaway` command, as its user drives it: replicas as processes of this machine."""

from __future__ import annotations

import re
import shutil
import signal
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import psutil
import pytest

from tests.support.artifacts import ARTIFACTS, FAILED
from tests.support.clients import Client, Load
from tests.support.deployed import Deployed, ended
from tests.support.eventually import eventually, true_soon
from tests.support.server import http
from tests.support.store import Store

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

DESCRIPTION = """\
project: sums
store: {store}
monitor: false
models:
  adder: {{versions: latest}}
  half: {{path: half_plus_two}}
server:
  replicas: {replicas}
  ports: PORTS
  start_timeout_s: 60
  settings: {{trials: {{enabled: false}}, engine: {{engine: tensorflow}}}}
rollout:
  shadow: 1.0
  shadow_s: 1
  canary: [0.5]
  stage_s: 1
  bake_s: 1
  min_samples: 20
  patience_s: 60
  tolerance: 100
"""

CERTIFICATES = Path(__file__).parents[1] / "certificates"
Deploy = Callable[..., Deployed]


@pytest.fixture
def deploy(request: pytest.FixtureRequest, store: Store) -> Iterator[Deploy]:
    """Describe a deployment over the test's store; it is destroyed afterwards."""
    directory = ARTIFACTS / re.sub(r"[^\w.-]+", "_", request.node.name)
    shutil.rmtree(directory, ignore_errors=True)
    deployments: list[Deployed] = []

    def one(replicas: int = 1) -> Deployed:
        deployments.append(Deployed(directory, DESCRIPTION.format(store=store.root, replicas=replicas)))
        return deployments[-1]

    store.add("adder", 1, "adder", "1")
    store.add("half_plus_two", 1, "half_plus_two")
    yield one
    for each in deployments:
        each.clean_up()
    if not request.node.stash.get(FAILED, False):
        shutil.rmtree(directory, ignore_errors=True)


def answer(client: Client) -> float:
    """What adder says to 0: the version that answered."""
    return float(client.arrays("adder", x=[0.0])["y"][0])


def live(deployed: Deployed) -> int:
    """The version of adder that answers by decision."""
    return next(int(model["live"]) for model in deployed.status()["models"] if model["name"] == "adder")


def test_the_life_of_a_deployment(deploy: Deploy, store: Store) -> None:
    deployed = deploy(replicas=2)
    before = {process.pid for process in psutil.process_iter()}
    first = deployed.plan()
    assert first[0] == "prepare the target"
    assert first[-1] == "start sums-2 and wait until it is ready"

    out = deployed.run("deploy", "--yes").ok().out
    assert "[1/5] prepare the target …" in out
    assert deployed.plan() == []
    with Client(deployed.grpc_address) as client:
        assert answer(client) == 1.0
        assert http(f"{deployed.url}/v1/models/half:predict", {"instances": [[1.0]]}).json["predictions"] == [[2.5]]

        status = deployed.status()
        assert [(each["name"], each["state"], each["is_current"]) for each in status["replicas"]] == [
            ("sums-1", "ready", True),
            ("sums-2", "ready", True),
        ]
        assert [(each["name"], each["live"], each["serving"]) for each in status["models"]] == [
            ("adder", 1, 2),
            ("half", 1, 2),
        ]
        with Load(lambda: answer(client)) as load:
            deployed.run("scale", "3", "--yes").ok()
            assert len(deployed.status()["replicas"]) == 3
            deployed.run("deploy", "--yes").ok()
            assert len(deployed.status()["replicas"]) == 2
            deployed.describe(
                deployed.file.read_text().replace("settings:", "env: {OMP_NUM_THREADS: '2'}\n  settings:")
            )
            deployed.run("deploy", "--yes").ok()
            # Back to the servers before that change.
            deployed.run("rollback", "--yes").ok()
        assert load.failures == []
        assert load.calls > 100

    history = deployed.run("history", "--json").ok().json
    assert [(each["command"], each["outcome"]) for each in history] == [
        ("deploy", "done"),
        ("scale 3", "done"),
        ("deploy", "done"),
        ("deploy", "done"),
        ("rollback", "done"),
    ]
    assert "ready" in deployed.run("logs", deployed.status()["replicas"][0]["name"]).ok().out
    said = deployed.run("exec", deployed.status()["replicas"][0]["name"], "--", "printenv", "SEAWAY_FOLLOW").ok().out
    assert str(store.root) in said
    name = deployed.status()["replicas"][0]["name"]
    told = deployed.run("exec", "--json", name, "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (told.code, told.json) == (7, {"replica": name, "code": 7, "stdout": "out\n", "stderr": "err\n"})

    deployed.run("destroy", "--yes").ok()
    left = {process.pid: process.info["cmdline"] for process in psutil.process_iter(["cmdline"])}
    ours = [
        command for pid, command in left.items() if pid not in before and str(store.root) in " ".join(command or [])
    ]
    assert ours == []
    assert sorted(entry.name for entry in store.root.iterdir()) == ["adder", "half_plus_two"]


def test_a_version_is_rolled_out_and_back_under_load_without_a_failed_request(deploy: Deploy, store: Store) -> None:
    deployed = deploy(replicas=2)
    deployed.run("deploy", "--yes").ok()
    store.add("adder", 2, "adder", "2")
    assert deployed.plan() == [], "a new version waits for its rollout"
    with Client(deployed.grpc_address) as client:
        with Load(lambda: answer(client)) as load:
            # The answers differ by design, so whoever wants that must say so.
            text = deployed.file.read_text().replace("versions: latest", "objective: {disagreement: 1.0}")
            deployed.describe(text)
            out = deployed.run("rollout", "adder", "2", "--yes").ok().out
            assert live(deployed) == 2
            deployed.run("rollback", "adder", "--yes").ok()
            true_soon(lambda: answer(client) == 1.0, "version 1 answers again")
        assert load.failures == []
        assert set(load.answered) == {1.0, 2.0}
    assert "canary" in out
    assert deployed.plan() == []


def test_a_candidate_that_answers_otherwise_is_rolled_back_by_itself(deploy: Deploy, store: Store) -> None:
    deployed = deploy()
    deployed.run("deploy", "--yes").ok()
    store.add("adder", 3, "adder", "3")
    with Client(deployed.grpc_address) as client, Load(lambda: answer(client)) as load:
        ran = deployed.run("rollout", "adder", "3", "--yes")
    assert ran.code == 1
    assert "disagree" in ran.out + ran.err
    assert load.failures == []
    assert set(load.answered) == {1.0}, "the answers of a shadowed version are never returned"
    assert live(deployed) == 1
    assert deployed.plan() == []


@pytest.mark.smoke
def test_a_broken_version_stops_its_rollout_and_the_old_one_serves(deploy: Deploy, store: Store) -> None:
    deployed = deploy()
    deployed.run("deploy", "--yes").ok()
    broken = store.add("adder", 2, "adder", "2")
    (broken / "saved_model.pb").write_bytes(b"no graph")
    ran = deployed.run("rollout", "adder", "2", "--yes")
    assert ran.code == 1
    assert "adder" in ran.err
    with Client(deployed.grpc_address) as client:
        assert answer(client) == 1.0
    assert deployed.plan() == []


def test_an_interrupted_deploy_is_finished_by_the_next_and_a_second_deployer_is_refused(deploy: Deploy) -> None:
    deployed = deploy(replicas=3)
    first = deployed.begin("deploy", "--yes")
    lock = Path(deployed.file.parent)
    assert lock.is_dir()
    eventually(lambda: len(deployed.status()["replicas"]), lambda count: count >= 1, "the first replica is there")
    second = deployed.run("deploy", "--yes")
    assert second.code == 1
    assert "has been busy with `deploy` since" in second.err
    first.send_signal(signal.SIGINT)
    assert ended(first).code == 130
    assert deployed.run("history", "--json").ok().json[-1]["outcome"] == "interrupted"
    deployed.run("deploy", "--yes").ok()
    assert deployed.plan() == []
    assert [each["state"] for each in deployed.status()["replicas"]] == ["ready"] * 3


def test_the_number_of_replicas_follows_the_load(deploy: Deploy) -> None:
    deployed = deploy()
    scaling = "autoscale: {min: 1, max: 2, metric: in_flight, target: 1, up_window_s: 1, down_window_s: 3}\n"
    deployed.describe(deployed.file.read_text() + scaling)
    deployed.run("deploy", "--yes").ok()
    scaler = deployed.begin("autoscale")
    try:
        with Client(deployed.grpc_address) as client:
            with Load(lambda: answer(client), threads=8) as load:
                true_soon(lambda: len(deployed.status()["replicas"]) == 2, "a second replica comes", limit_s=90)
            true_soon(lambda: len(deployed.status()["replicas"]) == 1, "it goes again", limit_s=90)
        assert load.failures == []
    finally:
        scaler.send_signal(signal.SIGINT)
        ran = ended(scaler)
    assert "1 → 2" in ran.out, ran.out + ran.err


def test_what_is_killed_comes_back_and_a_dead_keeper_is_replaced_without_a_gap(deploy: Deploy, store: Store) -> None:
    deployed = deploy()
    deployed.run("deploy", "--yes").ok()
    state = store.root / ".seaway" / "sums" / "process"
    supervisord = psutil.Process(int((state / "supervisord.pid").read_text()))

    def child(marker: str) -> psutil.Process:
        return next(each for each in supervisord.children() if marker in " ".join(each.cmdline()))

    with Client(deployed.grpc_address) as client:
        for marker in ("serve", "--configFile="):
            killed = child(marker)
            killed.kill()
            true_soon(lambda killed=killed: not killed.is_running(), "it is dead")
            true_soon(lambda: answer(client) == 1.0, f"requests are answered after the death of {marker}")
        eventually(lambda: deployed.status()["replicas"][0]["state"], lambda found: found == "ready", "it is ready")

        supervisord.kill()
        supervisord.wait(10)
        (lost,) = deployed.status()["replicas"]
        assert (lost["state"], lost["reason"]) == ("lost", "nobody keeps it alive")
        assert answer(client) == 1.0, "what runs goes on"
        deployed.run("deploy", "--yes").ok()
        (found,) = deployed.status()["replicas"]
        assert (found["name"], found["state"]) == ("sums-2", "ready")
        assert answer(client) == 1.0
    assert deployed.plan() == []


def test_clients_come_by_tls_with_a_token_over_both_apis(deploy: Deploy) -> None:
    from tensorflow_serving.apis import prediction_service_pb2_grpc  # noqa: PLC0415

    deployed = deploy()
    secure = (
        f"  tls: {{certificate: {CERTIFICATES / 'server.pem'}, key: {CERTIFICATES / 'server-key.pem'}}}\n"
        "  tokens: [{env: APP_TOKEN}]\nrollout:"
    )
    deployed.describe(deployed.file.read_text().replace("rollout:", secure))
    refused = deployed.run("deploy", "--yes")
    assert "server.tokens[0].env: the variable APP_TOKEN is not set" in refused.err
    deployed.environment["APP_TOKEN"] = "a-token-of-the-app"
    deployed.run("deploy", "--yes").ok()

    authority = (CERTIFICATES / "authority.pem").read_bytes()
    credentials = grpc.ssl_channel_credentials(authority)
    with Client(deployed.grpc_address) as plain:
        request = plain.predict_request("adder", x=[0.0])
    with grpc.secure_channel(f"localhost:{deployed.grpc_port}", credentials) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        metadata = [("authorization", "Bearer a-token-of-the-app")]
        assert stub.Predict(request, timeout=30, metadata=metadata).outputs["y"].float_val[:] == [1.0]
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(request, timeout=30)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED

    context = ssl.create_default_context(cadata=authority.decode())
    url = f"https://localhost:{deployed.rest_port}/v1/models/adder"
    asked = urllib.request.Request(url, headers={"Authorization": "Bearer a-token-of-the-app"})
    with urllib.request.urlopen(asked, context=context, timeout=30) as answered:
        assert answered.status == 200
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(url, context=context, timeout=30)
    assert error.value.code == 401
    error.value.close()

    everything = [deployed.run("history", "--steps").ok().out, deployed.run("plan").ok().out]
    everything += [file.read_text() for file in deployed.directory.parent.rglob("history.json")]
    assert "a-token-of-the-app" not in "".join(everything)
    deployed.environment["APP_TOKEN"] = "another-token"
    assert deployed.plan()[0].startswith("start sums-2"), "a changed secret is seen"
