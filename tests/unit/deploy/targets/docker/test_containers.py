"""What containers are made with, and what their state means."""

from __future__ import annotations

import io
import tarfile

import pytest

from seaway.deploy.desired import GpuRequest, IngressSpec, MonitorSpec, ReplicaSpec, SecretRef
from seaway.deploy.observed import State
from seaway.deploy.targets.docker.engine import archive
from seaway.deploy.targets.docker.judgement import judged, rest_address, why_ended
from seaway.deploy.targets.docker.monitor import trouble
from seaway.deploy.targets.docker.settings import ingress_settings, monitor_settings, replica_settings
from seaway.fleet.report import ModelReport, Report, VersionReport

SPEC = ReplicaSpec(
    image="seaway:1",
    store="/srv/models",
    state="/srv/models/.seaway/digits",
    environment={"SEAWAY_LAME_DUCK_S": "3"},
    cpu=1.5,
    memory_bytes=2**30,
    secrets=(SecretRef("token-1", "abc"),),
    drain_timeout_s=30,
)


def test_a_replica_has_no_rights_and_bounded_resources() -> None:
    made = replica_settings("digits", "digits-1", SPEC, tls=False)
    assert (made["read_only"], made["cap_drop"], made["security_opt"]) == (True, ["ALL"], ["no-new-privileges"])
    assert (made["nano_cpus"], made["mem_limit"], made["memswap_limit"]) == (1_500_000_000, 2**30, 2**30)
    mounts = {mount["Target"]: mount["ReadOnly"] for mount in made["mounts"]}
    assert mounts == {
        "/models": True,
        "/seaway/state": True,
        "/seaway/reports": False,
        "/seaway/cache": False,
        "/seaway/logs": False,
        "/seaway/secrets": True,
    }
    assert made["environment"]["SEAWAY_REQUEST_LOG_DIRECTORY"] == "/seaway/logs"
    assert made["environment"]["SEAWAY_TOKENS_FILE"] == "/seaway/secrets/tokens"
    assert made["labels"]["seaway.stop-wait"] == "43", "lame duck, drain, and time to end"
    assert made["labels"]["seaway.digest"] == SPEC.digest


def test_the_monitor_has_no_rights_no_socket_and_secrets_of_its_own() -> None:
    spec = MonitorSpec(
        "127.0.0.1", 9502, image="seaway:1", state="/srv/state", secrets=(SecretRef("monitor-password", "a"),)
    )
    made = monitor_settings("digits", spec)
    assert (made["read_only"], made["cap_drop"], made["security_opt"]) == (True, ["ALL"], ["no-new-privileges"])
    assert (made["mem_limit"], made["memswap_limit"]) == (2**30, 2**30)
    assert {mount["Target"]: (mount["Source"], mount["ReadOnly"]) for mount in made["mounts"]} == {
        "/seaway/state": ("/srv/state", True),
        "/seaway/monitor": ("seaway-digits-monitor", False),
        "/seaway/secrets": ("seaway-digits-monitor-secrets", True),
    }
    assert made["ports"] == {"8502/tcp": ("127.0.0.1", 9502)}
    assert made["healthcheck"]["test"][-2:] == ["/healthz", "8502"]
    assert made["labels"] == {
        "seaway.project": "digits",
        "seaway.role": "monitor",
        "seaway.digest": spec.digest,
        "seaway.place": "127.0.0.1:9502",
    }
    assert "--state /seaway/state" in " ".join(made["command"])


@pytest.mark.parametrize(
    ("state", "why"),
    [
        pytest.param({"Status": "running", "Health": {"Status": "healthy"}}, "", id="healthy"),
        pytest.param({"Status": "running", "Health": {"Status": "starting"}}, "", id="starting"),
        pytest.param(
            {"Status": "running", "Health": {"Status": "unhealthy"}}, "its health check fails", id="unhealthy"
        ),
        pytest.param({"Status": "exited", "ExitCode": 2}, "exit code 2", id="ended"),
        pytest.param(
            {"Status": "restarting", "ExitCode": 2}, "it ends again and again: exit code 2", id="again-and-again"
        ),
        pytest.param({"Status": "created"}, "its container is created", id="never-started"),
    ],
)
def test_why_a_monitor_does_not_run(state: dict[str, object], why: str) -> None:
    assert trouble({"State": state}) == why


