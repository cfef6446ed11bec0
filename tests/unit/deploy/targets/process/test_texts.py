"""The settings of supervisord and Traefik, and what the state of a process means."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from msgspec import structs

from seaway.deploy.desired import IngressSpec, ReplicaSpec
from seaway.deploy.observed import State
from seaway.deploy.targets.process import keeper, traefik
from seaway.deploy.targets.process.follow_log import log_lines
from seaway.deploy.targets.process.keeper import Program, ProgramState
from seaway.deploy.targets.process.layout import Layout
from seaway.deploy.targets.process.replica import made_from, read_replica, read_replicas, write_replica
from seaway.deploy.targets.process.target import judged
from seaway.fleet.report import Report
from tests.support.fakes import FakeClock

LAYOUT = Layout("digits", Path("/srv/my models/.seaway/digits"))
SPEC = ReplicaSpec("", "/srv/my models", str(LAYOUT.state), {"SEAWAY_ENGINE": "onnx"}, drain_timeout_s=30)
REPLICA = made_from("digits-1", SPEC, (4001, 4002), LAYOUT, has_tokens=False)


def test_a_program_is_kept_alive_with_bounded_logs_whatever_its_path_holds() -> None:
    program = Program("digits-1", ("/opt/py thon", "-m", "seaway", "100%"), Path("/var/log/a.log"), 40.0)
    assert program.settings() == (
        '[program:digits-1]\ncommand="/opt/py thon" -m seaway 100%%\nautostart=true\nautorestart=true\nstartsecs=1\n'
        "startretries=20\nstopsignal=TERM\nstopwaitsecs=41\nkillasgroup=true\nredirect_stderr=true\n"
        "stdout_logfile=/var/log/a.log\nstdout_logfile_maxbytes=10MB\nstdout_logfile_backups=3\n"
    )
    assert f"files={LAYOUT.programs}/*.conf" in keeper.settings(LAYOUT)


def test_the_path_of_the_socket_is_short_enough_for_the_kernel() -> None:
    deep = Layout("digits", Path("/" + "/".join(["directory"] * 30)))
    assert len(str(deep.socket)) < 108
    assert deep.socket != LAYOUT.socket


def test_a_replica_gets_what_it_needs_to_follow() -> None:
    assert REPLICA.environment == {
        "SEAWAY_ENGINE": "onnx",
        "SEAWAY_FOLLOW": "/srv/my models/.seaway/digits",
        "SEAWAY_MODEL_STORE": "/srv/my models",
        "SEAWAY_REPLICA_NAME": "digits-1",
        "SEAWAY_REPORTS": "/srv/my models/.seaway/digits/reports",
        "SEAWAY_REQUEST_LOG_DIRECTORY": "/srv/my models/.seaway/digits/request-logs",
        "SEAWAY_GRPC_ADDRESS": "127.0.0.1",
        "SEAWAY_GRPC_PORT": "4001",
        "SEAWAY_REST_ADDRESS": "127.0.0.1",
        "SEAWAY_REST_PORT": "4002",
        "SEAWAY_LAME_DUCK_S": "0",
    }
    with_tokens = made_from("digits-1", SPEC, (1, 2), LAYOUT, has_tokens=True)
    assert with_tokens.environment["SEAWAY_TOKENS_FILE"] == "/srv/my models/.seaway/digits/process/secrets/tokens"


def test_replicas_are_read_as_they_were_written(tmp_path: Path) -> None:
    layout = Layout("digits", tmp_path)
    layout.make()
    assert read_replicas(layout) == ()
    write_replica(layout, REPLICA)
    write_replica(layout, structs.replace(REPLICA, is_in_rotation=True))
    assert read_replica(layout, "digits-1") == structs.replace(REPLICA, is_in_rotation=True)
    assert read_replica(layout, "digits-2") is None
    assert layout.secrets.stat().st_mode & 0o777 == 0o700


def test_traefik_spreads_requests_over_the_replicas_in_rotation() -> None:
    settings = yaml.safe_load(traefik.rotation_settings([REPLICA], None))["http"]
    grpc, rest = (settings["services"][name]["loadBalancer"] for name in ("grpc", "rest"))
    assert grpc["servers"] == [{"url": "h2c://127.0.0.1:4001"}]
    assert rest["servers"] == [{"url": "http://127.0.0.1:4002"}]
    assert (grpc["healthCheck"]["mode"], rest["healthCheck"]["path"]) == ("grpc", "/readyz")
    assert all("tls" not in router for router in settings["routers"].values())
    with_tls = yaml.safe_load(traefik.rotation_settings([REPLICA], ("/c.pem", "/k.pem")))
    assert with_tls["tls"] == {"certificates": [{"certFile": "/c.pem", "keyFile": "/k.pem"}]}
    assert all(router["tls"] == {} for router in with_tls["http"]["routers"].values())


def test_traefik_opens_the_ports_that_were_asked_for_and_tells_nobody() -> None:
    settings = yaml.safe_load(traefik.static_settings(IngressSpec("::1", 8500, 8501), 5000, Path("/r")))
    assert settings["entryPoints"]["grpc"]["address"] == "[::1]:8500"
    assert settings["entryPoints"]["traefik"]["address"] == "127.0.0.1:5000"
    assert settings["global"] == {"checkNewVersion": False, "sendAnonymousUsage": False}


def program(state: str) -> ProgramState:
    return ProgramState("digits-1", state, 1, "")


def report(ready: bool = True, at: float = 100.0, problem: str = "") -> Report:
    return Report("digits-1", at, 1.0, ready=ready, problem=problem)


@pytest.mark.parametrize(
    ("in_rotation", "is_kept", "found", "reported", "state"),
    [
        pytest.param(True, True, program("RUNNING"), report(), State.READY, id="ready"),
        pytest.param(False, True, program("RUNNING"), report(), State.STARTING, id="gets-no-requests-yet"),
        pytest.param(False, True, program("STARTING"), None, State.STARTING, id="starting"),
        pytest.param(True, True, program("RUNNING"), report(at=90.0), State.UNREADY, id="an-old-report"),
        pytest.param(True, True, program("RUNNING"), report(ready=False), State.UNREADY, id="not-ready"),
        pytest.param(True, True, program("BACKOFF"), report(), State.UNREADY, id="ends-again-and-again"),
        pytest.param(True, True, program("FATAL"), report(), State.LOST, id="given-up"),
        pytest.param(True, True, None, report(), State.LOST, id="not-kept"),
        pytest.param(True, False, None, report(), State.LOST, id="no-supervisord"),
    ],
)
def test_the_state_of_a_process(
    in_rotation: bool, is_kept: bool, found: ProgramState | None, reported: Report | None, state: State
) -> None:
    replica = structs.replace(REPLICA, is_in_rotation=in_rotation)
    assert judged(replica, is_kept, found, reported, 101.0)[0] is state


def test_a_log_is_followed_through_its_rotation(tmp_path: Path) -> None:
    log, clock = tmp_path / "a.log", FakeClock()
    (tmp_path / "a.log.1").write_text("one\ntwo\n")
    log.write_text("three\n")
    assert list(log_lines(log, False, 2, clock)) == ["two", "three"]
    assert list(log_lines(tmp_path / "none.log", False, 5, clock)) == []

    def rotate() -> None:
        log.rename(tmp_path / "a.log.1")
        log.write_text("four\n")
        clock.on_wait = lambda: None

    clock.on_wait = rotate
    lines = log_lines(log, True, 1, clock)
    assert [next(lines), next(lines)] == ["three", "four"]
    lines.close()  # type: ignore[attr-defined] # a generator
