"""A load as the compiled generator is told it, and the generator's own refusals."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from seaway.bench.generator import Load, load_document, measure
from seaway.bench.request import Request
from seaway.bench.run import require_success
from seaway.bench.target import Target
from seaway.bench.tls import Tls
from seaway.errors import Unavailable

REQUEST = Request("/path", (b"body",), 1, "")
GRPC, REST = Target("grpc", "127.0.0.1", 1), Target("rest", "127.0.0.1", 1)


@pytest.mark.parametrize(
    ("target", "load", "expected"),
    [
        pytest.param(GRPC, Load(in_flight=8), {"connections": 1, "streams": 8}, id="grpc-shares-a-connection"),
        pytest.param(GRPC, Load(in_flight=8, connections=4), {"connections": 4, "streams": 2}, id="grpc-spread"),
        pytest.param(GRPC, Load(in_flight=2, connections=4), {"connections": 2, "streams": 1}, id="never-idle"),
        pytest.param(REST, Load(in_flight=8), {"connections": 8, "streams": 1}, id="rest-has-one-each"),
        pytest.param(REST, Load(rate=5.0, poisson=True), {"rate": 5.0, "poisson": True}, id="an-open-loop"),
        pytest.param(GRPC, Load(deadline_s=0.5), {"deadline_seconds": 0.5, "tls": None}, id="with-a-deadline"),
        pytest.param(
            Target("grpc", "localhost", 1, Tls("CA", "CERT", "KEY")),
            Load(),
            {"tls": {"authorities": "CA", "certificate": "CERT", "key": "KEY", "insecure": False}},
            id="over-tls",
        ),
        pytest.param(Target("grpc", socket_path="/s"), Load(), {"target": "unix:/s"}, id="over-a-socket"),
    ],
)
def test_a_load_is_told_to_the_generator(target: Target, load: Load, expected: dict[str, Any]) -> None:
    document = load_document(target, REQUEST, load, False)
    assert {name: document[name] for name in expected} == expected
    assert document["allow_remote"] is False


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:1 cannot be measured"):
        measure(REST, REQUEST, Load(duration_s=0.1), False, lambda *_: None)


def test_an_error_of_whoever_is_told_the_progress_ends_the_load() -> None:
    def tell(*_: object) -> None:
        raise KeyError("progress")

    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(KeyError, match="progress"):
        target = Target("rest", "127.0.0.1", silent.getsockname()[1])
        measure(target, REQUEST, Load(duration_s=0.1, warm_up_s=0.0, grace_s=0.1), False, tell)


def test_a_server_that_never_answers_is_told_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = Target("rest", "127.0.0.1", silent.getsockname()[1])
        measured = measure(
            target, REQUEST, Load(in_flight=2, duration_s=0.1, warm_up_s=0.0, grace_s=0.1), False, lambda *_: None
        )
    assert (measured.succeeded, measured.failed, measured.unanswered) == (0, 0, 2)
    with pytest.raises(Unavailable, match="no answer"):
        require_success(measured)


def test_the_compiled_generator_refuses_another_machine_by_itself() -> None:
    with pytest.raises(Unavailable, match="--allow-remote"):
        measure(Target("grpc", "192.0.2.1", 1), REQUEST, Load(duration_s=0.1), False, lambda *_: None)
