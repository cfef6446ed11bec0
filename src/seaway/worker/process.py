"""A worker process as the manager sees it: load, unload, stats, retire, and word of its end.

Every method may be called from any thread. A worker that dies fails whatever was asked of it at once, with Unavailable
and the reason; what it had loaded is gone with it, so there is nothing to clean up but the process's own remains.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import msgspec

from seaway.errors import DeadlineExceeded, Internal, Unavailable, from_code
from seaway.worker import control
from seaway.worker.control import LoadRequest, MessageSocket
from seaway.worker.memory import WorkerStats
from seaway.worker.pump import Pump

__all__ = ["LoadRequest", "Loaded", "OnExit", "WorkerProcess", "WorkerStats"]

OnExit: TypeAlias = Callable[[int], None]
"""Told the exit status: the exit code, or minus the signal that ended the process."""

_TERMINATE_GRACE_S = 1.0
_KILL_GRACE_S = 10.0
_UNLOAD_TIMEOUT_S = 60.0
_STATS_TIMEOUT_S = 5.0

ReplyT = TypeVar("ReplyT", bound=control.Reply)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version that answers its data socket."""

    signature_def_map: bytes
    """A serialized tensorflow.serving.SignatureDefMap."""
    load_seconds: float


class WorkerProcess:
    """One worker; made by WorkerLauncher.launch."""

    def __init__(self, name: str, connection: MessageSocket, pump: Pump) -> None:
        """Begin to listen on the manager's end of the control channel; the process may start later."""
        self.name = name
        self.pid = 0
        self._control = connection
        self._pump = pump
        self._pidfd: int | None = None
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._pending: dict[int, Future[control.Reply]] = {}
        self._status: int | None = None
        self._ended = threading.Event()
        self._callbacks: list[OnExit] = []
        pump.watch(connection.fileno(), self._receive)

    def load(self, request: LoadRequest, data_fd: int, arena_fd: int, timeout_s: float) -> Loaded:
        """Load a version and have it answer `data_fd` on `arena_fd`; both stay the caller's to close.

        After a DeadlineExceeded the worker may still be loading: retire it.

        Raises:  SeawayError - TensorFlow's code and words; Unavailable - the worker died, says how; DeadlineExceeded.
        """
        fds = (data_fd, arena_fd)
        reply = self._call(lambda id: control.Load(id, request), control.Loaded, timeout_s, fds)
        return Loaded(reply.signature_def_map, reply.load_seconds)

    def unload(self, model: str, version: int, timeout_s: float = _UNLOAD_TIMEOUT_S) -> None:
        """Free one version of a worker that holds several; runs in progress, and its load, are finished first.

        A version that is not loaded is free already.

        Raises:  Unavailable - the worker died; DeadlineExceeded.
        """
        self._call(lambda id: control.Unload(id, model, version), control.Done, timeout_s)

    def stats(self, timeout_s: float = _STATS_TIMEOUT_S) -> WorkerStats:
        """Return what the process uses now.

        Raises:  Unavailable - the worker died; DeadlineExceeded.
        """
        reply = self._call(control.Stats, control.Statistics, timeout_s)
        return WorkerStats(reply.rss_bytes, reply.pss_bytes, reply.private_bytes, reply.cpu_seconds)

    def retire(self, grace_s: float) -> int | None:
        """Have the process leave: asked, after `grace_s` terminated, a second later killed.

        Returns its exit status; None if even killing has not ended it within ten seconds.
        """
        with contextlib.suppress(OSError):  # gone already
            self._control.send(control.Exit(next(self._ids)))
        if not self._ended.wait(grace_s):
            self.send_signal(signal.SIGTERM)
            if not self._ended.wait(_TERMINATE_GRACE_S):
                self.send_signal(signal.SIGKILL)
                self._ended.wait(_KILL_GRACE_S)
        return self._status

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the process; one that has ended is left alone, whoever has its pid now."""
        with self._lock:
            if self._pidfd is not None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> None:
        """Kill the process and wait for it to be dead (for whoever cannot hear of its end otherwise)."""
        self.send_signal(signal.SIGKILL)
        with self._lock:
            if self._pidfd is not None:
                gone = select.poll()
                gone.register(self._pidfd, select.POLLIN)
                gone.poll(_KILL_GRACE_S * 1000)

    @property
    def exit_status(self) -> int | None:
        """The exit status, None while the process lives."""
        return self._status

    def on_exit(self, callback: OnExit) -> None:
        """Call `callback` once, from a thread of its own, when the process has ended; at once if it has."""
        with self._lock:
            if self._status is None:
                self._callbacks.append(callback)
                return
            status = self._status
        _tell([callback], status)

    def started(self, pid: int) -> None:
        """Note the process that was started for this worker (for whoever starts it)."""
        self.pid = pid
        with contextlib.suppress(ProcessLookupError):  # it has ended already, which will be reported
            self._pidfd = os.pidfd_open(pid)

    def abandon(self) -> None:
        """Close the channel of a worker that never started; one that starts after all reads its end and leaves."""
        self._control.shut_down()

    def ended(self, status: int) -> None:
        """Note that the process has ended (for whoever watches it, in the pump's thread)."""
        self._receive()
        with self._lock:
            if self._status is not None:
                return
            self._status = status
            pending, self._pending = self._pending, {}
            callbacks, self._callbacks = self._callbacks, []
            if self._pidfd is not None:
                os.close(self._pidfd)
                self._pidfd = None
        if self._control.fileno() >= 0:
            self._pump.forget(self._control.fileno())
            self._control.close()
        self._ended.set()
        for future in pending.values():
            future.set_exception(Unavailable(self._epitaph()))
        _tell(callbacks, status)

    def _call(
        self,
        make: Callable[[int], msgspec.Struct],
        expected: type[ReplyT],
        timeout_s: float,
        fds: Sequence[int] = (),
    ) -> ReplyT:
        request_id = next(self._ids)
        future: Future[control.Reply] = Future()
        with self._lock:
            if self._status is not None:
                raise Unavailable(self._epitaph())
            self._pending[request_id] = future
        with contextlib.suppress(OSError):  # it is dying; its end answers the request
            self._control.send(make(request_id), fds)
        try:
            reply = future.result(timeout_s)
        except TimeoutError:
            message = f"worker {self.name} (process {self.pid}) did not answer within {timeout_s:g} s"
            raise DeadlineExceeded(message) from None
        finally:
            with self._lock:
                self._pending.pop(request_id, None)
        if isinstance(reply, control.Failed):
            raise from_code(reply.code, reply.message)
        if not isinstance(reply, expected):
            raise Internal(f"worker {self.name} answered {type(reply).__name__} instead of {expected.__name__}")
        return reply

    def _receive(self) -> None:
        """Hand every reply that is here to whoever waits for it."""
        if self._control.fileno() < 0:
            return
        try:
            messages, alive = self._control.receive_available()
            replies = [control.reply_decoder.decode(body) for body, _ in messages]
        except (control.ProtocolError, msgspec.MsgspecError):
            replies, alive = [], False
            self.send_signal(signal.SIGKILL)  # what speaks nonsense cannot be managed; its end is reported as any other
        for reply in replies:
            with self._lock:
                future = self._pending.pop(reply.id, None)
            if future is not None:
                future.set_result(reply)
        if not alive:
            self._pump.forget(self._control.fileno())
            self._control.close()

    def _epitaph(self) -> str:
        return f"worker {self.name} (process {self.pid}) {describe_exit(self._status or 0)}"


def describe_exit(status: int) -> str:
    """Say in words how a process ended."""
    if status >= 0:
        return f"ended with exit code {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


def _tell(callbacks: Sequence[OnExit], status: int) -> None:
    """Call the callbacks where they may wait and ask the worker things."""

    def call() -> None:
        for callback in callbacks:
            callback(status)

    if callbacks:
        threading.Thread(target=call, name="seaway-worker-exit", daemon=True).start()
