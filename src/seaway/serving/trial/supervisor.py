"""Runs one trial in a process of its own and ends it, with all it started, when it takes too much.

Whatever the process does, the server gets an outcome: a trial that crashes, hangs, eats memory or talks nonsense is one
that failed.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO

import msgspec
import psutil

from seaway.serving.trial.limits import Limits, available_bytes, family, used_bytes, why_end
from seaway.serving.trial.outcome import End, Spec, Step, Tried
from seaway.worker.process import describe_exit

COMMAND = (sys.executable, "-m", "seaway.serving.trial")
_LOOK_S = 0.2
_WAIT_S = 10.0
_MAX_LINE_BYTES = 1 << 20
_lines = msgspec.json.Decoder(Step | End)


def run_trial(
    spec: Spec,
    limits: Limits,
    is_wanted: Callable[[], bool],
    on_step: Callable[[str], None],
    command: Sequence[str] = COMMAND,
) -> Tried:
    """Run the trial to its end and return what it found; `is_wanted` is asked several times a second."""
    with _Process(command, msgspec.json.encode(spec)) as process:
        started = time.monotonic()
        while True:
            said = process.next_line(_LOOK_S)
            if isinstance(said, End):
                return said.tried
            if isinstance(said, Step):
                on_step(said.doing)
            elif said is not None:
                return _failed(spec, said)
            if not is_wanted():
                return _failed(spec, "the version was unloaded meanwhile")
            elapsed_s = time.monotonic() - started
            why = why_end(limits, elapsed_s, used_bytes(process.pid), available_bytes())
            if why:
                return _failed(spec, f"the trial was ended: {why}")


def _failed(spec: Spec, why: str) -> Tried:
    return Tried(spec.candidate.engine, "failed", why)


class _Process:
    """The trial's process, and what it says; leaving it leaves nothing of it behind."""

    def __init__(self, command: Sequence[str], spec: bytes) -> None:
        self._lines: queue.SimpleQueue[Step | End | str] = queue.SimpleQueue()
        environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        self.pid = self._process.pid
        assert self._process.stdin is not None and self._process.stdout is not None
        telling = threading.Thread(target=self._tell, args=(self._process.stdin, spec), daemon=True)
        reading = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._threads = (telling, reading)
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_: object) -> None:
        # All at once, and its children by name: they have sessions of their own.
        for process in family(self.pid):
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._process.wait(_WAIT_S)
        for thread in self._threads:
            thread.join(_WAIT_S)

    def next_line(self, timeout_s: float) -> Step | End | str | None:
        """Return what was said next, a text when there will be nothing more, None when nothing came in time."""
        try:
            return self._lines.get(timeout=timeout_s)
        except queue.Empty:
            return None

    @staticmethod
    def _tell(stdin: IO[bytes], spec: bytes) -> None:
        with contextlib.suppress(OSError), stdin:  # it may have ended already
            stdin.write(spec)

    def _read(self, stdout: IO[bytes]) -> None:
        try:
            with stdout:
                while line := stdout.readline(_MAX_LINE_BYTES):
                    self._lines.put(_lines.decode(line))
        except msgspec.MsgspecError as err:
            self._lines.put(f"the trial said what is no report: {err}")
        self._lines.put(f"the trial {describe_exit(self._process.wait())}")
