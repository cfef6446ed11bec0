"""REST over kept-alive connections, blocking or for an event loop.

httpx bounds each wait for the network, not the whole; the answer is read in pieces so that a deadline holds against a
server that sends slowly for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seaway.client.address import Address
from seaway.client.exchange import Exchange, Headers, Reply
from seaway.client.options import Tls
from seaway.client.transports.http_status import (
    OK_STATUSES,
    context,
    httpx_module,
    refusal_of_failure,
    refusal_of_status,
    timed_out,
)
from seaway.clock import Clock

if TYPE_CHECKING:
    import httpx

_JSON = ("content-type", "application/json")
_KEPT_CONNECTIONS = 64


class BlockingRest:
    """Blocks the calling thread; any number of threads may call."""

    def __init__(self, address: Address, tls: Tls | None, clock: Clock) -> None:
        """Connect with the first call.

        Raises:  FailedPrecondition - httpx is not installed. InvalidArgument - a certificate cannot be read.
        """
        module = httpx_module()
        self._address, self._clock = address, clock
        self._error = module.TransportError
        self._client: httpx.Client = module.Client(transport=module.HTTPTransport(**_connection(address, tls)))

    async def send(self, exchange: Exchange, headers: Headers, timeout_s: float) -> Reply:
        """Make the request and return the answer."""
        end = self._clock.now() + timeout_s
        received = []
        try:
            with self._client.stream(**_request(self._address, exchange, headers, timeout_s)) as response:
                for piece in response.iter_bytes():
                    received.append(piece)
                    if self._clock.now() > end:
                        raise timed_out(self._address, timeout_s)
        except self._error as err:
            raise refusal_of_failure(self._address, err, timeout_s) from None
        return _reply(self._address, response, b"".join(received))

    async def close(self) -> None:
        """Close the connections."""
        self._client.close()


class AsyncRest:
    """Belongs to the event loop that it is used in."""

    def __init__(self, address: Address, tls: Tls | None, clock: Clock) -> None:
        """Connect with the first call; raises as above."""
        module = httpx_module()
        self._address, self._clock = address, clock
        self._error = module.TransportError
        transport = module.AsyncHTTPTransport(**_connection(address, tls))
        self._client: httpx.AsyncClient = module.AsyncClient(transport=transport)

    async def send(self, exchange: Exchange, headers: Headers, timeout_s: float) -> Reply:
        """Make the request and return the answer."""
        end = self._clock.now() + timeout_s
        received = []
        try:
            async with self._client.stream(**_request(self._address, exchange, headers, timeout_s)) as response:
                async for piece in response.aiter_bytes():
                    received.append(piece)
                    if self._clock.now() > end:
                        raise timed_out(self._address, timeout_s)
        except self._error as err:
            raise refusal_of_failure(self._address, err, timeout_s) from None
        return _reply(self._address, response, b"".join(received))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _connection(address: Address, tls: Tls | None) -> dict[str, Any]:
    limits = httpx_module().Limits(max_connections=None, max_keepalive_connections=_KEPT_CONNECTIONS)
    return {"verify": context(address, tls), "limits": limits, "uds": address.socket_path or None, "trust_env": False}


def _request(address: Address, exchange: Exchange, headers: Headers, timeout_s: float) -> dict[str, Any]:
    said = [*headers, *exchange.headers] + ([_JSON] if exchange.body is not None else [])
    extensions: dict[str, Any] = {}
    if address.named:
        said.append(("host", address.named))
        extensions["sni_hostname"] = address.named.rpartition(":")[0]
    return {
        "method": exchange.method,
        "url": address.url + exchange.path,
        "content": exchange.body,
        "headers": said,
        "timeout": timeout_s,
        "extensions": extensions,
    }


def _reply(address: Address, response: httpx.Response, body: bytes) -> Reply:
    if response.status_code not in OK_STATUSES:
        raise refusal_of_status(address, response.status_code, response.headers, body)
    return Reply(body, response.status_code, response.headers)
