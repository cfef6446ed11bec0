"""The programs of a cluster, and how one of them is run: in the cluster's network, with its log in a file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

VARIABLE = "SEAWAY_KUBERNETES"
BUILT = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "coredns")
INSTALLED = ("containerd", "ctr", "runc", "openssl", "ip", "nsenter")
CNI_PLUGINS = Path("/usr/lib/cni")
_STOP_S = 30.0


def why_not(directory: str) -> str:
    """Return why no cluster can run from the programs of a directory; empty when one can."""
    if not directory:
        return (
            f"{VARIABLE} names no directory with Kubernetes's programs, so nothing was tried against a real API server "
            "(CONTRIBUTING.md says how: tools/build_kubernetes.sh DIRECTORY)"
        )
    lacking = [name for name in BUILT if not (Path(directory) / name).exists()]
    if lacking:
        return f"{VARIABLE}={directory} lacks {', '.join(lacking)}; tools/build_kubernetes.sh {directory} builds them"
    lacking = [name for name in INSTALLED if shutil.which(name) is None]
    if lacking or not (CNI_PLUGINS / "ptp").exists():
        needed = "containerd runc openssl iproute2 containernetworking-plugins"
        return f"{', '.join(lacking) or CNI_PLUGINS} is not installed (Debian: {needed})"
    if os.geteuid() != 0:
        return "a node of the tests' own needs root"
    return ""


@dataclass
class Program:
    """One running program; it is ended, with what it started, by `stop`."""

    name: str
    command: list[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    def start(self) -> Program:
        """Start it; its log is added to."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        return self

    def check(self) -> None:
        """Raise, with the end of the log, when it has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self._process.returncode}:\n{self.tail()}")

    def tail(self, size: int = 3000) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-size:]

    def stop(self) -> None:
        """End it, by force when it takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(_STOP_S)
        self._process = None


def run(*command: str, stdin: bytes | None = None) -> str:
    """Run a command to its end and return what it printed; one that fails says so with all it said."""
    ran = subprocess.run(command, input=stdin, capture_output=True, check=False)
    assert ran.returncode == 0, f"{' '.join(command)}: {ran.stderr.decode(errors='replace')}"
    return ran.stdout.decode(errors="replace")
