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

from seaway.bench.tls import Tls
from seaway.errors import InvalidArgument, Unavailable

Api = Literal["grpc", "rest"]


@dataclass(frozen=True, slots=True)
class Scheme:
    """What the part of an address before `://` says."""

    api: Api
    tls: bool = False
    unix: bool = False


_SCHEMES = {
    "grpc": Scheme("grpc"),
    "grpcs": Scheme("grpc", tls=True),
    "http": Scheme("rest"),
    "https": Scheme("rest", tls=True),
    "unix": Scheme("grpc", unix=True),
    "http+unix": Scheme("rest", unix=True),
}
_NAMES = {scheme: name for name, scheme in _SCHEMES.items()}
_FORMS = (
    "write HOST:PORT or grpc://HOST:PORT for gRPC, http://HOST:PORT for REST, grpcs:// and https:// with TLS, "
    "unix:PATH and http+unix:PATH for sockets"
)


@dataclass(frozen=True, slots=True)
class Target:
    """A model server's port or socket, and the protocol that it speaks there."""

    api: Api
    host: str = ""
    port: int = 0
    tls: Tls | None = None
    socket_path: str = ""
    """Of a unix socket, which has neither host nor port."""

    @property
    def address(self) -> str:
        """Host and port, or `unix:` and the path."""
        if self.socket_path:
            return f"unix:{self.socket_path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        """Return the address with its protocol."""
        name = _NAMES[Scheme(self.api, self.tls is not None, bool(self.socket_path))]
        return f"{name}:{self.socket_path}" if self.socket_path else f"{name}://{self.address}"


def parse_target(text: str, tls: Tls | None = None, *, tls_by_default: bool = False) -> Target:
    """Return the target that an address names; `tls` is what it speaks where the address asks for TLS.

    An address without a protocol is gRPC, over TLS with `tls_by_default`.

    Raises:  InvalidArgument - the text has another form, or asks for TLS where there is none.
    """
    name, colon, path = text.partition(":")
    if colon and name in _SCHEMES and _SCHEMES[name].unix:
        return _socket(text, _SCHEMES[name], path)
    try:
        parts = urlsplit(text if "://" in text else f"{'grpcs' if tls_by_default else 'grpc'}://{text}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or scheme.unix or not parts.hostname or not port or parts.path not in ("", "/"):
        raise InvalidArgument(f"{text!r} is not a server to measure; {_FORMS}")
    return Target(scheme.api, parts.hostname, port, tls if scheme.tls else None)


def speaks_tls(text: str) -> bool:
    """Whether an address asks for TLS by its protocol."""
    scheme = _SCHEMES.get(text.partition("://")[0])
    return scheme is not None and scheme.tls


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
    if allow_remote or target.socket_path:
        return
    foreign = [found for found in resolve(target.host) if not ipaddress.ip_address(found.split("%")[0]).is_loopback]
    if foreign:
        raise InvalidArgument(
            f"{target} is {foreign[0]}, which is not this machine: a load can take a server down. "
            "If it is yours to load, say so with --allow-remote; a server on this machine is 127.0.0.1"
        )


def _socket(text: str, scheme: Scheme, path: str) -> Target:
    path = path.removeprefix("//")
    if not path:
        raise InvalidArgument(f"{text!r} names no socket; {_FORMS}")
    return Target(scheme.api, socket_path=path)
