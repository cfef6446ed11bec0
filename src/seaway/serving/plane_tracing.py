"""What the compiled plane is told about traces, as the part of its JSON document.

Here and not in the plane: what OpenTelemetry's variables and names mean is a matter of words, read once at the start.

Source: crates/plane/src/settings.rs, TracingSettings; the OpenTelemetry specification, Environment Variable
Specification and Protocol Exporter.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import seaway
from seaway.errors import InvalidArgument
from seaway.settings.tracing import Tracing

_GRPC_PORT = 4317
_HTTP_PATH = "/v1/traces"
_SERVICE_NAME = "service.name"
_RATIOS = {"always_on": 1.0, "always_off": 0.0}


def plane_tracing(tracing: Tracing) -> dict[str, object] | None:
    """Return the document, or None when spans are sent nowhere.

    Raises:  InvalidArgument - the endpoint or the headers cannot be read.
    """
    if not tracing.endpoint:
        return None
    protocol = tracing.protocol or _protocol(tracing.endpoint)
    sampler = tracing.sampler.removeprefix("parentbased_")
    return {
        "endpoint": tracing.endpoint if protocol == "grpc" else _with_path(tracing.endpoint),
        "protocol": protocol,
        "headers": _headers(tracing.headers.reveal()),
        "sampling_ratio": _RATIOS.get(sampler, tracing.sampling_ratio),
        "parent_based": sampler != tracing.sampler,
        "resource": _resource(tracing),
    }


def _protocol(endpoint: str) -> str:
    try:
        port = urlsplit(endpoint).port
    except ValueError as err:
        raise InvalidArgument(f"tracing.endpoint cannot be {endpoint!r}: {err}; use http://HOST:PORT") from err
    return "grpc" if port == _GRPC_PORT else "http/protobuf"


def _with_path(endpoint: str) -> str:
    return endpoint if endpoint.endswith(_HTTP_PATH) else endpoint.rstrip("/") + _HTTP_PATH


def _headers(text: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for number, item in enumerate((item for item in text.split(",") if item.strip()), start=1):
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise InvalidArgument(f"tracing.headers: header {number} is no NAME=VALUE; separate headers by commas")
        headers[name.strip()] = unquote(value.strip())
    return headers


def _resource(tracing: Tracing) -> dict[str, str]:
    items = [item.partition("=") for item in tracing.resource_attributes]
    attributes = {key.strip(): unquote(value.strip()) for key, _, value in items}
    name = tracing.service_name or attributes.get(_SERVICE_NAME, "seaway")
    return {"service.version": seaway.__version__} | attributes | {_SERVICE_NAME: name}
