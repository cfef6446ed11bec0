"""An object store for a test: a server of S3's API on this machine that counts requests, and misbehaves as told.

It is moto's server behind a middleware of ours. What it holds outlives `stop`, so a store can go down and come back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.backends import get_backend
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from tests.support import background

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "key-of-the-test", "AWS_SECRET_ACCESS_KEY": "secret-of-the-test"}
BUCKET = "bucket"

Fault = Callable[[bytes], bytes]
"""What becomes of the body of an object on its way to whoever asked for it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: str


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: object) -> None:
        pass


class ObjectStore:
    """One server; `with` starts and stops it."""

    def __init__(self) -> None:
        """Listen nowhere yet."""
        self.asked: list[Asked] = []
        self.faults: dict[str, list[Fault]] = {}
        self.delay = threading.Event()
        self.delay.set()
        self.never_takes = ""
        """An upload to a name with this end waits until this is another one, or until `stop`, and is refused then."""
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server: BaseWSGIServer | None = None
        self._end: Callable[[], None] = lambda: None
        self.port = 0

    @property
    def endpoint(self) -> str:
        """Where it listens, or did."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program needs to use it."""
        return CREDENTIALS | {"AWS_ENDPOINT_URL": self.endpoint, "AWS_DEFAULT_REGION": "us-east-1"}

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = make_server("127.0.0.1", self.port, self._answer, threaded=True, request_handler=_Quiet)
        self.port = self._server.server_port
        self._end = background.answer(self._server)

    def stop(self) -> None:
        """Refuse connections."""
        if self._server is None:
            return
        self.delay.set()
        self._end()
        self._server = None

    def reset(self) -> None:
        """Hold nothing any more."""
        for accounts in get_backend("s3").values():
            accounts.reset()

    def gets(self, ending: str = "") -> list[str]:
        """The objects that were fetched, by the end of their names."""
        paths = [each.path for each in self.asked if each.method == "GET" and each.path.count("/") > 1]
        return [path for path in paths if path.endswith(ending)]

    def put(self, client: Any, directory: Path, prefix: str) -> None:
        """Upload a directory file by file, the graph last, as a careful pipeline does."""
        files = sorted(file for file in directory.rglob("*") if file.is_file())
        for file in sorted(files, key=lambda each: each.name == "saved_model.pb"):
            key = f"{prefix}/{file.relative_to(directory).as_posix()}"
            client.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())

    def __enter__(self) -> ObjectStore:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked = Asked(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", ""))
        self.asked.append(asked)
        if asked.method == "PUT" and self._refuses(asked.path):
            start_response("503 Service Unavailable", [("Content-Length", "0"), ("Connection", "close")])
            return [b""]
        body: Iterable[bytes] = self._app(environ, start_response)
        faults = self.faults.get(asked.path, [])
        if asked.method != "GET":
            return body
        if asked.path.count("/") > 1:
            self.delay.wait(600)  # longer than any test waits for what must not depend on it
        return [faults.pop(0)(b"".join(body))] if faults else body

    def _refuses(self, path: str) -> bool:
        ending = self.never_takes
        if not ending or not path.endswith(ending):
            return False
        end = time.monotonic() + 60
        while self.never_takes == ending and self._server is not None and time.monotonic() < end:
            time.sleep(0.02)
        return True
