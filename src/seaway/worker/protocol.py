"""The two frames of the data channel and the arena's division, in Python: the twin of the Rust crate seaway-wire.

Workers written in Python and the tests' fake worker speak through it; TensorFlow's worker never does. Both languages
read the same golden bytes (tests/golden/wire/), so neither can drift alone. Decoding trusts nothing: whatever is not
a frame raises FrameError.

Source: docs/worker-protocol.md.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

VERSION = 1
"""The first version of the protocol, the second byte of every frame."""

FLAG_INPUTS_RETAINED = 1
"""Bit of Reply.flags: the engine still refers to this run's input bytes, so that the slot must never be used again."""

ALIGNMENT = 64
"""Bytes to which every tensor in a region is aligned."""

MAX_FRAME_BYTES = 192 * 1024
"""Largest frame."""

_KIND_RUN = 1
_KIND_REPLY = 2
_RUN_HEAD = struct.Struct("<BBHHHQQ")
_REPLY_HEAD = struct.Struct("<BBHHBBQQ")
_U16 = struct.Struct("<H")
_TENSOR_PLACE = struct.Struct("<QQ")
_MAX_NAME_BYTES = 0xFFFF


class FrameError(ValueError):
    """Bytes that are not a frame."""


class DType(IntEnum):
    """TensorFlow's element types, as far as they can cross the wire.

    Source: tensorflow/core/framework/types.proto.
    """

    FLOAT = 1
    DOUBLE = 2
    INT32 = 3
    UINT8 = 4
    INT16 = 5
    INT8 = 6
    STRING = 7
    COMPLEX64 = 8
    INT64 = 9
    BOOL = 10
    QINT8 = 11
    QUINT8 = 12
    QINT32 = 13
    BFLOAT16 = 14
    QINT16 = 15
    QUINT16 = 16
    UINT16 = 17
    COMPLEX128 = 18
    HALF = 19
    UINT32 = 22
    UINT64 = 23


@dataclass(frozen=True, slots=True)
class Layout:
    """How an arena is divided: an input and an output region of `stride_bytes` for each of `slots`."""

    slots: int
    stride_bytes: int

    @property
    def total_bytes(self) -> int:
        """Address space of the whole file."""
        return 2 * self.slots * self.stride_bytes

    def input_offset(self, slot: int) -> int:
        """Return the first byte of the slot's input region."""
        return slot * self.stride_bytes

    def output_offset(self, slot: int) -> int:
        """Return the first byte of the slot's output region."""
        return (self.slots + slot) * self.stride_bytes


@dataclass(frozen=True, slots=True)
class TensorHeader:
    """One tensor: what it is called, what it is, and where its bytes lie in the arena."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Run:
    """Plane to worker: run one signature on these inputs; no outputs means all of them."""

    request_id: int
    slot: int
    signature: str
    inputs: tuple[TensorHeader, ...] = ()
    outputs: tuple[str, ...] = ()
    deadline_nanos: int = 0
    """When nobody waits for it any more, as `time.monotonic_ns` counts; 0 means never."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Worker to plane: how a run ended; code 0 means well, any other canonical code comes with a message."""

    request_id: int
    slot: int
    code: int = 0
    message: str = ""
    outputs: tuple[TensorHeader, ...] = ()
    flags: int = 0
    run_nanos: int = 0


def align(offset: int) -> int:
    """Return `offset` rounded up to the next multiple of 64."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


def encode_run(run: Run) -> bytes:
    """Return the frame's bytes."""
    head = _RUN_HEAD.pack(
        _KIND_RUN, VERSION, run.slot, len(run.inputs), len(run.outputs), run.request_id, run.deadline_nanos
    )
    names = [_name(run.signature), *map(_name, run.outputs)]
    return b"".join([head, *names, *map(_tensor, run.inputs)])


def encode_reply(reply: Reply) -> bytes:
    """Return the frame's bytes."""
    head = _REPLY_HEAD.pack(
        _KIND_REPLY,
        VERSION,
        reply.slot,
        len(reply.outputs),
        reply.code,
        reply.flags,
        reply.request_id,
        reply.run_nanos,
    )
    return b"".join([head, _name(reply.message), *map(_tensor, reply.outputs)])


