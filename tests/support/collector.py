"""An OpenTelemetry collector for tests: takes spans over gRPC or HTTP on loopback, and keeps them.

The messages and the gRPC service are OpenTelemetry's own package, so that what Seaway writes by hand is read by others.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.support import background
from tests.support.eventually import eventually


@dataclass(frozen=True, slots=True)
class Seen:
    """One span as it came, with what was said of the process that made it."""

    span: trace_pb2.Span
    resource: dict[str, str | int]

    @property
    def name(self) -> str:
        """What happened."""
        return str(self.span.name)

    @property
    def trace_id(self) -> str:
        """Its trace."""
        return bytes(self.span.trace_id).hex()

    @property
    def id(self) -> str:
        """The span itself."""
        return bytes(self.span.span_id).hex()

    @property
    def parent_id(self) -> str:
        """The span above it; empty for a root."""
        return bytes(self.span.parent_span_id).hex()

    @property
    def attributes(self) -> dict[str, str | int]:
        """What is known of it."""
        return plain(self.span.attributes)


@dataclass(slots=True)
class Collector:
    """What has come so far."""

    url: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)
    _seen: list[Seen] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def take(self, request: trace_service_pb2.ExportTraceServiceRequest, headers: dict[str, str]) -> None:
        """Keep the spans of one request."""
        with self._lock:
            self.headers.append(headers)
            for process in request.resource_spans:
                resource = plain(process.resource.attributes)
                self._seen += [Seen(span, resource) for scope in process.scope_spans for span in scope.spans]

    def spans(self) -> list[Seen]:
        """Every span so far."""
        with self._lock:
            return list(self._seen)

    def calls(self) -> list[Seen]:
        """The spans of whole calls."""
        return [seen for seen in self.spans() if seen.span.kind != trace_pb2.Span.SPAN_KIND_INTERNAL]

    def wait_calls(self, count: int) -> list[Seen]:
        """The spans of whole calls, once there are so many."""
        return eventually(self.calls, lambda calls: len(calls) >= count, f"spans of {count} calls come")

    def below(self, parent: Seen) -> dict[str, Seen]:
        """The spans right below one, by name."""
        return {seen.name: seen for seen in self.spans() if seen.parent_id == parent.id}


def plain(attributes: Any) -> dict[str, str | int]:
    """Attributes as a dictionary."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextmanager
def over_grpc(port: int = 0) -> Iterator[Collector]:
    """A collector that speaks gRPC."""
    collector = Collector()

    class Service(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request: Any, context: grpc.ServicerContext) -> Any:
            collector.take(request, {name: str(value) for name, value in context.invocation_metadata()})
            return trace_service_pb2.ExportTraceServiceResponse()

    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool)
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Service(), server)
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
        collector.url = f"http://127.0.0.1:{bound}"
        server.start()
        yield collector
        server.stop(None).wait()


@contextmanager
def over_http(port: int = 0) -> Iterator[Collector]:
    """A collector that speaks HTTP."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            is_right = self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf"
            if is_right:
                request = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
                collector.take(request, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(200 if is_right else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

    with background.answering(Quiet(("127.0.0.1", port), Handler)) as collector.url:
        yield collector
