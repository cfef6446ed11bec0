"""A worker without TensorFlow, for tests of the plane: it speaks the data channel and behaves as it is told.

It answers from a thread of the test process, on the descriptors that the plane's `open_channel` gives out. A behaviour
is a function from a call to a reply, to raw bytes that are sent as they are, or to HANG_UP; tests give their own, or
one of those below. What it received is kept in `runs`, so that a test can say what must have reached the worker.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from seaway.protos import message
from seaway.worker.protocol import (
    MAX_FRAME_BYTES,
    DType,
    Layout,
    Reply,
    Run,
    TensorHeader,
    align,
    decode_run,
    encode_reply,
)

HANG_UP = object()
"""What a behaviour gives for a worker that dies: the socket closes and nothing is answered."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor's value as its bytes in the arena."""

    dtype: DType
    shape: tuple[int, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """One run, and the means to answer it."""

    run: Run
    inputs: Mapping[str, Tensor]
    answer: Callable[[Mapping[str, Tensor]], Reply]
    """Writes the outputs into the slot and gives the reply that says so."""


Behaviour = Callable[[Call], Any]


def echo(call: Call) -> Reply:
    """Every input is an output of the same name."""
    return call.answer(call.inputs)


def half_plus_two(call: Call) -> Reply:
    """Answer y = x / 2 + 2 for a float input `x` of any shape."""
    x = call.inputs["x"]
    values = struct.unpack(f"<{len(x.data) // 4}f", x.data)
    data = struct.pack(f"<{len(values)}f", *(value / 2 + 2 for value in values))
    return call.answer({"y": Tensor(x.dtype, x.shape, data)})


def error(code: int, text: str) -> Behaviour:
    """Every run fails with this canonical code and message."""
    return lambda call: Reply(call.run.request_id, call.run.slot, code, text)


def until(released: threading.Event, then: Behaviour = half_plus_two) -> Behaviour:
    """Runs do not end before the event is set: a slow model whose pace the test decides. Gives up after a minute."""

    def wait(call: Call) -> Any:
        return then(call) if released.wait(60) else HANG_UP

    return wait


def crash(_call: Call) -> object:
    """The worker dies in the middle of the run."""
    return HANG_UP


def garbage(_call: Call) -> bytes:
    """The worker answers with what is not a frame."""
    return b"\xff" * 40


def outside_the_arena(call: Call) -> Reply:
    """The worker claims that its output lies where no arena is."""
    y = TensorHeader("y", DType.FLOAT, (1,), 2**62, 4)
    return Reply(call.run.request_id, call.run.slot, outputs=(y,))


class FakeWorker:
    """Answers one channel until the plane hangs up; use it as a context manager."""

    def __init__(
        self, data_fd: int, arena_fd: int, layout: Layout, behaviour: Behaviour = half_plus_two, threads: int = 1
    ) -> None:
        """Take over both descriptors."""
        self.runs: list[Run] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=data_fd)
        self._layout = layout
        self._arena = mmap.mmap(arena_fd, layout.total_bytes)
        os.close(arena_fd)
        self._behaviour = behaviour
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(threads)]

    def __enter__(self) -> FakeWorker:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()
        for thread in self._threads:
            thread.join(10)
        self._socket.close()
        self._arena.close()

    def hang_up(self) -> None:
        """Die: the plane sees the end of the socket."""
        with contextlib.suppress(OSError):  # the plane has hung up already
            self._socket.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while frame := self._receive():
            run = decode_run(frame)
            self.runs.append(run)
            answer = self._behaviour(self._call(run))
            if answer is HANG_UP:
                return self.hang_up()
            try:
                self._socket.send(answer if isinstance(answer, bytes) else encode_reply(answer))
            except OSError:
                return None
        return None

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(MAX_FRAME_BYTES)
        except OSError:
            return b""

    def _call(self, run: Run) -> Call:
        def read(tensor: TensorHeader) -> Tensor:
            data = self._arena[tensor.offset : tensor.offset + tensor.length]
            return Tensor(tensor.dtype, tensor.shape, data)

        inputs = {tensor.name: read(tensor) for tensor in run.inputs}
        return Call(run, inputs, lambda outputs: self._answer(run, outputs))

    def _answer(self, run: Run, outputs: Mapping[str, Tensor]) -> Reply:
        offset = self._layout.output_offset(run.slot)
        headers = []
        for name, tensor in outputs.items():
            if run.outputs and name not in run.outputs:
                continue
            self._arena[offset : offset + len(tensor.data)] = tensor.data
            headers.append(TensorHeader(name, tensor.dtype, tensor.shape, offset, len(tensor.data)))
            offset = align(offset + len(tensor.data))
        return Reply(run.request_id, run.slot, outputs=tuple(headers), run_nanos=1000)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature for `signature_def_map`: tensors as (dtype, shape), where -1 is an unknown dimension."""

    inputs: Mapping[str, tuple[DType, Sequence[int]]]
    outputs: Mapping[str, tuple[DType, Sequence[int]]]
    method_name: str = "tensorflow/serving/predict"


HALF_PLUS_TWO = Signature({"x": (DType.FLOAT, (-1,))}, {"y": (DType.FLOAT, (-1,))})


def signature_def_map(signatures: Mapping[str, Signature]) -> bytes:
    """Return what a worker says about its signatures: a serialized tensorflow.serving.SignatureDefMap."""
    whole = message("tensorflow.serving.SignatureDefMap")()
    for name, signature in signatures.items():
        entry = whole.signature_def[name]
        entry.method_name = signature.method_name
        for tensors, target in ((signature.inputs, entry.inputs), (signature.outputs, entry.outputs)):
            for alias, (dtype, shape) in tensors.items():
                info = target[alias]
                info.name = f"{alias}:0"
                info.dtype = int(dtype)
                for size in shape:
                    info.tensor_shape.dim.add().size = size
    return bytes(whole.SerializeToString())
