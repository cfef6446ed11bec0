"""One try over real HTTP on loopback: what is sent, what is understood of the answer, and what never leaves."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from seaway.errors import InvalidArgument
from seaway.monitor.remote.receiver import HttpReceiver
from tests.support import background


class Server:
    """Answers a status and headers, and remembers requests."""

    def __init__(self) -> None:
        self.status, self.headers = 204, {"X-Nothing": ""}
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                server.got.append((self.path, dict(self.headers), content))
                self.send_response(server.status)
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with background.answering(server.http):
        yield server


def test_a_request_is_what_the_protocol_asks_for(server: Server) -> None:
    answer = HttpReceiver(server.url + "/api/v1/write?tenant=a b").send(b"content")
    (path, headers, content), *others = server.got
    assert (answer.status, path, content, others) == (204, "/api/v1/write?tenant=a%20b", b"content", [])
    assert headers["Content-Type"] == "application/x-protobuf"
    assert headers["Content-Encoding"] == "snappy"
    assert headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
    assert "Authorization" not in headers


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        pytest.param("Bearer abc.def\n", "Bearer abc.def", id="bearer"),
        pytest.param("Basic me:pass word", "Basic bWU6cGFzcyB3b3Jk", id="basic"),
    ],
)
def test_credentials_are_read_from_their_file_at_each_try(
    server: Server, tmp_path: Path, written: str, sent: str
) -> None:
    file = tmp_path / "credentials"
    file.write_text("Bearer old")
    receiver = HttpReceiver(server.url, file)
    receiver.send(b"")
    file.write_text(written)
    receiver.send(b"")
    assert [headers["Authorization"] for _, headers, _ in server.got] == ["Bearer old", sent]
    file.unlink()
    answer = receiver.send(b"")
    assert answer.status == 0
    assert "No such file" in answer.said
    assert len(server.got) == 2


def test_a_redirect_is_not_followed(server: Server) -> None:
    server.status, server.headers = 307, {"Location": server.url + "/other"}
    assert HttpReceiver(server.url).send(b"").status == 307
    assert len(server.got) == 1


def test_a_pause_that_is_asked_for_is_passed_on(server: Server) -> None:
    server.status, server.headers = 429, {"Retry-After": "7"}
    assert HttpReceiver(server.url).send(b"")[::2] == (429, "7")


def test_nobody_there_is_an_answer_too() -> None:
    answer = HttpReceiver("http://127.0.0.1:1/write").send(b"")
    assert answer.status == 0
    assert "refused" in answer.said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("prometheus:9090", "expected a URL"),
        ("ftp://x/y", "expected a URL"),
        ("http:///write", "expected a URL"),
        ("http://x:port/", "cannot be read"),
        ("http://me:secret@x/", "--remote-write-auth"),
    ],
)
def test_what_is_no_address_is_refused(url: str, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said) as caught:
        HttpReceiver(url)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("written", ["", "token", "Bearer ", "Bearer a\nb", "Basic nopassword", "Digest a:b", "\xff"])
def test_a_file_that_holds_no_credentials_is_refused_without_being_shown(tmp_path: Path, written: str) -> None:
    file = tmp_path / "credentials"
    file.write_bytes(written.encode("latin-1"))
    with pytest.raises(InvalidArgument, match="--remote-write-auth") as caught:
        HttpReceiver("http://x/", file)
    assert "nopassword" not in caught.value.message


def test_its_name_shows_no_query() -> None:
    assert HttpReceiver("https://x/api/push?token=abc").name == "https://x/api/push"
