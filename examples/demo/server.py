"""Start `seaway serve` as a user would, wait until it is ready, and end it.

Ready is what `/readyz` says, never a guess in seconds. The server's log goes to a file, so that the story on the
console stays readable and the log is there when something went wrong.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GRPC_PORT = 8500
REST_PORT = 8501
MONITOR_PORT = 8502
START_LIMIT_S = 120.0
STOP_LIMIT_S = 40.0


class DemoError(Exception):
    """Something the demo promises did not happen; the message says what."""


def free_port(wanted: int) -> int:
    """The wanted port, or any free one when somebody listens there already."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("0.0.0.0", port))
                return int(probe.getsockname()[1])
    raise DemoError("no TCP port is free on this machine")


def get_json(url: str, timeout_s: float = 10.0) -> Any:
    """GET a URL and parse its JSON body."""
    with urllib.request.urlopen(url, timeout=timeout_s) as answer:
        return json.load(answer)


@dataclass(frozen=True, slots=True)
class Version:
    """One line of `GET /v1/models`."""

    version: int
    state: str
    worker_pid: int | None
    private_bytes: int


class Server:
    """One running server process."""

    def __init__(self, config: Path, log: Path) -> None:
        """Start it on TensorFlow Serving's ports, or on free ones when those are taken."""
        self.grpc_port = free_port(GRPC_PORT)
        self.rest_port = free_port(REST_PORT)
        self.monitor_port = free_port(MONITOR_PORT)
        self.log = log
        self.command = [
            *("seaway", "serve", "--config", os.path.relpath(config)),
            *(f"--grpc-port={self.grpc_port}", f"--rest-port={self.rest_port}"),
        ]
        if self.monitor_port != MONITOR_PORT:
            self.command.append(f"--monitor-listen=127.0.0.1:{self.monitor_port}")
        executable = str(Path(sys.executable).with_name("seaway"))
        with log.open("wb") as file:
            # A session of its own: Ctrl-C reaches the demo alone, which then ends the server properly.
            self._process = subprocess.Popen(
                [executable, *self.command[1:], f"--monitor-directory={log.parent / 'history'}"],
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def grpc_address(self) -> str:
        """Where gRPC clients connect."""
        return f"localhost:{self.grpc_port}"

    @property
    def url(self) -> str:
        """Where REST clients connect."""
        return f"http://localhost:{self.rest_port}"

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def wait_ready(self) -> float:
        """Return the seconds it took until every configured model answers.

        Raises: DemoError - the server ended, or is not ready in time; names the log.
        """
        start = time.monotonic()
        while time.monotonic() - start < START_LIMIT_S:
            if self._process.poll() is not None:
                raise DemoError(f"the server ended with status {self._process.returncode}:\n{self._last_lines()}")
            with suppress(OSError, urllib.error.URLError):
                urllib.request.urlopen(f"{self.url}/readyz", timeout=5).close()
                return time.monotonic() - start
            time.sleep(0.1)
        raise DemoError(f"the server is not ready after {START_LIMIT_S:.0f} s:\n{self._last_lines()}")

    def versions(self, model: str) -> dict[int, Version]:
        """The versions of a model that the server knows, by number."""
        for entry in get_json(f"{self.url}/v1/models")["models"]:
            if entry["name"] == model:
                return {int(found["version"]): _version(found) for found in entry["versions"]}
        return {}

    def stop(self) -> int:
        """SIGTERM, wait for the drain, and return the exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return int(self._process.returncode)

    def _last_lines(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        return "\n".join([*lines, f"(all of it: {self.log})"])


def _version(found: dict[str, Any]) -> Version:
    return Version(int(found["version"]), found["state"], found.get("worker_pid"), int(found.get("private_bytes") or 0))
