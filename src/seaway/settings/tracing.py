"""Spans of requests: which are made, and which collector they are sent to.

Where a setting has a variable of OpenTelemetry's own, that counts too, after Seaway's: operators set those for every
program alike. One that says what Seaway cannot do is left out with a warning, since it was not meant for Seaway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seaway.settings.declaration import setting
from seaway.settings.secret import Secret

Protocol = Literal["", "grpc", "http/protobuf"]
Sampler = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]


_ENDPOINT = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
COLLECTOR_VARIABLES = ("SEAWAY_TRACING_ENDPOINT", *_ENDPOINT)
"""A server sends traces away when one of these is set."""


@dataclass(frozen=True, slots=True)
class Tracing:
    """A span for each request and its stages, off until there is a collector to send them to; docs/tracing.md."""

    endpoint: str = setting(
        "",
        "URL of an OpenTelemetry collector, for example `http://localhost:4317`. Over HTTP `/v1/traces` is added where "
        "the URL does not end with it. Empty means that nothing is traced.",
        flag="--tracing-endpoint",
        pattern=r"(https?://[^\s/]+\S*)?",
        expects="http://HOST:PORT or https://HOST:PORT",
        standard=_ENDPOINT,
    )
    protocol: Protocol = setting(
        "",
        "How the collector is spoken to. Empty means gRPC at port 4317 and HTTP at any other.",
        flag="--tracing-protocol",
        standard=("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"),
    )
    headers: Secret = setting(
        Secret(),
        "Headers for the collector, `NAME=VALUE` separated by commas, values percent-encoded. There is no flag, since "
        "a command line is visible to other users.",
        flag="",
        env="SEAWAY_TRACING_HEADERS",
        standard=("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
    )
    sampler: Sampler = setting(
        "parentbased_traceidratio",
        "Which requests are traced, by OpenTelemetry's names: `parentbased_` ones follow the client's decision where "
        "the request carries one, and `traceidratio` keeps the share `tracing.sampling_ratio`.",
        flag="--tracing-sampler",
        standard=("OTEL_TRACES_SAMPLER",),
    )
    sampling_ratio: float = setting(
        1.0,
        "The share of traces that is kept where the sampler asks for it.",
        flag="--tracing-sampling-ratio",
        unit="share",
        at_least=0,
        at_most=1,
        standard=("OTEL_TRACES_SAMPLER_ARG",),
    )
    service_name: str = setting(
        "",
        "Name of this service in traces. Empty means `service.name` of the resource attributes, or `seaway`.",
        flag="--tracing-service-name",
        standard=("OTEL_SERVICE_NAME",),
    )
    resource_attributes: tuple[str, ...] = setting(
        (),
        "What is said of this server with its spans: `KEY=VALUE`, values percent-encoded.",
        flag="--tracing-resource-attributes",
        pattern=r"[^=\s]+=.*",
        expects="a list of KEY=VALUE",
        standard=("OTEL_RESOURCE_ATTRIBUTES",),
    )