def decode_run(frame: bytes) -> Run:
    """Read a run; every byte must belong to it.

    Raises:  FrameError - the bytes are not a run of this version.
    """
    cursor = _Cursor(frame)
    kind, version, slot, inputs, outputs, request_id, deadline_nanos = cursor.unpack(_RUN_HEAD)
    _check_kind(kind, _KIND_RUN, version)
    signature = cursor.name()
    names = tuple(cursor.name() for _ in range(outputs))
    tensors = tuple(cursor.tensor() for _ in range(inputs))
    cursor.end()
    return Run(request_id, slot, signature, tensors, names, deadline_nanos)


def decode_reply(frame: bytes) -> Reply:
    """Read a reply; every byte must belong to it.

    Raises:  FrameError - the bytes are not a reply of this version.
    """
    cursor = _Cursor(frame)
    kind, version, slot, outputs, code, flags, request_id, run_nanos = cursor.unpack(_REPLY_HEAD)
    _check_kind(kind, _KIND_REPLY, version)
    message = cursor.name()
    tensors = tuple(cursor.tensor() for _ in range(outputs))
    cursor.end()
    return Reply(request_id, slot, code, message, tensors, flags, run_nanos)


def encode_strings(elements: Sequence[bytes]) -> bytes:
    """Return a string tensor's bytes: count + 1 offsets as little-endian u64, then all elements one after another."""
    offsets = [0]
    for element in elements:
        offsets.append(offsets[-1] + len(element))
    return struct.pack(f"<{len(offsets)}Q", *offsets) + b"".join(elements)


def decode_strings(data: bytes, count: int) -> list[bytes]:
    """Return the `count` elements in a string tensor's bytes.

    Raises:  FrameError - the offsets do not fit the bytes.
    """
    table_bytes = (count + 1) * 8
    if table_bytes > len(data):
        raise FrameError(f"{len(data)} bytes do not hold the offsets of {count} strings ({table_bytes} bytes)")
    offsets = struct.unpack_from(f"<{count + 1}Q", data)
    body = memoryview(data)[table_bytes:]
    elements = []
    for start, end in pairwise(offsets):
        if not start <= end <= len(body):
            raise FrameError(f"string {start}..{end} does not lie in {len(body)} bytes")
        elements.append(bytes(body[start:end]))
    return elements


def _name(text: str) -> bytes:
    """Encode a name or message, cut on a character at what its u16 length can say."""
    data = text.encode()
    if len(data) > _MAX_NAME_BYTES:
        data = data[:_MAX_NAME_BYTES].decode(errors="ignore").encode()
    return _U16.pack(len(data)) + data


def _tensor(tensor: TensorHeader) -> bytes:
    return b"".join(
        [
            bytes([tensor.dtype, len(tensor.shape)]),
            _name(tensor.name),
            _TENSOR_PLACE.pack(tensor.offset, tensor.length),
            struct.pack(f"<{len(tensor.shape)}q", *tensor.shape),
        ]
    )


def _check_kind(kind: int, expected: int, version: int) -> None:
    if (kind, version) != (expected, VERSION):
        raise FrameError(f"expected kind {expected} of version {VERSION}, got kind {kind} of version {version}")


class _Cursor:
    """A place in a frame that moves on with every read."""

    def __init__(self, frame: bytes) -> None:
        self._frame = frame
        self._at = 0

    def unpack(self, layout: struct.Struct) -> tuple[int, ...]:
        return layout.unpack(self._take(layout.size))

    def name(self) -> str:
        (length,) = self.unpack(_U16)
        try:
            return self._take(length).decode()
        except UnicodeDecodeError as err:
            raise FrameError("a name is not UTF-8") from err

    def tensor(self) -> TensorHeader:
        number, rank = self._take(2)
        try:
            dtype = DType(number)
        except ValueError as err:
            raise FrameError(f"{number} is not an element type") from err
        name = self.name()
        offset, length = self.unpack(_TENSOR_PLACE)
        return TensorHeader(name, dtype, self.unpack(struct.Struct(f"<{rank}q")), offset, length)

    def end(self) -> None:
        if self._at != len(self._frame):
            raise FrameError(f"{len(self._frame) - self._at} bytes follow the frame")

    def _take(self, length: int) -> bytes:
        part = self._frame[self._at : self._at + length]
        if len(part) != length:
            raise FrameError(f"the frame ends after {len(self._frame)} bytes, inside a field")
        self._at += length
        return part
