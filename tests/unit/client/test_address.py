"""Addresses as users write them, and the API that each means."""

from __future__ import annotations

import pytest

from seaway.client.address import Address, parse_address, parse_addresses
from seaway.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "address"),
    [
        pytest.param("host:8500", Address("grpc", "host", 8500), id="no-protocol-is-grpc"),
        pytest.param("grpc://host:8500", Address("grpc", "host", 8500), id="grpc"),
        pytest.param("grpcs://host:8500", Address("grpc", "host", 8500, tls=True), id="grpc-over-tls"),
        pytest.param("http://host:8501/", Address("rest", "host", 8501), id="rest"),
        pytest.param("https://host", Address("rest", "host", 443, tls=True), id="port-of-https"),
        pytest.param("http://host/serving/", Address("rest", "host", 80, prefix="/serving"), id="prefix"),
        pytest.param("[::1]:8500", Address("grpc", "::1", 8500), id="ipv6"),
        pytest.param("unix:/run/s.sock", Address("grpc", socket_path="/run/s.sock"), id="socket"),
        pytest.param("unix:///run/s.sock", Address("grpc", socket_path="/run/s.sock"), id="socket-as-url"),
        pytest.param("http+unix:/run/s.sock", Address("rest", socket_path="/run/s.sock"), id="rest-over-a-socket"),
    ],
)
def test_an_address_says_api_and_place(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "host", "host:0", "ftp://host:1", "host:port", "unix:", "grpc://host:1/path", "http://u@host:1"]
)
def test_another_form_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(InvalidArgument, match="write HOST:PORT or grpc://HOST:PORT for gRPC"):
        parse_address(text)


def test_tls_by_default_holds_for_addresses_without_a_protocol_only() -> None:
    assert parse_address("host:1", tls_by_default=True).tls
    assert not parse_address("grpc://host:1", tls_by_default=True).tls


def test_the_same_address_twice_is_one() -> None:
    assert len(parse_addresses(["a:1", "grpc://a:1", "b:1"])) == 2


@pytest.mark.parametrize(("given", "message"), [([], "no address"), (["a:1", "http://a:2"], "one client speaks one")])
def test_none_and_a_mixture_are_refused(given: list[str], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        parse_addresses(given)


@pytest.mark.parametrize(
    ("found", "hosts"),
    [
        pytest.param([], ["models"], id="unknown-name-stays"),
        pytest.param(["10.0.0.1"], ["models"], id="one-record-stays"),
        pytest.param(["10.0.0.1", "::1"], ["models"], id="two-families-are-one-machine"),
        pytest.param(["10.0.0.1", "10.0.0.2", "::1"], ["10.0.0.1", "10.0.0.2"], id="two-machines"),
    ],
)
def test_a_name_with_several_records_is_several_addresses(found: list[str], hosts: list[str]) -> None:
    records = parse_address("https://models:8501").records(found)
    assert [record.host for record in records] == hosts
    assert all(record.named in ("", "models:8501") for record in records)