def test_traefik_finds_replicas_by_their_labels() -> None:
    labels = replica_settings("digits", "digits-1", SPEC, tls=True)["labels"]
    assert labels["traefik.http.services.digits-grpc.loadbalancer.server.scheme"] == "h2c"
    assert labels["traefik.http.services.digits-rest.loadbalancer.healthcheck.path"] == "/readyz"
    assert labels["traefik.http.routers.digits-grpc.tls"] == "true"
    made = ingress_settings("digits", IngressSpec("0.0.0.0", 8500, 8501, "traefik:v3"), "/run/docker.sock")
    assert made["ports"] == {"8500/tcp": ("0.0.0.0", 8500), "8501/tcp": ("0.0.0.0", 8501)}
    assert "--providers.docker.constraints=Label(`seaway.project`,`digits`)" in made["command"]
    assert made["mounts"][0]["ReadOnly"] is True


@pytest.mark.parametrize(
    ("networks", "address"),
    [
        pytest.param({"digits": {"IPAddress": "172.18.0.3"}}, "172.18.0.3:8501", id="running"),
        pytest.param({"digits": {"IPAddress": ""}}, "", id="ended"),
        pytest.param({}, "", id="cut-off"),
    ],
)
def test_a_replica_is_reached_by_its_own_address(networks: dict[str, dict[str, str]], address: str) -> None:
    assert rest_address({"NetworkSettings": {"Networks": networks}}) == address


@pytest.mark.parametrize(
    ("gpu", "request_"),
    [
        pytest.param(GpuRequest(count=2), {"Count": 2, "DeviceIDs": []}, id="whole-ones"),
        pytest.param(GpuRequest(mig="MIG-1"), {"Count": 0, "DeviceIDs": ["MIG-1"]}, id="a-part-of-one"),
    ],
)
def test_gpus_become_device_requests(gpu: GpuRequest, request_: dict[str, object]) -> None:
    spec = ReplicaSpec("seaway:1", "/m", "/s", gpu=gpu)
    (made,) = replica_settings("digits", "digits-1", spec, tls=False)["device_requests"]
    assert request_.items() <= dict(made).items()
    assert made["Capabilities"] == [["gpu"]]


def test_secrets_become_files_of_their_owner_alone() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive({"tokens": b"one\n"}, 10001, 0o400))) as tar:
        (entry,) = tar.getmembers()
        assert (entry.name, entry.uid, entry.mode) == ("tokens", 10001, 0o400)


def attrs(status: str, health: str = "", **state: object) -> dict[str, object]:
    found: dict[str, object] = {"Status": status, **state}
    return {"State": found | ({"Health": {"Status": health}} if health else {}), "HostConfig": {"Memory": 64 * 2**20}}


def report(ready: bool = True, at: float = 100.0) -> Report:
    loading = (ModelReport("m", (VersionReport(1, "LOADING"),)),)
    return Report("digits-1", at, 1.0, ready=ready, models=() if ready else loading)


@pytest.mark.parametrize(
    ("found", "reported", "state", "reason"),
    [
        pytest.param(attrs("running", "healthy"), report(), State.READY, "", id="ready"),
        pytest.param(attrs("running", "starting"), report(False), State.STARTING, "loading m 1", id="loading"),
        pytest.param(attrs("running", "starting"), None, State.STARTING, "it is starting", id="starting"),
        pytest.param(attrs("running", "healthy"), report(at=80), State.UNREADY, "it does not report", id="silent"),
        pytest.param(attrs("running", "unhealthy"), report(), State.UNREADY, "its health check fails", id="unhealthy"),
        pytest.param(attrs("created"), None, State.STARTING, "its container has not been started", id="created"),
        pytest.param(attrs("paused"), report(), State.UNREADY, "its container is paused", id="paused"),
        pytest.param(attrs("exited", ExitCode=3), None, State.LOST, "exit code 3", id="ended"),
        pytest.param(
            attrs("restarting", OOMKilled=True),
            None,
            State.UNREADY,
            "it ends again and again: out of memory (limit 64 MiB); raise `server.memory`",
            id="out-of-memory",
        ),
    ],
)
def test_the_state_of_a_container(found: dict[str, object], reported: Report | None, state: State, reason: str) -> None:
    assert judged(found, reported, 101.0) == (state, reason)


def test_the_engines_own_words_come_through() -> None:
    assert why_ended(attrs("exited", Error="exec format error", ExitCode=1)) == "exec format error"
