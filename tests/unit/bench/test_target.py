"""Servers as they are named, and which may be loaded."""

from __future__ import annotations

import pytest

from seaway.bench.target import Target, check_allowed, parse_target
from seaway.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "expected", "shown"),
    [
        pytest.param("localhost:8500", Target("grpc", "localhost", 8500), "grpc://localhost:8500", id="grpc"),
        pytest.param("grpc://10.0.0.1:9", Target("grpc", "10.0.0.1", 9), "grpc://10.0.0.1:9", id="grpc-named"),
        pytest.param("http://h:8501/", Target("rest", "h", 8501), "http://h:8501", id="rest"),
        pytest.param("[::1]:8500", Target("grpc", "::1", 8500), "grpc://[::1]:8500", id="ipv6"),
    ],
)
def test_a_server_is_named_by_its_address_and_protocol(text: str, expected: Target, shown: str) -> None:
    assert parse_target(text) == expected
    assert str(expected) == shown


@pytest.mark.parametrize(
    ("text", "part"),
    [
        pytest.param("localhost", "HOST:PORT", id="no-port"),
        pytest.param("https://h:1", "TLS", id="tls"),
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
