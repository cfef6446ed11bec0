"""The run loop for engines that are hosted in Python: receive, run, reply, until the other end hangs up.

It is the twin of `crates/worker/src/serve.rs` and keeps the same rules: several threads block on one socket and the
kernel gives each whole frame to one of them; whatever arrives is answered; only the socket's end ends the loop. The
interpreter's lock is given back while a thread waits and while native engines run, so threads overlap where it matters.

Names and element types are checked here against the signature, once for all engines.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from seaway.engines.element_types import NUMPY, shown
from seaway.engines.engine import Array, Model
from seaway.engines.signatures import Signature, read
from seaway.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    ResourceExhausted,
    SeawayError,
    Unimplemented,
)
from seaway.worker.arena import Arena, Inputs
from seaway.worker.protocol import (
    FLAG_INPUTS_RETAINED,
    MAX_FRAME_BYTES,
    FrameError,
    Layout,
    Reply,
    Run,
    decode_run,
    encode_reply,
)

_MESSAGE_LIMIT = 1024
_TRUNCATED = "...TRUNCATED"
_SLOT_AND_ID = struct.Struct("<2xH4xQ")
_RESOURCE_EXHAUSTED = ResourceExhausted.code


class HostedModel:
    """A loaded version of an engine in Python, and the threads that answer for it."""

    def __init__(self, model: Model) -> None:
        """Take over a loaded model.

        Raises:  Unimplemented - one of its signatures has a tensor that numpy cannot hold.
        """
        self._model = model
        self._signature_def_map = model.signature_def_map()
        self._signatures = read(self._signature_def_map)
        for name, signature in self._signatures.items():
            _check_types(name, signature)
        self._serving: Serving | None = None

    def signatures(self) -> bytes:
        """Return the serialized tensorflow.serving.SignatureDefMap."""
        return self._signature_def_map

    def serve(self, socket_fd: int, arena_fd: int, slots: int, stride_bytes: int, threads: int) -> None:
        """Start threads that answer runs until the other end hangs up; takes over both descriptors."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=socket_fd)
        try:
            arena = Arena(arena_fd, Layout(slots, stride_bytes))
        except BaseException:
            connection.close()
            raise
        finally:
            os.close(arena_fd)
        self._serving = Serving(Runs(self._model, self._signatures, arena).answer, connection, arena, threads)

    def close(self) -> None:
        """Hang up, let runs in progress finish, and give the model back."""
        if self._serving is not None:
            self._serving.stop()
        self._model.close()


