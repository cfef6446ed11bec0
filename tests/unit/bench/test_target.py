"""Servers as they are named, and which may be loaded."""

from __future__ import annotations

import pytest

from seaway.bench.target import Target, check_allowed, parse_target, speaks_tls
from seaway.bench.tls import Tls
from seaway.errors import InvalidArgument

TLS = Tls("PEM")


@pytest.mark.parametrize(
    ("text", "expected", "shown"),
    [
        pytest.param("localhost:8500", Target("grpc", "localhost", 8500), "grpc://localhost:8500", id="grpc"),
        pytest.param("grpc://10.0.0.1:9", Target("grpc", "10.0.0.1", 9), "grpc://10.0.0.1:9", id="grpc-named"),
        pytest.param("http://h:8501/", Target("rest", "h", 8501), "http://h:8501", id="rest"),
        pytest.param("[::1]:8500", Target("grpc", "::1", 8500), "grpc://[::1]:8500", id="ipv6"),
        pytest.param("grpcs://h:1", Target("grpc", "h", 1, TLS), "grpcs://h:1", id="grpc-tls"),
        pytest.param("https://h:1", Target("rest", "h", 1, TLS), "https://h:1", id="rest-tls"),
        pytest.param("unix:/run/s", Target("grpc", socket_path="/run/s"), "unix:/run/s", id="socket"),
        pytest.param("unix:///run/s", Target("grpc", socket_path="/run/s"), "unix:/run/s", id="socket-as-a-url"),
        pytest.param("http+unix:s", Target("rest", socket_path="s"), "http+unix:s", id="rest-socket"),
    ],
)
def test_a_server_is_named_by_its_address_and_protocol(text: str, expected: Target, shown: str) -> None:
    assert parse_target(text, TLS) == expected
    assert str(expected) == shown


def test_an_address_without_a_protocol_speaks_tls_where_that_is_asked_for() -> None:
    assert parse_target("h:1", TLS, tls_by_default=True) == Target("grpc", "h", 1, TLS)
    assert parse_target("http://h:1", TLS, tls_by_default=True) == Target("rest", "h", 1)
    assert [speaks_tls(text) for text in ("h:1", "http://h:1", "grpcs://h:1", "https://h:1")] == [
        False,
        False,
        True,
        True,
    ]


def test_a_socket_is_always_on_this_machine() -> None:
    check_allowed(Target("grpc", socket_path="/run/s"), False, lambda _: pytest.fail("it has no host"))
    assert Target("grpc", socket_path="/run/s").address == "unix:/run/s"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        pytest.param("localhost", "HOST:PORT", id="no-port"),
        pytest.param("unix:", "names no socket", id="no-socket"),
        pytest.param("unix://", "names no socket", id="no-socket-in-a-url"),
        pytest.param("http://h:8501/v1/models/m", "HOST:PORT", id="with-a-path"),
        pytest.param("h:99999", "HOST:PORT", id="no-such-port"),
        pytest.param("ftp://h:1", "HOST:PORT", id="no-such-protocol"),
    ],
)
def test_anything_else_is_refused_with_the_forms_there_are(text: str, part: str) -> None:
    with pytest.raises(InvalidArgument, match=part):
        parse_target(text)


def test_another_machine_is_loaded_only_when_that_is_said() -> None:
    target = Target("grpc", "prod", 8500)
    with pytest.raises(InvalidArgument, match=r"192\.0\.2\.1.*--allow-remote"):
        check_allowed(target, False, lambda _: ["127.0.0.1", "192.0.2.1"])
    check_allowed(target, True, lambda _: ["192.0.2.1"])
    check_allowed(target, False, lambda _: ["127.0.0.1", "::1"])
