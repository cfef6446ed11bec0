"""A REST port that gives one fixed answer, to test commands without a server or a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support import background


@dataclass
class FakeRest:
    """A REST port that gives one fixed answer and keeps what it was asked, to test clients without a model."""

    address: str
    status: int = 200
    body: bytes = b"{}"
    requests: list[tuple[str, str, Any]] = field(default_factory=list)

    def answers(self, body: Any, status: int = 200) -> None:
        """Give another answer from now on."""
        self.status, self.body = status, body if isinstance(body, bytes) else json.dumps(body).encode()


@contextmanager
def listening() -> Iterator[FakeRest]:
    """Such a port, open as long as the context is."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    fake = FakeRest(f"127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = _handler(fake)
    with background.answering(server):
        yield fake


def _handler(fake: FakeRest) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_DELETE(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def do_PUT(self) -> None:
            self.do_POST()

        def _answer(self, body: Any) -> None:
            fake.requests.append((self.command, self.path, body))
            self.send_response(fake.status)
            self.send_header("Content-Length", str(len(fake.body)))
            self.end_headers()
            self.wfile.write(fake.body)

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    return Handler
