"""The fork server: one small single-threaded process that has TensorFlow's library open and forks workers.

Opening the library costs most of a worker's start; here it is paid once, and its pages are shared by every worker
(docs/decisions/0002-fork-server.md has the figures). Only the library is opened, no session is made: TensorFlow starts
no thread until then, which is what makes forking safe. Nothing else may ever happen in this process.

No worker outlives the server: the fork server leaves when its socket ends, and the kernel kills each worker with it.

`python -m seaway.worker.forkserver FD LIBRARY`
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn

from seaway import _core
from seaway.worker import main as worker
from seaway.worker.control import (
    Exited,
    Failed,
    Launch,
    Launched,
    MessageSocket,
    close_fds,
    launch_decoder,
)

_INTERNAL = 13
_LAUNCH_FDS = 2


class ForkServer:
    """The workers of one server, as their parent process knows them."""

    def __init__(self, server: MessageSocket) -> None:
        """Begin without workers."""
        self._server = server
        self._children: dict[int, int] = {}  # pidfd → pid
        self._ready = selectors.DefaultSelector()
        self._ready.register(server, selectors.EVENT_READ)

    def serve(self) -> None:
        """Fork a worker for each launch and report each worker's end, until the server is gone."""
        alive = True
        while alive:
            for key, _ in self._ready.select():
                if key.fd in self._children:
                    self._report_end(key.fd)
                    continue
                messages, alive = self._server.receive_available()
                for body, fds in messages:
                    self._launch(launch_decoder.decode(body), fds)

    def _launch(self, launch: Launch, fds: list[int]) -> None:
        """Fork one worker and tell the server its pid, or why there is none."""
        try:
            pid = self._fork(launch.name, fds)
            pidfd = os.pidfd_open(pid)
        except (OSError, ValueError) as error:
            self._server.send(Failed(launch.id, _INTERNAL, f"no worker could be forked: {error}"))
            return
        finally:
            close_fds(fds)
        self._children[pidfd] = pid
        self._ready.register(pidfd, selectors.EVENT_READ)
        self._server.send(Launched(launch.id, pid))

    def _fork(self, name: str, fds: list[int]) -> int:
        control, output = fds
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                self._leave_everything(parent)
                _become_worker(name, control, output)
            finally:
                os._exit(1)
        return pid

    def _leave_everything(self, parent: int) -> None:
        """In the forked child: go when the fork server goes, and keep nothing of it open."""
        _core.die_with_parent()
        if os.getppid() != parent:
            os._exit(0)  # it went before the kernel knew that we go with it
        self._ready.close()
        self._server.close()
        close_fds(list(self._children))

    def _report_end(self, pidfd: int) -> None:
        pid = self._children.pop(pidfd)
        self._ready.unregister(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(pid, 0)
        self._server.send(Exited(pid, os.waitstatus_to_exitcode(status)))


def _become_worker(name: str, control: int, output: int) -> NoReturn:
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    worker.run(MessageSocket(socket.socket(fileno=control)), name)


def _preload(library: str) -> None:
    """Open the library; a failure is left to the first load, which has somebody to tell."""
    try:
        _core.preload_tensorflow(library)
    except _core.StatusError as error:
        print(f"seaway: {error.message}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> NoReturn:
    """Run the fork server on the socket and library that the arguments name; never returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = MessageSocket(socket.socket(fileno=int(arguments[0])))
    _preload(arguments[1])
    # What exists now lives on in every worker: keep the collector from touching, and so copying, its pages.
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError):  # the server is gone
        ForkServer(server).serve()
    # The kernel kills the workers as this process ends.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
