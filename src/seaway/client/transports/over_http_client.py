"""REST with the standard library alone, a connection for each request.

For a program that asks now and then where httpx is not installed: `seaway predict` is one. It blocks.
"""

from __future__ import annotations

import http.client
import socket
import ssl

from seaway.client.address import Address
from seaway.client.exchange import Exchange, Headers, Reply
from seaway.client.options import Tls
from seaway.client.transports.http_status import OK_STATUSES, context, refusal_of_status, timed_out, unreached


class PlainRest:
    """Blocks the calling thread; any number of threads may call."""

    def __init__(self, address: Address, tls: Tls | None) -> None:
        """Connect to nothing yet.

        Raises:  InvalidArgument - a certificate cannot be read.
        """
        self._address = address
        self._context = context(address, tls)

    async def send(self, exchange: Exchange, headers: Headers, timeout_s: float) -> Reply:
        """Make the request and return the answer."""
        connection = self._connection(timeout_s)
        said = dict([*headers, *exchange.headers])
        if exchange.body is not None:
            said["content-type"] = "application/json"
        if self._address.named:
            said["host"] = self._address.named
        try:
            connection.request(exchange.method, self._address.prefix + exchange.path, exchange.body, said)
            response = connection.getresponse()
            body = response.read()
        except TimeoutError:
            raise timed_out(self._address, timeout_s) from None
        except (OSError, http.client.HTTPException) as err:
            raise unreached(self._address, err) from None
        finally:
            connection.close()
        found = {name.lower(): value for name, value in response.getheaders()}
        if response.status not in OK_STATUSES:
            raise refusal_of_status(self._address, response.status, found, body)
        return Reply(body, response.status, found)

    async def close(self) -> None:
        """Nothing is kept open."""

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        address = self._address
        if address.socket_path:
            return _SocketConnection(address.socket_path, timeout_s)
        if isinstance(self._context, ssl.SSLContext):  # the certificate is of the name, which is resolved once more
            host = address.named.rpartition(":")[0] or address.host
            return http.client.HTTPSConnection(host, address.port, timeout=timeout_s, context=self._context)
        return http.client.HTTPConnection(address.host, address.port, timeout=timeout_s)


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
