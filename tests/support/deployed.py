"""A deployment of a test, driven by the `seaway` command as its user drives it, and taken down whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.ports import free_port
from tests.support.server import clean_environment, http

COMMAND_LIMIT_S = 150.0


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as a document."""
        return json.loads(self.out)

    def ok(self) -> Ran:
        """This, provided that the command succeeded."""
        assert self.code == 0, f"exit code {self.code}\n{self.out}\n{self.err}"
        return self


class Deployed:
    """One `seaway.yaml` and the commands that are run with it."""

    def __init__(self, directory: Path, description: str, **environment: str) -> None:
        """Write the description; PORTS and MONITOR in it become free ports. Commands get the environment too."""
        self.directory = directory
        self.environment = environment
        directory.mkdir(parents=True, exist_ok=True)
        self.grpc_port, self.rest_port, self.monitor_port = free_port(), free_port(), free_port()
        self.text = ""
        self.describe(description)

    @property
    def file(self) -> Path:
        """The description."""
        return self.directory / "seaway.yaml"

    @property
    def grpc_address(self) -> str:
        """Where clients find it."""
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def url(self) -> str:
        """The same over REST."""
        return f"http://127.0.0.1:{self.rest_port}"

    def describe(self, description: str) -> None:
        """Write another description."""
        self.text = description
        ports = f"{{grpc: {self.grpc_port}, rest: {self.rest_port}}}"
        self.file.write_text(description.replace("PORTS", ports).replace("MONITOR", str(self.monitor_port)))

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin `seaway ARGUMENTS` in the directory of the description."""
        command = [str(Path(sys.executable).with_name("seaway")), *arguments]
        return subprocess.Popen(
            command,
            cwd=self.directory,
            env=clean_environment() | {"COLUMNS": "200"} | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, limit_s: float = COMMAND_LIMIT_S) -> Ran:
        """Run `seaway ARGUMENTS` to its end."""
        return ended(self.begin(*arguments), limit_s)

    def status(self) -> Any:
        """`seaway status --json`."""
        return self.run("status", "--json").ok().json

    def plan(self) -> list[str]:
        """The lines of `seaway plan`, none when there is nothing to do."""
        return [step["text"] for step in self.run("plan", "--json").ok().json["plan"]]

    def get(self, path: str, port: int = 0) -> Any:
        """What the API of the deployment's monitor says, or that of the one at a port."""
        return http(f"http://127.0.0.1:{port or self.monitor_port}{path}").json["data"]

    def asked(self, question: str, port: int = 0) -> dict[str, float]:
        """A monitor's answer to a question in PromQL by instance; nothing while it does not answer."""
        try:
            found = self.get(f"/api/v1/query?{urlencode({'query': question})}", port)
        except OSError:
            return {}
        return {each["metric"]["instance"]: float(each["value"][1]) for each in found["result"]}

    def clean_up(self) -> None:
        """Take the deployment down, as far as it is up."""
        if self.file.exists():
            with suppress(subprocess.TimeoutExpired):
                self.run("destroy", "--yes", limit_s=60)


def ended(process: subprocess.Popen[str], limit_s: float = COMMAND_LIMIT_S) -> Ran:
    """Wait for the end of a command; one that takes too long is killed with what it started."""
    try:
        out, err = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"{process.args} did not end within {limit_s} s\n{out}\n{err}") from None
    return Ran(process.returncode, out, err)
