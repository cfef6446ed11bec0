"""One gRPC channel, blocking or for an event loop. Messages are bytes: grpcio is given no serializer."""

from __future__ import annotations

from typing import Any

from seaway.client.address import Address
from seaway.client.exchange import Exchange, Headers, Reply
from seaway.client.options import Tls
from seaway.client.transports.grpc_status import CHANNEL_OPTIONS, credentials, grpcio, refusal


class BlockingGrpc:
    """Blocks the calling thread; any number of threads may call."""

    def __init__(self, address: Address, tls: Tls | None) -> None:
        """Connect with the first call.

        Raises:  FailedPrecondition - grpcio is not installed. InvalidArgument - a certificate cannot be read.
        """
        self._address = address
        self._error = grpcio().RpcError
        self._channel = _channel(grpcio(), address, tls)
        self._calls: dict[str, Any] = {}

    async def send(self, exchange: Exchange, headers: Headers, timeout_s: float) -> Reply:
        """Call a method and return what it answers."""
        call = self._calls.get(exchange.path)
        if call is None:
            call = self._calls.setdefault(exchange.path, self._channel.unary_unary(exchange.path))
        try:
            return Reply(call(exchange.body, timeout=timeout_s, metadata=headers or None))
        except self._error as err:
            raise refusal(err, self._address, timeout_s) from None

    async def close(self) -> None:
        """Close the channel; calls that are under way end with CANCELLED."""
        self._channel.close()


class AsyncGrpc:
    """Belongs to the event loop that it is made in."""

    def __init__(self, address: Address, tls: Tls | None) -> None:
        """Connect with the first call; raises as above."""
        self._address = address
        self._error = grpcio().RpcError
        self._channel = _channel(grpcio().aio, address, tls)
        self._calls: dict[str, Any] = {}

    async def send(self, exchange: Exchange, headers: Headers, timeout_s: float) -> Reply:
        """Call a method and return what it answers."""
        call = self._calls.get(exchange.path)
        if call is None:
            call = self._calls.setdefault(exchange.path, self._channel.unary_unary(exchange.path))
        try:
            return Reply(await call(exchange.body, timeout=timeout_s, metadata=headers or None))
        except self._error as err:
            raise refusal(err, self._address, timeout_s) from None

    async def close(self) -> None:
        """Close the channel; calls that are under way end with CANCELLED."""
        await self._channel.close()


def _channel(module: Any, address: Address, tls: Tls | None) -> Any:
    if address.tls:
        return module.secure_channel(address.target, credentials(tls or Tls()), CHANNEL_OPTIONS)
    return module.insecure_channel(address.target, CHANNEL_OPTIONS)
