"""The control channel between manager and worker: few messages, each small, over a unix stream socket.

A message is a head of five bytes (length of the body as little-endian u32, number of file descriptors as u8), the
body as JSON with its kind in `type`, and the descriptors beside the head (SCM_RIGHTS). Every request is answered by
exactly one reply with the same id, in any order: a worker answers `stats` while it loads. The fork server speaks the
same language.

    manager → worker        worker → manager          launcher → fork server    fork server → launcher
    load (2 fds)            loaded | failed           launch (2 fds)            launched | failed
    unload                  done | failed                                       exited (unasked)
    stats                   statistics
    exit                    (leaves)

A worker that reads end-of-file has lost its server, and leaves at once.

Source: docs/worker-protocol.md.
"""

from __future__ import annotations

import array
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from seaway.engines.engine import EngineOptions
from seaway.engines.registry import TENSORFLOW

_HEAD = struct.Struct("<IB")
_MAX_FDS = 16
_CHUNK_BYTES = 64 * 1024
MAX_BODY_BYTES = 1 << 30
"""Longest body that is believed: signatures of large models take megabytes, a broken peer claims anything."""


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What to load and how to serve it; the sockets travel beside it."""

    model: str
    version: int
    path: str
    tags: tuple[str, ...]
    library: str
    """TensorFlow's shared library."""
    slots: int
    stride_bytes: int
    threads: int
    """Runs that the worker executes at once."""
    session_config: bytes = b""
    """A serialized ConfigProto; empty for TensorFlow's defaults."""
    custom_ops: tuple[str, ...] = ()
    engine: str = TENSORFLOW
    """One of `seaway.engines.registry.KINDS`; the others need no library, and take what follows."""
    engine_options: EngineOptions = field(default_factory=EngineOptions)


class Load(msgspec.Struct, frozen=True, tag="load"):
    """Load a version and answer its data socket (first descriptor) on its arena (second)."""

    id: int
    request: LoadRequest


class Unload(msgspec.Struct, frozen=True, tag="unload"):
    """Stop answering for a version and free it."""

    id: int
    model: str
    version: int


class Stats(msgspec.Struct, frozen=True, tag="stats"):
    """Say what the process uses."""

    id: int


class Exit(msgspec.Struct, frozen=True, tag="exit"):
    """Leave now."""

    id: int


class Launch(msgspec.Struct, frozen=True, tag="launch"):
    """Fork a worker with this control socket (first descriptor) and this output (second)."""

    id: int
    name: str


class Loaded(msgspec.Struct, frozen=True, tag="loaded"):
    """The version answers."""

    id: int
    signature_def_map: bytes
    load_seconds: float


class Done(msgspec.Struct, frozen=True, tag="done"):
    """What was asked is done."""

    id: int


class Statistics(msgspec.Struct, frozen=True, tag="statistics"):
    """What the process uses."""

    id: int
    rss_bytes: int
    pss_bytes: int
    private_bytes: int
    cpu_seconds: float


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """What was asked could not be done; a canonical code and why."""

    id: int
    code: int
    message: str


class Launched(msgspec.Struct, frozen=True, tag="launched"):
    """The worker runs."""

    id: int
    pid: int


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """A worker ended: its exit code, or minus the signal that ended it."""

    pid: int
    status: int


Request: TypeAlias = Load | Unload | Stats | Exit
Reply: TypeAlias = Loaded | Done | Statistics | Failed
Event: TypeAlias = Launched | Failed | Exited

request_decoder = msgspec.json.Decoder(Request)
reply_decoder = msgspec.json.Decoder(Reply)
launch_decoder = msgspec.json.Decoder(Launch)
event_decoder = msgspec.json.Decoder(Event)


class ProtocolError(ConnectionError):
    """The peer sent what is not a message."""


class MessageSocket:
    """Messages over a stream socket: sent whole by any thread, received by one."""

    def __init__(self, connection: socket.socket) -> None:
        """Take over the socket, which must be connected."""
        self._connection = connection
        self._send_lock = threading.Lock()
        self._received = bytearray()
        self._fds: list[int] = []

    def fileno(self) -> int:
        """Return the descriptor, for a selector."""
        return self._connection.fileno()

    def shut_down(self) -> None:
        """Tell the peer that this is the end, from any thread; whoever receives here sees it too."""
        with contextlib.suppress(OSError):  # it is closed already
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket and every descriptor that was received and not taken."""
        self._connection.close()
        close_fds(self._fds)
        self._fds.clear()

    def send(self, message: msgspec.Struct, fds: Sequence[int] = ()) -> None:
        """Send one message; the descriptors stay the caller's.

        Raises:  OSError - the peer is gone.
        """
        body = msgspec.json.encode(message)
        data = memoryview(_HEAD.pack(len(body), len(fds)) + body)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        with self._send_lock:
            sent = self._connection.sendmsg([data], rights, socket.MSG_NOSIGNAL)
            self._connection.sendall(data[sent:])

    def receive(self) -> tuple[bytes, list[int]] | None:
        """Wait for the next message; None when the peer is gone. Received descriptors are the caller's.

        Raises:  ProtocolError - the peer sent what is not a message.
        """
        while True:
            for message in self._messages():
                return message
            if not self._read(0):
                return None

    def receive_available(self) -> tuple[list[tuple[bytes, list[int]]], bool]:
        """Return the messages that are here without waiting, and whether the peer may still send more.

        Raises:  ProtocolError - the peer sent what is not a message.
        """
        alive = True
        try:
            while alive:
                alive = self._read(socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
        return list(self._messages()), alive

    def _read(self, flags: int) -> bool:
        try:
            room = socket.CMSG_SPACE(_MAX_FDS * array.array("i").itemsize)
            data, ancillary, _, _ = self._connection.recvmsg(_CHUNK_BYTES, room, flags | socket.MSG_CMSG_CLOEXEC)
        except ConnectionError:
            return False
        for level, kind, rights in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds = array.array("i")
                fds.frombytes(rights[: len(rights) - len(rights) % fds.itemsize])
                self._fds += fds
        self._received += data
        return bool(data)

    def _messages(self) -> Iterator[tuple[bytes, list[int]]]:
        while len(self._received) >= _HEAD.size:
            length, fd_count = _HEAD.unpack_from(self._received)
            if length > MAX_BODY_BYTES:
                raise ProtocolError(f"a control message of {length} bytes; at most {MAX_BODY_BYTES} are believed")
            end = _HEAD.size + length
            if len(self._received) < end:
                return
            if len(self._fds) < fd_count:
                raise ProtocolError(f"a control message came with {len(self._fds)} of {fd_count} descriptors")
            body, fds = bytes(self._received[_HEAD.size : end]), self._fds[:fd_count]
            del self._received[:end], self._fds[:fd_count]
            yield body, fds


def close_fds(fds: Sequence[int]) -> None:
    """Close descriptors that nobody took over."""
    for fd in fds:
        socket.close(fd)
