"""Fetching over real sockets: what a server may do wrong costs its time-out at most."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from seaway.errors import Unavailable
from seaway.monitor.collect.fetch import fetch
from seaway.monitor.target import Target
from tests.support import background

Answer = Callable[[BaseHTTPRequestHandler], None]


class Served:
    """A server on loopback that answers as a test says."""

    def __init__(self) -> None:
        served = self
        self.answer: Answer = lambda handler: None
        self.seen: list[str | None] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.seen.append(self.headers.get("Authorization"))
                served.answer(self)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.url = f"http://user:secret@127.0.0.1:{self.server.server_address[1]}/metrics?token=secret"


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    with background.answering(served.server):
        yield served


def said(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def test_the_text_is_returned_and_the_token_sent(served: Served) -> None:
    port = served.server.server_address[1]
    served.answer = lambda handler: said(handler, b"up 1\n")
    assert fetch(Target("a", f"http://127.0.0.1:{port}/metrics", bearer="t"), 2.0) == "up 1\n"
    assert served.seen == ["Bearer t"]


def trickle(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(50):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(lambda handler: said(handler, b"", 404), "answers 404 Not Found: TensorFlow Serving", id="404"),
        pytest.param(lambda handler: said(handler, b"", 401), "it wants a token", id="401"),
        pytest.param(lambda handler: handler.wfile.write(b"no HTTP\r\n\r\n"), "does not answer", id="no-http"),
        pytest.param(trickle, "did not answer all within 0.3 s", id="trickle"),
    ],
)
def test_what_goes_wrong_is_told_without_secrets(served: Served, answer: Answer, message: str) -> None:
    served.answer = answer
    url = served.url.replace("user:secret@", "")
    with pytest.raises(Unavailable) as caught:
        fetch(Target("a", url), 0.3)
    assert message in caught.value.message
    assert "secret" not in caught.value.message


def test_an_address_is_shown_without_what_may_be_secret(served: Served) -> None:
    assert Target("a", served.url).shown == f"http://127.0.0.1:{served.server.server_address[1]}/metrics"
