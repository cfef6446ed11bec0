"""supervisord: its settings as texts, and the calls that it takes over its socket.

It runs on by itself when the deployer has ended, starts again what dies, and rotates the logs.

Source: supervisord's manual (configuration file, XML-RPC API).
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import xmlrpc.client
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from seaway.deploy.targets.process.layout import Layout
from seaway.errors import FailedPrecondition, Unavailable

_LOG_BYTES = "10MB"
_LOG_BACKUPS = 3
_START_RETRIES = 20
"""Ends in a row shortly after the start before supervisord gives up; the pauses grow by a second each."""
_NO_SUCH = {"BAD_NAME", "NOT_RUNNING", "ALREADY_ADDED"}


@dataclass(frozen=True, slots=True)
class Program:
    """What is kept alive."""

    name: str
    command: tuple[str, ...]
    log: Path
    stop_wait_s: float

    def settings(self) -> str:
        """Return it in supervisord's form. Pure."""
        return (
            f"[program:{self.name}]\n"
            f"command={' '.join(_escaped(part) for part in self.command)}\n"
            "autostart=true\n"
            "autorestart=true\n"
            "startsecs=1\n"
            f"startretries={_START_RETRIES}\n"
            "stopsignal=TERM\n"
            f"stopwaitsecs={int(self.stop_wait_s) + 1}\n"
            "killasgroup=true\n"
            "redirect_stderr=true\n"
            f"stdout_logfile={_escaped(str(self.log), quote=False)}\n"
            f"stdout_logfile_maxbytes={_LOG_BYTES}\n"
            f"stdout_logfile_backups={_LOG_BACKUPS}\n"
        )


@dataclass(frozen=True, slots=True)
class ProgramState:
    """How a program is, in supervisord's words, for instance RUNNING, BACKOFF or FATAL."""

    name: str
    state: str
    pid: int
    explanation: str

    @property
    def is_kept(self) -> bool:
        """Tell whether supervisord has it running or will start it again."""
        return self.state in {"STARTING", "RUNNING", "BACKOFF"}


def settings(layout: Layout) -> str:
    """Return the settings of supervisord itself. Pure."""
    return (
        "[supervisord]\n"
        f"identifier=seaway-{layout.project}\n"
        f"pidfile={_escaped(str(layout.root / 'supervisord.pid'), quote=False)}\n"
        f"logfile={_escaped(str(layout.log('supervisord')), quote=False)}\n"
        "logfile_maxbytes=1MB\n"
        "logfile_backups=1\n"
        f"directory={_escaped(str(layout.root), quote=False)}\n"
        "nodaemon=false\n"
        "silent=true\n"
        "[unix_http_server]\n"
        f"file={_escaped(str(layout.socket), quote=False)}\n"
        "chmod=0700\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
        "[include]\n"
        f"files={_escaped(str(layout.programs), quote=False)}/*.conf\n"
    )


def start(layout: Layout) -> None:
    """Start supervisord, which goes on by itself.

    Raises:  FailedPrecondition - it does not start, and its own words.
    """
    layout.supervisord_conf.write_text(settings(layout), encoding="utf-8")
    layout.socket.unlink(missing_ok=True)
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(layout.supervisord_conf)]
    # What the deployer's shell has set for servers must not reach those of the deployment.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEAWAY_")}
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if ran.returncode:
        raise FailedPrecondition(f"supervisord did not start: {ran.stderr.strip() or ran.stdout.strip()}")


class Keeper:
    """Calls to the supervisord of a deployment."""

    def __init__(self, layout: Layout) -> None:
        """Connect with each call."""
        self._layout = layout

    def states(self) -> dict[str, ProgramState] | None:
        """Return the state of each program by name; None when no supervisord answers."""
        try:
            found: Any = self._call("getAllProcessInfo")
        except Unavailable:
            return None
        return {
            each["name"]: ProgramState(each["name"], each["statename"], each["pid"], each["spawnerr"]) for each in found
        }

    def add(self, program: Program) -> None:
        """Keep a program alive from now on; one of that name with other settings is replaced."""
        file = self._layout.programs / f"{program.name}.conf"
        text = program.settings()
        known = self.states() or {}
        if program.name in known:
            if file.exists() and file.read_text(encoding="utf-8") == text and known[program.name].is_kept:
                return
            self.remove(program.name)
        file.write_text(text, encoding="utf-8")
        self._call("reloadConfig")
        self._call("addProcessGroup", program.name)

    def begin_stop(self, name: str) -> None:
        """Have a program end; nothing happens when it is not running."""
        self._call("stopProcess", name, False)

    def remove(self, name: str) -> None:
        """Stop a program, wait for its end, and keep it no more; nothing happens when it is not there."""
        self._call("stopProcess", name, True)
        self._call("removeProcessGroup", name)
        (self._layout.programs / f"{name}.conf").unlink(missing_ok=True)
        with suppress(Unavailable):
            self._call("reloadConfig")

    def shut_down(self) -> None:
        """End supervisord and all that it keeps; nothing happens when there is none."""
        with suppress(Unavailable):
            self._call("shutdown")

    def process(self) -> psutil.Process | None:
        """Return the process of supervisord, None when it does not run."""
        try:
            pid = int((self._layout.root / "supervisord.pid").read_text())
            process = psutil.Process(pid)
            ours = str(self._layout.supervisord_conf) in process.cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        return process if ours else None

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, serverurl=f"unix://{self._layout.socket}")
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultString.partition(":")[0] in _NO_SUCH:
                return None
            raise FailedPrecondition(f"supervisord refused {method}: {fault.faultString}") from fault
        except (OSError, http.client.HTTPException) as err:
            raise Unavailable(f"supervisord does not answer at {self._layout.socket}: {err}") from err
        finally:
            transport.close()


def _escaped(text: str, quote: bool = True) -> str:
    """Return a text for supervisord's settings, in which `%` expands and spaces part arguments."""
    text = text.replace("%", "%%")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if quote and " " in text else text
