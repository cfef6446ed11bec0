"""The server's side of the fork server: starts it, asks it for workers, hears how they ended."""

from __future__ import annotations

import itertools
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future

import msgspec

from seaway.errors import Unavailable, from_code
from seaway.worker import control
from seaway.worker.control import MessageSocket
from seaway.worker.process import WorkerProcess
from seaway.worker.pump import Pump

_LAUNCH_TIMEOUT_S = 60.0
_LEAVE_TIMEOUT_S = 10.0


class ForkServer:
    """A running fork server. When it ends, its workers have ended with it; a new one must then be made."""

    def __init__(self, library: str, environment: Mapping[str, str], output_fd: int, pump: Pump) -> None:
        """Start it; it opens `library` meanwhile and answers the first launch when it has.

        Raises:  OSError - the process could not be started.
        """
        self._pump = pump
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._launching: dict[int, tuple[Future[int], WorkerProcess]] = {}
        self._workers: dict[int, WorkerProcess] = {}
        self.alive = True
        self._gone = threading.Event()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "seaway.worker.forkserver", str(theirs.fileno()), library],
                stdin=subprocess.DEVNULL,
                stdout=output_fd,
                stderr=output_fd,
                pass_fds=(theirs.fileno(),),
                env=dict(environment),
                start_new_session=True,  # Ctrl-C in the server's terminal must not reach the workers
            )
        self._server = MessageSocket(ours)
        pump.watch(self._server.fileno(), self._receive)

    def launch(self, worker: WorkerProcess, control_fd: int, output_fd: int) -> None:
        """Fork a process for `worker`.

        Raises:  Unavailable - the fork server is gone or silent; SeawayError - it could not fork.
        """
        future: Future[int] = Future()
        with self._lock:
            if not self.alive:
                raise Unavailable("the fork server has ended")
            request_id = next(self._ids)
            self._launching[request_id] = (future, worker)
        try:
            self._server.send(control.Launch(request_id, worker.name), (control_fd, output_fd))
            future.result(_LAUNCH_TIMEOUT_S)
        except (OSError, TimeoutError) as err:
            raise Unavailable(f"the fork server does not answer: {err!r}") from err
        finally:
            with self._lock:
                self._launching.pop(request_id, None)

    def close(self) -> None:
        """Let it leave, and with it every worker that is left."""
        self._server.shut_down()
        self._gone.wait(_LEAVE_TIMEOUT_S)

    def _receive(self) -> None:
        try:
            messages, alive = self._server.receive_available()
            for body, _ in messages:
                self._handle(control.event_decoder.decode(body))
        except (control.ProtocolError, msgspec.MsgspecError):
            alive = False
        if not alive:
            self._lost()

    def _handle(self, event: control.Event) -> None:
        if isinstance(event, control.Exited):
            worker = self._workers.pop(event.pid, None)
            if worker is not None:
                worker.ended(event.status)
            return
        with self._lock:
            waiting = self._launching.pop(event.id, None)
        if isinstance(event, control.Launched):
            self._launched(event.pid, waiting)
        elif waiting is not None:
            waiting[0].set_exception(from_code(event.code, event.message))

    def _launched(self, pid: int, waiting: tuple[Future[int], WorkerProcess] | None) -> None:
        if waiting is None:
            return  # nobody waits any more; its control socket is closed, so the process is leaving
        future, worker = waiting
        worker.started(pid)
        self._workers[pid] = worker
        future.set_result(pid)

    def _lost(self) -> None:
        """The fork server has ended: so have its workers, whose status nobody learnt."""
        self._pump.forget(self._server.fileno())
        self._server.close()
        self._process.kill()
        self._process.wait()
        with self._lock:
            self.alive = False
            launching, self._launching = self._launching, {}
        for future, _ in launching.values():
            future.set_exception(Unavailable("the fork server has ended"))
        for worker in self._workers.values():
            worker.kill()
            worker.ended(-signal.SIGKILL)
        self._workers.clear()
        self._gone.set()
