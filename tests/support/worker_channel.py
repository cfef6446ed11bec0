"""The plane's end of one data channel, in Python: puts arrays into slots, sends runs, reads replies."""

from __future__ import annotations

import mmap
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seaway.worker.protocol import (
    MAX_FRAME_BYTES,
    DType,
    Layout,
    Reply,
    Run,
    TensorHeader,
    align,
    decode_reply,
    decode_strings,
    encode_run,
    encode_strings,
)

ANSWER_LIMIT_S = 60.0

NUMPY: Mapping[DType, Any] = {
    DType.FLOAT: np.float32,
    DType.DOUBLE: np.float64,
    DType.INT8: np.int8,
    DType.INT16: np.int16,
    DType.INT32: np.int32,
    DType.INT64: np.int64,
    DType.UINT8: np.uint8,
    DType.UINT16: np.uint16,
    DType.UINT32: np.uint32,
    DType.UINT64: np.uint64,
    DType.BOOL: np.bool_,
    DType.COMPLEX64: np.complex64,
    DType.COMPLEX128: np.complex128,
    DType.HALF: np.float16,
    DType.BFLOAT16: np.uint16,  # numpy has none: its bits
}


@dataclass(frozen=True, slots=True)
class Typed:
    """An array whose element type numpy cannot say."""

    dtype: DType
    array: np.ndarray[Any, Any]


class Channel:
    """An arena and both ends of a data socket."""

    def __init__(self, slots: int = 4, stride_bytes: int = 1 << 20) -> None:
        """Make both."""
        self.layout = Layout(slots, stride_bytes)
        self.arena_fd = os.memfd_create("arena")
        os.ftruncate(self.arena_fd, self.layout.total_bytes)
        self._arena = mmap.mmap(self.arena_fd, self.layout.total_bytes)
        self.socket, self.worker_socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(ANSWER_LIMIT_S)
        self._request_id = 0

    def give_away(self) -> None:
        """Close what the worker has received its own copy of."""
        self.worker_socket.close()

    def close(self) -> None:
        """Hang up."""
        self.socket.close()
        self.worker_socket.close()
        self._arena.close()
        os.close(self.arena_fd)

    def send(
        self,
        inputs: Mapping[str, Any],
        signature: str = "serving_default",
        *,
        slot: int = 0,
        outputs: Sequence[str] = (),
        timeout_s: float = 0.0,
    ) -> None:
        """Send one run: numpy arrays, lists of bytes for strings, or Typed."""
        offset, headers = self.layout.input_offset(slot), []
        for name, value in inputs.items():
            dtype, shape, data = _encode(value)
            self._arena[offset : offset + len(data)] = data
            headers.append(TensorHeader(name, dtype, shape, offset, len(data)))
            offset = align(offset + len(data))
        self._request_id += 1
        run = Run(self._request_id, slot, signature, tuple(headers), tuple(outputs), _deadline_nanos(timeout_s))
        self.socket.send(encode_run(run))

    def receive(self) -> Reply:
        """Wait for the next reply."""
        return decode_reply(self.socket.recv(MAX_FRAME_BYTES))

    def read(self, reply: Reply) -> dict[str, Any]:
        """Return the outputs of a good reply."""
        assert reply.code == 0, reply.message
        return {tensor.name: self._read(tensor) for tensor in reply.outputs}

    def run(self, inputs: Mapping[str, Any], signature: str = "serving_default", **options: Any) -> dict[str, Any]:
        """Run once and return the outputs."""
        self.send(inputs, signature, **options)
        return self.read(self.receive())

    def refuse(self, inputs: Mapping[str, Any], signature: str = "serving_default", **options: Any) -> Reply:
        """Run once and return the reply, which must be an error."""
        self.send(inputs, signature, **options)
        reply = self.receive()
        assert reply.code != 0, reply
        return reply

    def _read(self, tensor: TensorHeader) -> Any:
        data = self._arena[tensor.offset : tensor.offset + tensor.length]
        if tensor.dtype is DType.STRING:
            return decode_strings(data, int(np.prod(tensor.shape, dtype=np.int64)))
        return np.frombuffer(data, NUMPY[tensor.dtype]).reshape(tensor.shape)


def _encode(value: Any) -> tuple[DType, tuple[int, ...], bytes]:
    if isinstance(value, list):
        return DType.STRING, (len(value),), encode_strings(value)
    if isinstance(value, Typed):
        return value.dtype, value.array.shape, value.array.tobytes()
    dtype = next(dtype for dtype, kind in NUMPY.items() if kind == value.dtype.type)
    return dtype, value.shape, value.tobytes()


def floats(*values: float) -> np.ndarray[Any, Any]:
    """Return a vector of 32-bit floats."""
    return np.array(values, np.float32)


def _deadline_nanos(timeout_s: float) -> int:
    return time.monotonic_ns() + int(timeout_s * 1e9) if timeout_s else 0
