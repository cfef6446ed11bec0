"""Notices, channels and a real HTTP server for the tests of notifications."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from seaway import errors
from seaway.monitor.notify.message import Notice
from tests.support import background

HOSTILE = {
    "newline": "a\nb\r\nHTTP/1.1 200 OK",
    "control": "\x00\x1b[31mred\x07\x9b",
    "html": "<script>alert(1)</script>",
    "mention": "<!channel> @everyone @All",
    "direction": "\u202eevil\u2066\u200b",
    "line of Unicode": "a\u2028b\u2029c\x85d",
    "half": "\ud800",
    "long": "x" * 5_000_000,
    "braces": "{rule} {0.__class__} %s",
    "words": "饱和度",
    "": "",
}


def notice(**fields: Any) -> Notice:
    given: dict[str, Any] = {
        "rule": "slow",
        "state": "firing",
        "severity": "page",
        "labels": {"model": "resnet"},
        "summary": "p99 is 812 ms",
        "value": 812.0,
        "began_at": 1_000_000.0,
        "ended_at": None,
        "group": "resnet",
    }
    return Notice(**{**given, **fields})


class ScriptedChannel:
    """Takes messages, unless told to fail or to hang first."""

    def __init__(self, name: str = "chat", *failures: Exception) -> None:
        self.name = name
        self.failures = deque(failures)
        self.tried: list[str] = []
        self.sent: list[str] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.began = threading.Event()

    def send(self, title: str, body: str, notices: Sequence[Notice]) -> None:
        self.tried.append(title)
        self.began.set()
        self.may_go_on.wait(30.0)
        if self.failures:
            raise self.failures.popleft()
        self.sent.append(title)


def unavailable(times: int) -> list[Exception]:
    return [errors.Unavailable(f"failure {number + 1}") for number in range(times)]


@dataclass
class Requests:
    """What a server received, and which statuses it answers with; 200 when none is left."""

    port: int = 0
    statuses: deque[int] = field(default_factory=deque)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    answer: Callable[[str], bytes] = lambda path: b""

    def json(self, index: int = -1) -> Any:
        return msgspec.json.decode(self.bodies[index])


@contextmanager
def http_server(*statuses: int) -> Iterator[Requests]:
    seen = Requests(statuses=deque(statuses))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.paths.append(self.path)
            seen.headers.append(dict(self.headers.items()))
            seen.bodies.append(body)
            answer = seen.answer(self.path)
            self.send_response(seen.statuses.popleft() if seen.statuses else 200)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen.port = server.server_address[1]
    with background.answering(server):
        yield seen
