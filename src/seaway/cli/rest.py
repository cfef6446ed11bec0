"""One HTTP call to a running server, and what its failures mean to the person at the keyboard.

The standard library is enough for a command that makes a single request, and keeps `seaway models` quick to start.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from seaway.errors import InvalidArgument, SeawayError, Unavailable, Unknown

_HTTP_OK = 200


class Refused(SeawayError):
    """The server answered, and the answer is an error: its own message, which is what the user needs to see."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the REST API of a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return the address as a user writes it."""
        return f"{self.host}:{self.port}"


def server_at(address: str) -> Server:
    """Return the server that `host:port` or `http://host:port` names.

    Raises:  InvalidArgument - the address has another form.
    """
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "http" or not parts.hostname or not port:
        raise InvalidArgument(
            f"--server cannot be {address!r}; write host:port of the REST API, for instance localhost:8501"
        )
    return Server(parts.hostname, port)


def call(
    server: Server, path: str, body: bytes | None = None, timeout_s: float = 60.0, body_method: str = "POST"
) -> Any:
    """Return the decoded JSON answer to a GET, or to a `body_method` when there is a body.

    Raises:  Unavailable - nobody answers. Refused - the server answers with an error. Unknown - the answer is not JSON.
    """
    status, text = _exchange(server, path, (body, body_method), timeout_s)
    try:
        answer = json.loads(text)
    except ValueError as err:
        raise Unknown(
            f"what listens at {server} answered {status} without JSON; is it a model server's REST port?"
        ) from err
    if status != _HTTP_OK:
        message = answer.get("error") if isinstance(answer, dict) else None
        raise Refused(f"the server at {server} answered {status}: {message or text.decode(errors='replace')}")
    return answer


def _exchange(server: Server, path: str, sent: tuple[bytes | None, str], timeout_s: float) -> tuple[int, bytes]:
    body, method = sent
    connection = http.client.HTTPConnection(server.host, server.port, timeout=timeout_s)
    headers = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if body is not None else {})
    try:
        connection.request("GET" if body is None else method, path, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    except TimeoutError as err:
        raise Unavailable(f"the server at {server} did not answer within {timeout_s:g} s") from err
    except (OSError, http.client.HTTPException) as err:
        raise Unavailable(
            f"no server answers at {server} ({err}); is it running? name another one with --server"
        ) from err
    finally:
        connection.close()
