"""Makes worker processes: forked from the fork server, or started plainly when that fails.

One launcher belongs to one server. It owns the pump, the fork server (started again if it dies) and the pipes that
bring the workers' output into the log.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from types import MappingProxyType

from seaway.errors import Unavailable
from seaway.worker.control import MessageSocket
from seaway.worker.fork_client import ForkServer
from seaway.worker.output import OutputLines
from seaway.worker.process import WorkerProcess
from seaway.worker.pump import Pump

_LOG_LEVEL_VARIABLE = "TF_CPP_MIN_LOG_LEVEL"
_DEFAULT_MIN_SEVERITY = "2"
_READ_BYTES = 64 * 1024
_NOTHING: Mapping[str, str] = MappingProxyType({})


class WorkerLauncher:
    """Launches workers; closing it leaves none behind."""

    def __init__(
        self,
        library: str,
        *,
        environment: Mapping[str, str] = _NOTHING,
        log: logging.Logger | None = None,
        use_fork_server: bool = True,
    ) -> None:
        """Begin to open TensorFlow's `library` in a fork server; `environment` is added to the server's own.

        Workers' output goes to `log` (default: the logger `seaway.worker`), a line at a time.
        """
        self._library = library
        self._environment = {_LOG_LEVEL_VARIABLE: _DEFAULT_MIN_SEVERITY, **os.environ, **environment}
        self._log = log or logging.getLogger("seaway.worker")
        self._use_fork_server = use_fork_server
        self._lock = threading.Lock()
        self._workers: set[WorkerProcess] = set()
        self._closed = False
        self._pump = Pump()
        self._fork_server: ForkServer | None = None
        with contextlib.suppress(Unavailable), self._lock:
            self._running_fork_server()

    def launch(self, name: str, *, forked: bool = True) -> WorkerProcess:
        """Start a worker; `name` stands in the log and in process listings. Without `forked` it starts plainly.

        Raises:  Unavailable - no process could be started.
        """
        self._check_open()
        ours, theirs = socket.socketpair()
        with theirs:
            worker = WorkerProcess(name, MessageSocket(ours), self._pump)
            output_fd = self._output_pipe(name)
            try:
                self._start(worker, theirs.fileno(), output_fd, forked)
            except BaseException:
                worker.abandon()
                raise
            finally:
                os.close(output_fd)
        with self._lock:
            self._workers.add(worker)
            closed = self._closed
        worker.on_exit(lambda _: self._forget(worker))
        if closed:
            worker.retire(0.0)
            self._check_open()
        return worker

    def close(self) -> None:
        """End every worker that is left, and the fork server."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            workers, fork_server = list(self._workers), self._fork_server
        for worker in workers:
            worker.retire(0.0)
        if fork_server is not None:
            fork_server.close()
        self._pump.close()

    def _start(self, worker: WorkerProcess, control_fd: int, output_fd: int, forked: bool) -> None:
        try:
            with self._lock:
                fork_server = self._running_fork_server() if self._use_fork_server and forked else None
            if fork_server is not None:
                return fork_server.launch(worker, control_fd, output_fd)
        except Unavailable as error:
            self._log.warning("%s: %s; starting the worker without the fork server", worker.name, error)
        self._spawn(worker, control_fd, output_fd)

    def _running_fork_server(self) -> ForkServer | None:
        """Return the fork server, started again when it has died; the caller holds the lock.

        Raises:  Unavailable - it could not be started, or this launcher is closed.
        """
        self._check_open()
        if self._use_fork_server and (self._fork_server is None or not self._fork_server.alive):
            output_fd = self._output_pipe("fork server")
            try:
                self._fork_server = ForkServer(self._library, self._environment, output_fd, self._pump)
            except OSError as err:
                raise Unavailable(f"the fork server could not be started: {err}") from err
            finally:
                os.close(output_fd)
        return self._fork_server

    def _spawn(self, worker: WorkerProcess, control_fd: int, output_fd: int) -> None:
        """Start a worker as a program of its own.

        Raises:  Unavailable - the system refused.
        """
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "seaway.worker", str(control_fd), worker.name],
                stdin=subprocess.DEVNULL,
                stdout=output_fd,
                stderr=output_fd,
                pass_fds=(control_fd,),
                env=self._environment,
                start_new_session=True,
            )
        except OSError as err:
            raise Unavailable(f"worker {worker.name} could not be started: {err}") from err
        worker.started(process.pid)
        pidfd = os.pidfd_open(process.pid)

        def ended() -> None:
            self._pump.forget(pidfd)
            os.close(pidfd)
            worker.ended(process.wait())

        self._pump.watch(pidfd, ended)

    def _output_pipe(self, name: str) -> int:
        """Return where a process may write its output; the caller closes it once the process has it."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reading, False)
        lines = OutputLines(name, self._log, _severity(self._environment[_LOG_LEVEL_VARIABLE]))

        def readable() -> None:
            data = os.read(reading, _READ_BYTES)
            lines.feed(data)
            if not data:
                self._pump.forget(reading)
                os.close(reading)

        self._pump.watch(reading, readable)
        return writing

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("no worker is started any more: the server is shutting down")

    def _forget(self, worker: WorkerProcess) -> None:
        with self._lock:
            self._workers.discard(worker)


def _severity(text: str) -> int:
    return int(text) if text.isdecimal() else int(_DEFAULT_MIN_SEVERITY)
