"""Where servers listen, as a user writes it, and which of the two APIs is spoken there.

Nothing is resolved or opened here. An address without a protocol is gRPC, since that is what clients of TensorFlow
Serving write; a URL is REST, and may have a path in front of `/v1` where a proxy wants one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from seaway.errors import InvalidArgument

Api = Literal["grpc", "rest"]

_FORMS = (
    "write HOST:PORT or grpc://HOST:PORT for gRPC, http://HOST:PORT for REST, grpcs:// and https:// with TLS, "
    "unix:PATH and http+unix:PATH for sockets"
)
_SCHEMES: dict[str, tuple[Api, bool]] = {
    "grpc": ("grpc", False),
    "grpcs": ("grpc", True),
    "http": ("rest", False),
    "https": ("rest", True),
}
_SOCKETS: dict[str, Api] = {"unix": "grpc", "http+unix": "rest"}
_URL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """One place where a server listens."""

    api: Api
    host: str = ""
    port: int = 0
    tls: bool = False
    socket_path: str = ""
    """Of a unix socket, which has neither host nor port."""
    prefix: str = ""
    """What comes before `/v1` in the paths of REST."""
    named: str = ""
    """Host and port as the user named them, where `host` is one of the addresses of that name."""

    @property
    def target(self) -> str:
        """Host and port, or `unix:` and the path, as grpcio takes it."""
        if self.socket_path:
            return f"unix:{self.socket_path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL that REST's paths are appended to."""
        if self.socket_path:
            return f"http://localhost{self.prefix}"
        return f"{'https' if self.tls else 'http'}://{self.target}{self.prefix}"

    def __str__(self) -> str:
        """Return host and port, or the socket: what a message names."""
        return self.target + self.prefix

    def records(self, found: Sequence[str]) -> tuple[Address, ...]:
        """Return an address for each of the IP addresses of a name that has several, and itself for any other.

        One family is kept: the two addresses of a machine that has both are no two servers.
        """
        for family in ([ip for ip in found if ":" not in ip], [ip for ip in found if ":" in ip]):
            if len(family) > 1:
                return tuple(replace(self, host=ip, named=self.target) for ip in family)
        return (self,)


def parse_addresses(given: str | Sequence[str], *, tls_by_default: bool = False) -> tuple[Address, ...]:
    """Return the addresses that a user gave, each of them once; all of one API.

    Raises:  InvalidArgument - there is none, one has another form, or gRPC and REST are mixed.
    """
    texts = [given] if isinstance(given, str) else list(given)
    found = tuple(dict.fromkeys(parse_address(text, tls_by_default=tls_by_default) for text in texts))
    if not found:
        raise InvalidArgument(f"no address is given; {_FORMS}")
    apis = {address.api for address in found}
    if len(apis) > 1:
        raise InvalidArgument(f"{', '.join(texts)}: some are gRPC and some REST; one client speaks one of them")
    return found


def parse_address(text: str, *, tls_by_default: bool = False) -> Address:
    """Return the address that a text names; one without a protocol is gRPC, over TLS with `tls_by_default`.

    Raises:  InvalidArgument - the text has another form.
    """
    scheme, colon, path = text.partition(":")
    if colon and scheme in _SOCKETS:
        socket_path = path[2:] if path.startswith("///") else path
        if not socket_path.strip("/"):
            raise InvalidArgument(f"{text!r} names no socket; {_FORMS}")
        return Address(_SOCKETS[scheme], socket_path=socket_path)
    url = text if "://" in text else f"{'grpcs' if tls_by_default else 'grpc'}://{text}"
    try:
        parts = urlsplit(url)
        port = parts.port or _URL_PORTS.get(parts.scheme)
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _SCHEMES or not parts.hostname or not port or parts.username or parts.query:
        raise InvalidArgument(f"{text!r} is not the address of a server; {_FORMS}")
    api, tls = _SCHEMES[parts.scheme]
    prefix = parts.path.rstrip("/")
    if prefix and api == "grpc":
        raise InvalidArgument(f"{text!r} has a path, which gRPC has no use for; {_FORMS}")
    return Address(api, parts.hostname, port, tls, prefix=prefix)
