"""What httpx is told about a connection, and what statuses and failures of HTTP mean.

Source: tensorflow_serving/util/net_http/public/response_code_enum.h and model_servers/http_rest_api_handler.cc, the
table of which this is the inverse.
"""

from __future__ import annotations

import importlib.util
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seaway import extras
from seaway.client.address import Address
from seaway.client.exchange import Refusal
from seaway.client.options import Tls
from seaway.errors import (
    AlreadyExists,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    SeawayError,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Unknown,
)

if TYPE_CHECKING:
    import types

    import httpx

OK_STATUSES = frozenset({200, 202, 204})
_BY_STATUS: Mapping[int, type[SeawayError]] = {
    400: InvalidArgument,
    401: Unauthenticated,
    403: PermissionDenied,
    404: NotFound,
    409: AlreadyExists,
    412: FailedPrecondition,
    413: InvalidArgument,
    415: InvalidArgument,
    422: InvalidArgument,
    429: ResourceExhausted,
    499: Cancelled,
    500: Internal,
    501: Unimplemented,
    502: Unavailable,
    503: Unavailable,
    504: DeadlineExceeded,
}
_SHOWN_BYTES = 1000


def code_of_status(status: int) -> int:
    """Return the canonical code that an HTTP status stands for; UNKNOWN's for one that the API does not use."""
    return _BY_STATUS.get(status, Unknown).code


def has_httpx() -> bool:
    """Whether httpx is installed, found without importing it."""
    return importlib.util.find_spec("httpx") is not None


def httpx_module() -> types.ModuleType:
    """Return the module `httpx`.

    Raises:  FailedPrecondition - it is not installed.
    """
    try:
        import httpx  # noqa: PLC0415 - optional, and takes 120 ms
    except ImportError as err:
        raise FailedPrecondition(f"REST needs the package httpx ({err}): {extras.command('client')}") from err
    return httpx


def context(address: Address, tls: Tls | None) -> ssl.SSLContext | bool:
    """Return what httpx speaks TLS with; False without TLS, for which it would otherwise read all authorities.

    Raises:  InvalidArgument - a file cannot be read, or is no certificate.
    """
    if not address.tls:
        return False
    asked = tls or Tls()
    try:
        made = ssl.create_default_context(cafile=asked.ca_file)
        if asked.cert_file is not None:
            made.load_cert_chain(Path(asked.cert_file), asked.key_file)
    except OSError as err:  # an SSLError is one too
        files = ", ".join(str(each) for each in (asked.ca_file, asked.cert_file, asked.key_file) if each is not None)
        raise InvalidArgument(f"TLS cannot be spoken with {files or 'the authorities of this system'}: {err}") from err
    return made


def refusal_of_status(address: Address, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    """Return what an error status means."""
    message = f"the server at {address} answered {status}: {_said(body)}"
    return Refusal(code_of_status(status), message, _seconds(headers.get("retry-after", "")))


def refusal_of_failure(address: Address, error: httpx.TransportError, timeout_s: float) -> Refusal:
    """Return what a failed exchange means."""
    httpx = httpx_module()
    if isinstance(error, httpx.TimeoutException):
        return timed_out(address, timeout_s)
    if isinstance(error, httpx.ConnectError):
        return unreached(address, error)
    return Refusal(Unavailable.code, f"the server at {address} ended the connection: {error}", answered=False)


def unreached(address: Address, error: Exception) -> Refusal:
    """Return what it means that nobody was reached."""
    message = f"no server answers at {address} ({error}); is it running, and is this its REST port?"
    return Refusal(Unavailable.code, message, answered=False)


def timed_out(address: Address, timeout_s: float) -> Refusal:
    """Return what it means that no answer came in time."""
    return Refusal(DeadlineExceeded.code, f"the server at {address} did not answer within {timeout_s:.3g} s")


def _said(body: bytes) -> str:
    """Return the server's own words, of a proxy's page the beginning."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if isinstance(document, dict) and isinstance(document.get("error"), str):
        return str(document["error"])
    return body[:_SHOWN_BYTES].decode(errors="replace")


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() else None
