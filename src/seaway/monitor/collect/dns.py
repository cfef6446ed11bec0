"""Servers behind one name: every address that it has is looked at, so replicas are found as they come and go.

That is how a headless Service of Kubernetes, `tasks.SERVICE` on Docker's networks, and an ordinary name with several
addresses say what is behind them. How a name is resolved is an argument.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence

from msgspec import structs

from seaway.errors import InvalidArgument, Unavailable
from seaway.monitor.collect.targets import Discovery, target
from seaway.monitor.target import Target

Resolve = Callable[[str], Sequence[str]]
"""All addresses of a name. Raises: Unavailable - nobody knows them."""
Names = Callable[[], Mapping[str, str]]
"""What servers are called, by their addresses, as far as that is known."""


def from_dns(place: str, resolve: Resolve, names: Names = dict) -> Discovery:
    """Return a discovery of what is behind `NAME:PORT`, asked again each time.

    Raises:  InvalidArgument - it is not such a place.
    """
    name, port = _parted(place)

    def discover() -> Sequence[Target]:
        known = names()
        found = sorted(set(resolve(name)))
        return [_of(address, port, known.get(address, "")) for address in found]

    return discover


def addresses(name: str) -> tuple[str, ...]:
    """Return the addresses of a name as this machine resolves it. Raises: Unavailable - it cannot, and why."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as err:
        raise Unavailable(f"{name} cannot be resolved: {getattr(err, 'strerror', None) or err}") from None
    return tuple(str(each[4][0]) for each in found)


def _of(address: str, port: int, name: str) -> Target:
    host = f"[{address}]" if ":" in address else address
    one = target(f"{host}:{port}")
    return structs.replace(one, instance=name) if name else one


def _parted(place: str) -> tuple[str, int]:
    name, _, port = place.rpartition(":")
    if not name or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise InvalidArgument(f"--dns {place!r}: expected NAME:PORT, as in tasks.digits:8501")
    return name, int(port)
