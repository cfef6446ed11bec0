"""The server that the table is run against, and bare connections to it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.support.conformance.subject import Subject, subject

__all__ = ["subject"]


@pytest.fixture
def raw(subject: Subject) -> Iterator[socket.socket]:
    """A bare TCP connection to the REST port."""
    with connected(subject.url.removeprefix("http://")) as connection:
        yield connection


@pytest.fixture
def grpc_raw(subject: Subject) -> Iterator[socket.socket]:
    """A bare TCP connection to the gRPC port."""
    with connected(subject.grpc_address) as connection:
        yield connection


def connected(address: str) -> socket.socket:
    """Connect to host:port."""
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=30)
