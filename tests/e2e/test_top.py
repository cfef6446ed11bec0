"""`seaway top` at two real servers under load, and in a real terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.models.cache import Models
from tests.support.clients import Client, Load
from tests.support.eventually import eventually, true_soon
from tests.support.ports import free_port
from tests.support.server import Server

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
MODEL = "half_plus_two"


def command(*arguments: str) -> list[str]:
    # A group of its own within this session: only such a one can be suspended.
    main = "import os, sys; os.setpgrp(); from seaway.cli.main import run; sys.exit(run(sys.argv[1:]))"
    return [sys.executable, "-c", main, "top", *arguments]


def answered(client: Client) -> int:
    return len(client.predict(MODEL, x=[1.0]).outputs)


@pytest.fixture
def loaded(start: Start, models: Models, connect: Callable[[Server], Client]) -> Iterator[list[Server]]:
    """Two servers that are asked all the time."""
    servers = [start({MODEL: models.path(MODEL)}) for _ in range(2)]
    with ExitStack() as loads:
        for server in servers:
            client = connect(server)
            loads.enter_context(Load(partial(answered, client), threads=1))
        yield servers


def test_once_as_json_shows_both_servers_at_work(loaded: list[Server]) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    asked = command(*(server.rest_address for server in loaded), nobody, "--once", "--json", "--interval=1.5")
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    by_name = {server["instance"]: server for server in found["servers"]}
    for server in loaded:
        seen = by_name[server.rest_address]
        assert seen["is_up"] and seen["rate"] > 0 and seen["p99_s"] > 0 and seen["memory_bytes"] > 0
    assert not by_name[nobody]["is_up"] and "refused" in by_name[nobody]["problem"]
    (row,) = found["models"]
    assert (row["model"], row["version"], row["error_share"]) == (MODEL, "123", 0.0)
    assert row["rate"] == pytest.approx(sum(server["rate"] for server in found["servers"]))
    assert set(row["stages"]) == {"queue", "decode", "run", "encode"} and row["stages"]["run"] > 0


def test_once_needs_no_terminal_and_says_when_nobody_answers(loaded: list[Server]) -> None:
    done = subprocess.run(
        command(loaded[0].rest_address, "--once", "--interval=1"),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 and MODEL in done.stdout and "\x1b" not in done.stdout
    done = subprocess.run(
        command(f"127.0.0.1:{free_port()}", "--once", "--interval=0.1"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1 and "No server answers" in done.stdout


class Terminal:
    """A terminal with the verb in it."""

    def __init__(self, *arguments: str) -> None:
        self._user, self._program = pty.openpty()
        self.resize(30, 120)
        self.before = termios.tcgetattr(self._program)
        environment = {**os.environ, "TERM": "xterm-256color", "NO_COLOR": "1"}
        for name in ("COLUMNS", "LINES"):
            environment.pop(name, None)
        end = self._program
        self.process = subprocess.Popen(command(*arguments), env=environment, stdin=end, stdout=end, stderr=end)
        self.written = b""
        self._ending = threading.Event()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        while not self._ending.is_set():
            if select.select([self._user], [], [], 0.05)[0]:
                self.written += os.read(self._user, 65536)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._program, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: bytes) -> None:
        os.write(self._user, keys)

    def shows(self, text: str) -> None:
        true_soon(lambda: text.encode() in self.written, f"{text!r} is shown", 30)

    @property
    def state(self) -> list[Any]:
        return termios.tcgetattr(self._program)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._ending.set()
        self._reading.join()
        os.close(self._user)
        os.close(self._program)


@pytest.fixture
def open_terminal() -> Iterator[Callable[..., Terminal]]:
    """Terminals that are closed when the test ends."""
    opened: list[Terminal] = []

    def one(*arguments: str) -> Terminal:
        opened.append(Terminal(*arguments))
        return opened[-1]

    yield one
    for terminal in opened:
        terminal.close()


def is_put_back(terminal: Terminal) -> bool:
    """Whether the alternate screen was left, the cursor is shown, and lines are read as before."""
    ends = terminal.written.rfind(b"\x1b[?1049l") > terminal.written.rfind(b"\x1b[?1049h") >= 0
    cursor = terminal.written.rfind(b"\x1b[?25h") > terminal.written.rfind(b"\x1b[?25l")
    return ends and cursor and terminal.state == terminal.before


@pytest.mark.smoke
def test_keys_in_a_terminal_and_quitting_puts_it_back(
    loaded: list[Server], open_terminal: Callable[..., Terminal]
) -> None:
    terminal = open_terminal(*(server.rest_address for server in loaded), "--interval=0.5")
    terminal.shows("2/2 up")
    terminal.shows(MODEL)
    assert terminal.state != terminal.before
    terminal.press(b"s")
    terminal.shows("serving_default")
    terminal.press(b"r")
    terminal.shows("by p99")
    terminal.press(b"?")
    terminal.shows("this help")
    terminal.press(b"?p")
    terminal.shows("PAUSED")
    terminal.resize(20, 50)
    terminal.press(b"\x1b[Aq")  # An arrow means nothing.
    assert terminal.process.wait(20) == 0
    true_soon(lambda: is_put_back(terminal), "the terminal is put back")
    assert b"\x1b[31m" not in terminal.written  # NO_COLOR


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_signals_put_the_terminal_back(open_terminal: Callable[..., Terminal], number: int, code: int) -> None:
    terminal = open_terminal(f"127.0.0.1:{free_port()}", "--interval=0.5")
    terminal.shows("No server answers")
    terminal.process.send_signal(number)
    assert terminal.process.wait(20) == code
    true_soon(lambda: is_put_back(terminal), "the terminal is put back")


def test_control_z_puts_the_terminal_back_and_it_goes_on_afterwards(open_terminal: Callable[..., Terminal]) -> None:
    terminal = open_terminal(f"127.0.0.1:{free_port()}", "--interval=0.5")
    terminal.shows("No server answers")
    terminal.press(b"r")
    terminal.shows("by p99")
    terminal.press(b"\x1a")
    true_soon(lambda: is_put_back(terminal), "the terminal is put back")
    stopped = psutil.Process(terminal.process.pid)
    eventually(stopped.status, lambda status: status == psutil.STATUS_STOPPED, "it is suspended")
    terminal.process.send_signal(signal.SIGCONT)
    eventually(lambda: terminal.state, lambda state: state != terminal.before, "it goes on")
    terminal.press(b"q")
    assert terminal.process.wait(20) == 0
    true_soon(lambda: is_put_back(terminal), "the terminal is put back again")


def test_a_stream_of_json_ends_by_a_signal_or_with_its_reader_and_leaves_nothing(
    loaded: list[Server], tmp_path: Path
) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    asked = command(loaded[0].rest_address, "--json", "--interval=0.2")
    with subprocess.Popen(asked, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        looks = [json.loads(process.stdout.readline())["looks"] for _ in range(3)]
        process.terminate()
        assert (looks, process.wait(20)) == ([2, 3, 4], 143)
    with subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.wait(20), process.stderr.read()) == (0, b"")
    assert not list(tmp_path.iterdir())
