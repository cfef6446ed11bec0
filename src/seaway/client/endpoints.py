"""The addresses of a client, what is known of their health, and their connections.

It decides nothing: `balancing` picks. A name of a REST server may stand for several machines; it is resolved with the
first call, and again when none of them is to be reached. Names of gRPC are grpcio's to resolve.
"""

from __future__ import annotations

import ipaddress
import itertools
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from seaway.client.address import Address
from seaway.client.balancing import HEALTHY, Health, after_failure, has_another, pick
from seaway.client.exchange import Refusal, Transport
from seaway.client.runtime import Runtime
from seaway.clock import Clock
from seaway.errors import Cancelled

_RESOLVED_FOR_S = 5.0


@dataclass(slots=True)
class _Endpoint:
    address: Address
    health: Health = HEALTHY
    transport: Transport | None = None


class Endpoints:
    """Where the requests of one client go."""

    def __init__(self, addresses: Sequence[Address], connect: Callable[[Address], Transport], clock: Clock) -> None:
        """Connect and resolve nothing yet."""
        self._addresses = addresses
        self._connect = connect
        self._clock = clock
        self._endpoints = [_Endpoint(address) for address in addresses]
        self._named = any(_is_name(address) for address in addresses)
        self._resolved_s: float | None = None
        self._turns = itertools.count()
        self._lock = threading.Lock()
        self._closed = False

    @property
    def needs_names(self) -> bool:
        """Whether names are to be resolved before the next call."""
        if not self._named:
            return False
        if self._resolved_s is None:
            return True
        now = self._clock.now()
        return now - self._resolved_s > _RESOLVED_FOR_S and all(
            each.health.out_until_s > now for each in self._endpoints
        )

    async def resolve(self, runtime: Runtime) -> None:
        """Look the names up, and keep what is known of addresses that are still there."""
        found: list[Address] = []
        for address in self._addresses:
            records = await runtime.resolve(address.host, address.port) if _is_name(address) else ()
            found += address.records(records)
        with self._lock:
            known = {each.address: each for each in self._endpoints}
            self._endpoints = [
                known.pop(address) if address in known else _Endpoint(address) for address in dict.fromkeys(found)
            ]
            self._resolved_s = self._clock.now()
        for gone in known.values():
            if gone.transport is not None:
                await gone.transport.close()

    def pick(self, asked: Collection[Address]) -> Address:
        """Return the address whose turn it is."""
        endpoints = self._endpoints
        if len(endpoints) == 1:
            return endpoints[0].address
        healths = [each.health for each in endpoints]
        return endpoints[pick(healths, next(self._turns), self._clock.now(), _places(endpoints, asked))].address

    def has_another(self, asked: Collection[Address]) -> bool:
        """Whether an address is left that works and was not asked in this call."""
        endpoints = self._endpoints
        return has_another([each.health for each in endpoints], self._clock.now(), _places(endpoints, asked))

    def transport(self, address: Address) -> Transport:
        """Return the connection to an address, which is made with the first request.

        Raises:  Refusal - the client is closed: what still runs must not open another.
        """
        endpoint = self._of(address)
        transport = endpoint.transport
        if transport is None:
            with self._lock:
                if self._closed:
                    raise Refusal(Cancelled.code, "the client was closed while the call was under way")
                transport = endpoint.transport or self._connect(address)
                endpoint.transport = transport
        return transport

    def failed(self, address: Address) -> None:
        """Leave an address out for a while."""
        endpoint = self._of(address)
        endpoint.health = after_failure(endpoint.health, self._clock.now())

    def answered(self, address: Address) -> None:
        """Remember that an address works."""
        endpoint = self._of(address)
        if endpoint.health is not HEALTHY:
            endpoint.health = HEALTHY

    async def close(self) -> None:
        """Close all connections."""
        with self._lock:
            self._closed = True
            transports = [endpoint.transport for endpoint in self._endpoints]
            for endpoint in self._endpoints:
                endpoint.transport = None
        for transport in transports:
            if transport is not None:
                await transport.close()

    def _of(self, address: Address) -> _Endpoint:
        endpoints = self._endpoints
        for endpoint in endpoints:
            if endpoint.address is address or endpoint.address == address:
                return endpoint
        return _Endpoint(address)  # its name was resolved anew meanwhile, without it


def _places(endpoints: Sequence[_Endpoint], asked: Collection[Address]) -> Collection[int]:
    return [index for index, each in enumerate(endpoints) if each.address in asked] if asked else ()


def _is_name(address: Address) -> bool:
    """Whether an address has a name that the client resolves itself."""
    if address.api != "rest" or address.socket_path or address.host == "localhost":
        return False
    try:
        ipaddress.ip_address(address.host)
    except ValueError:
        return True
    return False
