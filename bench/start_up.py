"""From the command to the first answer: what a restart, a scale-up or a crash costs."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.lines import Line
from bench.models import HALF_PLUS_TWO, MNIST_CNN, Store, Subject
from bench.serving import Told
from bench.verdict import spread
from tests.support.server import Server

RUNS = 3
LIMIT_S = 60.0
PAUSE_S = 0.002
BODIES = {
    HALF_PLUS_TWO.name: {"instances": [1.0, 2.0, 5.0]},
    MNIST_CNN.name: {"instances": [[[[0.5]] * 28] * 28]},
}


def measure(directory: Path, flags: Sequence[str], told: Told) -> dict[str, Any]:
    """Start a server for one model several times, and return all times."""
    store = Store(directory / "store")
    results: dict[str, Any] = {}
    for subject in (HALF_PLUS_TWO, MNIST_CNN):
        told(f"start with {subject.name}")
        store.add(subject.name, subject, 1)
        results[subject.name] = [_start(directory, store, subject, flags) for _ in range(RUNS)]
    return results


def lines(measured: dict[str, Any]) -> Iterator[Line]:
    """The lines of the table."""
    for name, runs in measured.items():
        took = spread([run["answers_s"] for run in runs])
        title = f"{name}: from the command to the first answer"
        yield Line(title, measured=f"{took.median:.2f} s", spread=f"{took.lowest:.2f} s - {took.highest:.2f} s")


def _start(directory: Path, store: Store, subject: Subject, flags: Sequence[str]) -> dict[str, float]:
    ports_file = directory / "ports.json"
    ports_file.unlink(missing_ok=True)
    body = json.dumps(BODIES[subject.name]).encode()
    begin = time.monotonic()
    server = Server(directory, "serve", str(store.base_path(subject.name)), *flags)
    try:
        _wait(server, ports_file.exists, begin)
        listens = time.monotonic() - begin
        server.wait_listening()
        url = f"{server.url}/v1/models/{subject.name}:predict"
        _wait(server, lambda: _answers(url, body), begin)
        return {"listens_s": listens, "answers_s": time.monotonic() - begin}
    finally:
        server.clean_up()


def _answers(url: str, body: bytes) -> bool:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=LIMIT_S) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK
    except (urllib.error.URLError, ConnectionError):
        return False


def _wait(server: Server, holds: Callable[[], bool], begin: float) -> None:
    while not holds():
        if server.process.poll() is not None or time.monotonic() - begin > LIMIT_S:
            raise RuntimeError(f"the server does not answer:\n{server.log[-2000:]}")
        time.sleep(PAUSE_S)
