"""Whom the load goes to: the address as the user wrote it, and whether it may be loaded at all.

A load generator that is pointed at somebody else's server by a slip is an attack, so only this machine is loaded unless
the user says otherwise in so many words. The compiled generator refuses as well; here it is before anything is sent.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from seaway.errors import InvalidArgument, Unavailable

Api = Literal["grpc", "rest"]

_APIS: dict[str, Api] = {"http": "rest", "grpc": "grpc"}
_FORMS = "write HOST:PORT or grpc://HOST:PORT for gRPC, http://HOST:PORT for REST"


@dataclass(frozen=True, slots=True)
class Target:
    """A model server's port, and the protocol that it speaks there."""

    api: Api
    host: str
    port: int

    @property
    def address(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        """Return the address with its protocol."""
        return f"{'http' if self.api == 'rest' else 'grpc'}://{self.address}"


def parse_target(text: str) -> Target:
    """Return the target that `HOST:PORT`, `grpc://HOST:PORT` or `http://HOST:PORT` names.

    Raises:  InvalidArgument - the text has another form.
    """
    try:
        parts = urlsplit(text if "://" in text else f"grpc://{text}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme == "https":
        raise InvalidArgument(f"{text!r} asks for TLS, which the load generator does not speak; {_FORMS}")
    if parts.scheme not in _APIS or not parts.hostname or not port or parts.path not in ("", "/"):
        raise InvalidArgument(f"{text!r} is not a server to measure; {_FORMS}")
    return Target(_APIS[parts.scheme], parts.hostname, port)


def addresses_of(host: str) -> Sequence[str]:
    """Return the IP addresses of a host.

    Raises:  Unavailable - it has none.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as err:
        raise Unavailable(f"{host!r} has no address: {err}") from err
    return [str(entry[4][0]) for entry in found]


def check_allowed(target: Target, allow_remote: bool, resolve: Callable[[str], Sequence[str]] = addresses_of) -> None:
    """Let a target pass that is on this machine, and any other only with `allow_remote`.

    Raises:  InvalidArgument - it is another machine. Unavailable - it has no address.
    """
    if allow_remote:
        return
    foreign = [found for found in resolve(target.host) if not ipaddress.ip_address(found.split("%")[0]).is_loopback]
    if foreign:
        raise InvalidArgument(
            f"{target} is {foreign[0]}, which is not this machine: a load can take a server down. "
            "If it is yours to load, say so with --allow-remote; a server on this machine is 127.0.0.1"
        )
