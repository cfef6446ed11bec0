"""What the tests of the commands share: a clean root logger, plain output, and servers that are stand-ins."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import typer.rich_utils

from seaway.settings.effective import SETTINGS_FILE_VARIABLE
from seaway.settings.logging import DroppingHandler
from seaway.settings.server import ServerSettings, all_settings


@pytest.fixture(autouse=True)
def root_logger_restored() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    for handler in [handler for handler in root.handlers if isinstance(handler, DroppingHandler)]:
        root.removeHandler(handler)


@pytest.fixture(autouse=True)
def plain_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same width and no colour, whatever terminal or CI the tests run under."""
    monkeypatch.setattr(typer.rich_utils, "FORCE_TERMINAL", None)
    monkeypatch.setattr(typer.rich_utils, "MAX_WIDTH", 100)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    for setting in all_settings():
        monkeypatch.delenv(setting.declaration.env, raising=False)
    monkeypatch.delenv(SETTINGS_FILE_VARIABLE, raising=False)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[ServerSettings]:
    """Stands in for the running server: remembers the settings it was started with and ends at once with 0."""
    settings: list[ServerSettings] = []

    def start(given: ServerSettings, beside: object = None) -> int:
        settings.append(given)
        return 0

    monkeypatch.setattr("seaway.cli.serve.start", start)
    monkeypatch.setattr("seaway.cli.tensorflow_model_server.command.start", start)
    return settings


@dataclass
class FakeRest:
    """A REST port that gives one fixed answer and keeps what it was asked, to test clients without a model."""

    address: str
    status: int = 200
    body: bytes = b"{}"
    requests: list[tuple[str, str, Any]] = field(default_factory=list)

    def answers(self, body: Any, status: int = 200) -> None:
        self.status, self.body = status, body if isinstance(body, bytes) else json.dumps(body).encode()


@pytest.fixture
def rest() -> Iterator[FakeRest]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    fake = FakeRest(f"127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = _handler(fake)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


def _handler(fake: FakeRest) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_DELETE(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Any) -> None:
            fake.requests.append((self.command, self.path, body))
            self.send_response(fake.status)
            self.send_header("Content-Length", str(len(fake.body)))
            self.end_headers()
            self.wfile.write(fake.body)

        def do_PUT(self) -> None:
            self.do_POST()

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    return Handler
