"""A `seaway monitor` process, and a model whose requests take as long as a test says."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.server import Server, clean_environment, http

METRICS = "/monitoring/prometheus/metrics"
PROMETHEUS = Path("/usr/bin/prometheus")
MODEL = """\
import time


class Model:
    signature = {{"inputs": {{"x": ("float32", [None])}}, "outputs": {{"y": ("float32", [None])}}}}

    def load(self, path):
        pass

    def predict(self, inputs):
        time.sleep({pause})
        if inputs["x"][0] < 0:
            raise RuntimeError("no root of that")
        return {{"y": inputs["x"]}}
"""


class Monitoring:
    """One `seaway monitor` process on a free port."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.port = free_port()
        self.log = directory / "monitor.log"
        command = [str(Path(sys.executable).with_name("seaway")), "monitor", *arguments]
        command += ["--directory", str(directory / "history"), "--listen", f"127.0.0.1:{self.port}", "--interval", "1"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=clean_environment())
        eventually(self._is_there, bool, "the monitor answers", limit_s=60)

    def _is_there(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return http(f"http://127.0.0.1:{self.port}/healthz").status == 200
        except OSError:
            return False

    def ask(self, question: str) -> dict[str, float]:
        """The answers by the labels' values."""
        query = urlencode({"query": question})
        data = http(f"http://127.0.0.1:{self.port}/api/v1/query?{query}").json["data"]
        return {",".join(each["metric"].values()): float(each["value"][1]) for each in data["result"]}

    def alerts(self) -> list[str]:
        """The states of what is pending or firing."""
        data = http(f"http://127.0.0.1:{self.port}/api/v1/alerts").json["data"]
        return [each["state"] for each in data["alerts"]]

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it and wait for its end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(20)


def roots(directory: Path, store: Path, pause: float, stack: ExitStack) -> Server:
    """Start a server of a model that takes so many seconds for a request; it ends with the stack."""
    version = store / "roots" / "1"
    version.mkdir(parents=True)
    (version / "model.py").write_text(MODEL.format(pause=pause))
    server = Server(directory, "serve", str(version.parent), "--name", "roots", "--engine", "python")
    stack.callback(server.clean_up)
    return server
