"""One GET to the server under load, for its metadata and its metrics: over TCP, TLS or a unix socket."""

from __future__ import annotations

import http.client
import socket

from seaway.bench.target import Target
from seaway.errors import Unavailable


def get(target: Target, path: str, timeout_s: float) -> tuple[int, bytes]:
    """Return the status and body of one GET.

    Raises:  Unavailable - nobody answers in time, or nobody who can be trusted.
    """
    connection = _connection(target, timeout_s)
    try:
        connection.request("GET", path, headers={"Accept": "*/*"})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as err:
        raise Unavailable(f"no server answers at {target}: {err or 'it took too long'}") from err
    finally:
        connection.close()


def _connection(target: Target, timeout_s: float) -> http.client.HTTPConnection:
    if target.socket_path:
        return _UnixConnection(target.socket_path, timeout_s)
    if target.tls is not None:
        return http.client.HTTPSConnection(target.host, target.port, timeout=timeout_s, context=target.tls.context())
    return http.client.HTTPConnection(target.host, target.port, timeout=timeout_s)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
