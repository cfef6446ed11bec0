"""The monitor as a program of supervisord."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from msgspec import structs

from seaway.deploy.desired import MonitorSpec, SecretRef
from seaway.deploy.observed import ObservedMonitor
from seaway.deploy.targets.process.keeper import ProgramState
from seaway.deploy.targets.process.layout import Layout
from seaway.deploy.targets.process.monitor import answers, command, judged, require_free, secret_files
from seaway.errors import FailedPrecondition
from seaway.settings.secret import Secret

LAYOUT = Layout("digits", Path("/srv/models/.seaway/digits"))
SPEC = MonitorSpec(
    "127.0.0.1",
    8502,
    secrets=(SecretRef("monitor-password", "a"),),
    arguments=("--deployment", "/srv/seaway.yaml", "--environment", "production"),
)


def test_it_reads_the_description_that_the_deployer_read_and_keeps_what_it_sees_in_the_state() -> None:
    assert command(SPEC, LAYOUT) == (
        *(sys.executable, "-m", "seaway", "monitor", "--deployment", "/srv/seaway.yaml", "--environment", "production"),
        *("--listen", "127.0.0.1:8502", "--directory", "/srv/models/.seaway/digits/monitor"),
        *("--interval", "5", "--max-mib", "2048"),
        *("--password-file", "/srv/models/.seaway/digits/process/secrets/monitor-password"),
    )


def test_only_its_own_secrets_are_written_for_it() -> None:
    files = secret_files({"monitor-password": Secret("p"), "token-1": Secret("t"), "tls-key": Secret("k")})
    assert files == {"monitor-password": b"p\n"}


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        pytest.param("RUNNING", "", id="running"),
        pytest.param("STARTING", "", id="starting"),
        pytest.param("BACKOFF", "it ends again and again", id="ends-again-and-again"),
        pytest.param("FATAL", "it has ended for good (fatal)", id="given-up"),
        pytest.param("", "nobody keeps it alive", id="no-keeper"),
    ],
)
def test_the_state_of_a_program_is_that_of_the_monitor(state: str, reason: str) -> None:
    program = ProgramState("monitor", state, 1, "") if state else None
    assert judged(SPEC, program) == ObservedMonitor(SPEC.digest, not reason, reason, "127.0.0.1:8502")


def test_a_port_that_is_taken_is_told_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        spec = structs.replace(SPEC, port=taken.getsockname()[1])
        with pytest.raises(FailedPrecondition, match=r"cannot be opened: .*; end what listens there, or set `monitor"):
            require_free(spec)
    require_free(spec)
    assert not answers(spec)
