"""A real server process for a test: started on free ports, watched, and ended by process id whatever happens.

Everything it writes stays in one directory, which the fixture keeps under `artifacts/` when the test fails.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.support.eventually import eventually

START_LIMIT_S = 90.0
STOP_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON; NaN and Infinity are allowed, as TensorFlow Serving writes them."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The message of an error body."""
        return str(self.json["error"])


def http(
    url: str, body: bytes | str | Any = None, timeout_s: float = 30.0, method: str | None = None, **headers: str
) -> Answer:
    """One HTTP exchange; an error status is an answer, not an exception. A body that is no text becomes JSON."""
    data = body.encode() if isinstance(body, str) else body
    if data is not None and not isinstance(data, bytes):
        data = json.dumps(data).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=data, headers=named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return Answer(answer.status, lower_case(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, lower_case(error.headers), error.read())


def lower_case(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers by name in lower case, since HTTP's names have no case."""
    return {name.lower(): value for name, value in headers.items()}


def config_text(models: Mapping[str, Path | str]) -> str:
    """A ModelServerConfig. A value is a base path, or the lines of one model's `config` block."""
    blocks = []
    for name, value in models.items():
        lines = value if isinstance(value, str) else f'base_path: "{value}"'
        blocks.append(f'  config {{\n    name: "{name}"\n    model_platform: "tensorflow"\n    {lines}\n  }}\n')
    return "model_config_list {\n" + "".join(blocks) + "}\n"


def clean_environment() -> dict[str, str]:
    """This environment without settings that would leak into the server under test.

    Trials of other engines and a monitor beside each server would take the machine from every other test; the tests of
    both turn them on.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEAWAY_")}
    return kept | {"SEAWAY_ENGINE_TRIALS": "false", "SEAWAY_MONITOR": "false"}


class Server:
    """One `seaway serve` (or `tensorflow_model_server`) process and questions about it."""

    def __init__(self, directory: Path, *arguments: str, program: str = "seaway", ports: bool = True) -> None:
        """Start the program; with `ports` it is told to pick free ones and to write them down."""
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.log_path = directory / "server.log"
        self._ports_file = directory / "ports.json"
        command = [str(Path(sys.executable).with_name(program)), *arguments]
        if ports:
            command += ["--grpc-port=0", "--rest-port=0", f"--ports-file={self._ports_file}"]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=clean_environment(), start_new_session=True
            )
        self.grpc_address = ""
        self.rest_address = ""
        self._family: dict[int, psutil.Process] = {}

    @property
    def log(self) -> str:
        """What the server and its workers have written so far."""
        return self.log_path.read_text(errors="replace")

    @property
    def url(self) -> str:
        """The REST API's address."""
        return f"http://{self.rest_address}"

    def get(self, path: str, **headers: str) -> Answer:
        """GET a path of the REST API."""
        return http(self.url + path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """POST to a path of the REST API."""
        return http(self.url + path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> Answer:
        """PUT to a path of the REST API."""
        return http(self.url + path, body, method="PUT", **headers)

    def wait_listening(self) -> Server:
        """Wait until the server has written down where it listens.

        Raises: NotInTime - it did not; carries the end of the log.
        """
        ports = self._alive_until(lambda: json.loads(self._ports_file.read_text()), bool, "the server listens")
        self.grpc_address = _local(ports["grpc_address"])
        self.rest_address = _local(ports["rest_address"])
        return self

    def wait_ready(self) -> Server:
        """Wait until the server says that all its models are ready."""
        self.wait_listening()
        self._alive_until(lambda: self.get("/readyz").status, lambda status: status == 200, "the server is ready")
        return self

    def states(self, model: str) -> dict[int, str]:
        """The state of each version of a model, as GetModelStatus over REST tells it; {} when it is not known."""
        answer = self.get(f"/v1/models/{model}")
        if answer.status != 200:
            return {}
        return {int(entry["version"]): entry["state"] for entry in answer.json["model_version_status"]}

    def why_not(self, model: str, version: int) -> str:
        """The error message in a version's status."""
        for entry in self.get(f"/v1/models/{model}").json["model_version_status"]:
            if int(entry["version"]) == version:
                return str(entry["status"]["error_message"])
        return ""

    def wait_state(self, model: str, version: int, state: str = "AVAILABLE", limit_s: float = 60.0) -> None:
        """Wait until a version is in a state."""
        self._alive_until(
            lambda: self.states(model), lambda found: found.get(version) == state, f"{model} {version} {state}", limit_s
        )

    def listing(self) -> dict[str, dict[int, dict[str, Any]]]:
        """`GET /v1/models` by model and version."""
        return {
            model["name"]: {int(version["version"]): version for version in model["versions"]}
            for model in self.get("/v1/models").json["models"]
        }

    def worker_pid(self, model: str, version: int) -> int:
        """The process that holds a version."""
        return int(self.listing()[model][version]["worker_pid"])

    def family(self) -> list[psutil.Process]:
        """The server and every process it ever started that still runs."""
        with suppress(psutil.NoSuchProcess):
            server = psutil.Process(self.process.pid)
            for process in [server, *server.children(recursive=True)]:
                self._family[process.pid] = process
        return [process for process in self._family.values() if _runs(process)]

    def terminate(self) -> None:
        """Ask the server to drain and end."""
        self.process.send_signal(signal.SIGTERM)

    def wait_end(self, limit_s: float = STOP_LIMIT_S) -> int:
        """The exit status; negative when a signal ended it."""
        return self.process.wait(limit_s)

    def clean_up(self) -> None:
        """End the server and whatever it left behind, each by its process id."""
        self.family()
        if self.process.poll() is None:
            self.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
        for process in self.family():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()

    def _alive_until(self, ask: Any, holds: Any, what: str, limit_s: float = START_LIMIT_S) -> Any:
        """Like `eventually`, but gives up at once when the server has ended, and shows its log."""

        def asked() -> Any:
            return None if self.process.poll() is not None else ask()

        def held(answer: Any) -> bool:
            return self.process.poll() is not None or bool(holds(answer))

        try:
            answer = eventually(asked, held, what, limit_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- end of the server's log:\n{self.log[-3000:]}") from error
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}, so not: {what}\n{self.log[-3000:]}")
        self.family()
        return answer


def _local(address: str | None) -> str:
    return (address or "").replace("0.0.0.0", "127.0.0.1")


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
