"""From the command to the first answer: what a restart, a scale-up or a crash costs."""

from __future__ import annotations

import json
import statistics
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import table
from bench.models import HALF_PLUS_TWO, MNIST_CNN, Store, Subject
from tests.server import Server

RUNS = 3
LIMIT_S = 60.0
PAUSE_S = 0.002
BODIES = {
    HALF_PLUS_TWO.name: {"instances": [1.0, 2.0, 5.0]},
    MNIST_CNN.name: {"instances": [[[[0.5]] * 28] * 28]},
}


def measure(directory: Path, console: Console, flags: Sequence[str]) -> dict[str, Any]:
    """Start a server for one model several times, print the median times, and return all."""
    store = Store(directory / "store")
    results: dict[str, Any] = {}
    for subject in (HALF_PLUS_TWO, MNIST_CNN):
        store.add(subject.name, subject, 1)
        results[subject.name] = [_start(directory, store, subject, flags) for _ in range(RUNS)]
    rows = [
        (name, *(f"{statistics.median(run[what] for run in runs):.2f} s" for what in ("listens_s", "answers_s")))
        for name, runs in results.items()
    ]
    columns = ("model", "listens", "first prediction answered")
    table.show(console, f"Start: seconds from the command, median of {RUNS}", columns, rows)
    return results


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
