"""Loopback servers of both APIs that fail as a test tells them to, to see what a client makes of it.

They answer every prediction with `y = [1.0]`, tell no signature, and keep the headers of each call.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from seaway.protos import message
from tests.support import background
from tests.support.conformance.cases import HTTP_STATUS

CERTIFICATES = Path(__file__).parents[1] / "certificates"


@dataclass
class Script:
    """What a server does with its next calls, and what it saw of them."""

    failures: deque[str] = field(default_factory=deque)
    """Codes by name; the next calls get them one by one, and those after them an answer."""
    hangs: threading.Event = field(default_factory=threading.Event)
    """While it is set, predictions wait until `released`; a client that waits for them gets an answer after all."""
    released: threading.Event = field(default_factory=threading.Event)
    retry_after: str = ""
    let_go: int = 0
    """How many predictions that hung are over for the server."""
    calls: list[Mapping[str, str]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)

    def fails(self, *codes: str) -> None:
        """Answer the next calls with these codes."""
        self.failures.extend(codes)

    def next_failure(self, headers: Mapping[str, str]) -> str:
        """Keep a call's headers; how it fails, or "" when it is to be answered."""
        self.calls.append(headers)
        if self.hangs.is_set():
            self.released.wait(30)
            self.let_go += 1
        return self.failures.popleft() if self.failures else ""


class FailingGrpc:
    """A gRPC server."""

    scheme = "grpc"

    def __init__(self, port: int = 0, tls: bool = False) -> None:
        self.script = Script()
        self._pool = ThreadPoolExecutor(8)
        self._server = grpc.server(self._pool, options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((_Handler(self.script),))
        credentials = grpc.ssl_server_credentials(
            [(_read("server-key.pem"), _read("server.pem"))], _read("authority.pem"), True
        )
        where = f"127.0.0.1:{port}"
        add = self._server.add_secure_port if tls else self._server.add_insecure_port
        self.port = add(where, credentials) if tls else add(where)
        self.address = f"{'grpcs' if tls else 'grpc'}://localhost:{self.port}" if tls else f"127.0.0.1:{self.port}"
        self._server.start()

    def stop(self) -> None:
        """Let go what hangs, and refuse connections."""
        self.script.released.set()
        self._server.stop(0).wait()
        self._pool.shutdown()


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, script: Script) -> None:
        self._script = script

    def service(self, call_details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(lambda body, context: self._answer(call_details.method, context))

    def _answer(self, method: str, context: Any) -> bytes:
        if method.endswith("GetModelMetadata"):
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "no metadata here")
        self._script.connections.add(context.peer())
        code = self._script.next_failure(dict(context.invocation_metadata()))
        if code:
            if self._script.retry_after:
                context.set_trailing_metadata((("retry-after", self._script.retry_after),))
            context.abort(getattr(grpc.StatusCode, code), "told to fail")
        made = message("tensorflow.serving.PredictResponse")()
        made.outputs["y"].dtype = 1
        made.outputs["y"].tensor_shape.dim.add(size=1)
        made.outputs["y"].tensor_content = np.array([1.0], "<f4").tobytes()
        return bytes(made.SerializeToString())


class FailingRest:
    """A REST server."""

    scheme = "http"

    def __init__(self, port: int = 0, tls: bool = False) -> None:
        self.script = Script()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _http_handler(self.script))
        self._server.daemon_threads = True
        if tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=CERTIFICATES / "authority.pem")
            context.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server-key.pem")
            context.verify_mode = ssl.CERT_REQUIRED
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.address = f"{'https://localhost' if tls else 'http://127.0.0.1'}:{self.port}"
        self._end = background.answer(self._server)

    def stop(self) -> None:
        """Let go what hangs, and refuse connections."""
        self.script.released.set()
        self._end()


def _http_handler(script: Script) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_GET(self) -> None:
            self._send(501, {"error": "no metadata here"})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            script.connections.add(self.client_address)
            code = script.next_failure({name.lower(): value for name, value in self.headers.items()})
            if code:
                self._send(HTTP_STATUS[code], {"error": "told to fail"})
            else:
                self._send(200, {"outputs": [1.0]})

        def _send(self, status: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            if script.retry_after:
                self.send_header("Retry-After", script.retry_after)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    return Handler


def _read(name: str) -> bytes:
    return (CERTIFICATES / name).read_bytes()