class Serving:
    """Threads that answer one data socket."""

    def __init__(self, answer: Callable[[bytes], bytes], connection: socket.socket, arena: Arena, threads: int) -> None:
        """Start them; they own the socket and the arena."""
        self._answer = answer
        self._socket = connection
        self._arena = arena
        self._threads = [
            threading.Thread(target=self._answer_all, name=f"run-{index}", daemon=True)
            for index in range(max(1, threads))
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Hang up and wait until every thread has ended; runs in progress are finished first."""
        with suppress(OSError):  # the other end has hung up already
            self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._socket.close()
        self._arena.close()

    def _answer_all(self) -> None:
        frame = bytearray(MAX_FRAME_BYTES)
        with suppress(OSError):  # the other end is gone
            while length := self._socket.recv_into(frame):
                self._socket.send(self._answer(bytes(memoryview(frame)[:length])))


class Runs:
    """What turns the frame of a run into the frame of its reply."""

    def __init__(self, model: Model, signatures: Mapping[str, Signature], arena: Arena) -> None:
        """Begin by lending inputs to the engine."""
        self._model = model
        self._signatures = signatures
        self._arena = arena
        self._copies_inputs = False

    def answer(self, frame: bytes) -> bytes:
        """Return the reply to whatever arrived."""
        try:
            run = decode_run(frame)
        except FrameError as err:
            print(f"seaway: a frame of {len(frame)} bytes is not a run: {err}", file=sys.stderr, flush=True)
            request_id, slot = identity(frame)
            return _encoded(_failed(request_id, slot, Internal(f"the worker could not read the run: {err}")))
        if run.slot >= self._arena.layout.slots:
            refusal = Internal(f"slot {run.slot} is not one of {self._arena.layout.slots}")
            return _encoded(_failed(run.request_id, run.slot, refusal))
        if run.deadline_nanos and time.monotonic_ns() >= run.deadline_nanos:
            late = DeadlineExceeded("the deadline passed before the run began")
            return _encoded(_failed(run.request_id, run.slot, late))
        return _encoded(self._reply(run))

    def _reply(self, run: Run) -> Reply:
        inputs = Inputs()
        try:
            reply = self._run(run, inputs)
        except (Exception, SystemExit) as err:  # a user's class may try to leave; its thread must not
            reply = _failed(run.request_id, run.slot, _as_seaway_error(err))
        # Not before the frames that saw the inputs are gone, which is when the exception is.
        return self._with_flags(reply, inputs)

    def _run(self, run: Run, inputs: Inputs) -> Reply:
        signature = self._signature(run.signature)
        self._arena.read(run, inputs, copied=self._copies_inputs)
        _check_inputs(run.signature, signature, inputs.arrays)
        wanted = _wanted(run, signature)
        started = time.perf_counter_ns()
        outputs = self._model.run(run.signature, inputs.arrays, wanted)
        nanos = time.perf_counter_ns() - started
        return Reply(run.request_id, run.slot, outputs=self._arena.write(run.slot, outputs), run_nanos=nanos)

    def _with_flags(self, reply: Reply, inputs: Inputs) -> Reply:
        if not inputs.are_retained():
            return reply
        if not self._copies_inputs:
            print("seaway: the model keeps its inputs: they are copied from now on", file=sys.stderr, flush=True)
        self._copies_inputs = True
        return replace(reply, flags=FLAG_INPUTS_RETAINED)

    def _signature(self, name: str) -> Signature:
        signature = self._signatures.get(name)
        if signature is None:
            raise FailedPrecondition(f'Serving signature key "{name}" not found.')
        return signature


def identity(frame: bytes) -> tuple[int, int]:
    """Return request id and slot of a frame that is otherwise unreadable; zeros when it is too short for them.

    Source:  docs/worker-protocol.md, the fixed head of a run.
    """
    if len(frame) < _SLOT_AND_ID.size:
        return 0, 0
    slot, request_id = _SLOT_AND_ID.unpack_from(frame)
    return request_id, slot


def _check_types(name: str, signature: Signature) -> None:
    for alias, spec in (*signature.inputs.items(), *signature.outputs.items()):
        if spec.dtype not in NUMPY:
            raise Unimplemented(f"signature '{name}': '{alias}' of {shown(spec.dtype)} needs the engine tensorflow")


def _check_inputs(name: str, signature: Signature, inputs: Mapping[str, Array]) -> None:
    for alias, array in inputs.items():
        spec = signature.inputs.get(alias)
        if spec is None:
            raise InvalidArgument(f"signature '{name}' has no input '{alias}'")
        if array.dtype != NUMPY[spec.dtype]:
            given = "string" if array.dtype.kind == "O" else array.dtype
            raise InvalidArgument(f"input '{alias}' is {given}; signature '{name}' expects {shown(spec.dtype)}")
    missing = [alias for alias in signature.inputs if alias not in inputs]
    if missing:
        raise InvalidArgument(f"signature '{name}' also needs the inputs: {', '.join(missing)}")


def _wanted(run: Run, signature: Signature) -> tuple[str, ...]:
    for name in run.outputs:
        if name not in signature.outputs:
            raise InvalidArgument(f"signature '{run.signature}' has no output '{name}'")
    return run.outputs or tuple(signature.outputs)


def _as_seaway_error(err: BaseException) -> SeawayError:
    if isinstance(err, SeawayError):
        return err
    traceback.print_exc()
    if isinstance(err, MemoryError):
        return ResourceExhausted("the worker has no memory left for this run")
    return Internal(f"internal error in the worker: {type(err).__name__}: {err}")


def _failed(request_id: int, slot: int, err: SeawayError) -> Reply:
    return Reply(request_id, slot, err.code, _cut(err.message))


def _encoded(reply: Reply) -> bytes:
    """Encode a reply; one too long for a packet becomes the error that says so."""
    frame = encode_reply(reply)
    if len(frame) <= MAX_FRAME_BYTES:
        return frame
    message = f"the reply's header takes {len(frame)} bytes, {MAX_FRAME_BYTES} fit: ask for fewer outputs"
    failed = Reply(reply.request_id, reply.slot, _RESOURCE_EXHAUSTED, message, flags=reply.flags)
    return encode_reply(failed)


def _cut(text: str) -> str:
    """Return a message as a reply carries it: whole, or its first 1024 bytes and the mark.

    Source:  tensorflow_serving/model_servers/grpc_status_util.cc (the limit and its mark).
    """
    data = text.encode(errors="replace")
    return text if len(data) <= _MESSAGE_LIMIT else data[:_MESSAGE_LIMIT].decode(errors="ignore") + _TRUNCATED
