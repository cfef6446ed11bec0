"""Tensors on the wire as arrays, in each of the ways in which a message may hold its values.

Floats and whatever came as `tensor_content` stay where they were received: the array is a view of the answer. Integers
that came as varints (TensorFlow Serving sends them so) are expanded, by numpy where each has one byte and otherwise by
protobuf, which reads them six times as fast as numpy can. Arrays are read-only, whichever it was, so that a program
does not find out by the model's types whether it may write.

Source: tensorflow/core/framework/tensor.proto; the last value stands for all that are missing, as in
tensorflow/core/framework/tensor.cc (FromProtoField).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from google.protobuf.message import DecodeError

from seaway.client.dtypes import BFLOAT16, HALF, STRING, Array, name_of, numpy_type
from seaway.client.wire import BYTES, VARINT, fields
from seaway.errors import DataLoss

_DTYPE, _SHAPE, _CONTENT, _STRING_VAL = 1, 2, 4, 8
_DIM = 2
_PLAIN = frozenset({5, 6, 9, 12})
"""float_val, double_val, scomplex_val, dcomplex_val: packed, they are an array's bytes."""
_VARINTS = frozenset({7, 10, 11, 13, 16, 17})
"""int_val, int64_val, bool_val, half_val, uint32_val, uint64_val."""
_FIELDS = {
    1: "float_val",
    2: "double_val",
    8: "scomplex_val",
    9: "int64_val",
    10: "bool_val",
    BFLOAT16: "half_val",
    18: "dcomplex_val",
    HALF: "half_val",
    22: "uint32_val",
    23: "uint64_val",
}
"""Where each type's values are; those of smaller integers are in `int_val`."""
_HALVES = (HALF, BFLOAT16)
_ONE_BYTE_MAX = 0x7F
_OUTPUTS, _MODEL_SPEC = 1, 2
_SPEC_VERSION, _SPEC_SIGNATURE = 2, 3
_MAX_FILLED_BYTES = 1 << 24


@dataclass(slots=True)
class _Tensor:
    """A TensorProto as it was read so far; values are places in the answer."""

    dtype: int = 0
    shape: tuple[int, ...] = ()
    content: tuple[int, int] | None = None
    values: list[tuple[int, int]] = field(default_factory=list)
    is_plain: bool = True
    """Whether the bytes of values are an array's bytes."""
    texts: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Predicted:
    """A PredictResponse."""

    outputs: Mapping[str, Array]
    version: int | None
    signature: str


def predict_response(data: bytes) -> Predicted:
    """Return what a serialized PredictResponse holds.

    Raises:  DataLoss - the bytes are no such message, or a tensor's values do not fit its shape.
    Cost:    copies no float and no `tensor_content` that lies aligned.
    """
    outputs: dict[str, Array] = {}
    version, signature = None, ""
    for number, wire, start, end in fields(data, 0, len(data)):
        if number == _OUTPUTS and wire == BYTES:
            name, array = _output(data, start, end)
            outputs[name] = array
        elif number == _MODEL_SPEC and wire == BYTES:
            version, signature = _model_spec(data, start, end)
    return Predicted(outputs, version, signature)


def tensor(data: bytes, start: int = 0, end: int | None = None) -> Array:
    """Return the array that a serialized TensorProto holds.

    Raises:  DataLoss - the bytes are no such message, or its values do not fit its shape.
    """
    stop = len(data) if end is None else end
    read = _Tensor()
    for number, wire, first, last in fields(data, start, stop):
        if number == _DTYPE:
            read.dtype = first
        elif number == _SHAPE:
            read.shape = tuple(_size(data, *dim[2:]) for dim in fields(data, first, last) if dim[0] == _DIM)
        elif number == _CONTENT:
            read.content = (first, last)
        elif number == _STRING_VAL:
            read.texts.append(data[first:last])
        elif number in _PLAIN or number in _VARINTS:
            read.values.append((first, last) if wire == BYTES else (0, -1))
            read.is_plain = number in _PLAIN
    array = _filled(_values(data, read, (start, stop)), read.shape, read.dtype)
    array.flags.writeable = False
    return array


def _output(data: bytes, start: int, end: int) -> tuple[str, Array]:
    name, place = "", (start, start)
    for number, _, first, last in fields(data, start, end):
        if number == 1:
            name = data[first:last].decode()
        else:
            place = (first, last)
    return name, tensor(data, *place)


def _model_spec(data: bytes, start: int, end: int) -> tuple[int | None, str]:
    version, signature = None, ""
    for number, _, first, last in fields(data, start, end):
        if number == _SPEC_VERSION:
            version = next(
                (value for key, wire, value, _ in fields(data, first, last) if (key, wire) == (1, VARINT)), 0
            )
        elif number == _SPEC_SIGNATURE:
            signature = data[first:last].decode()
    return version, signature


def _size(data: bytes, start: int, end: int) -> int:
    return next((value for number, wire, value, _ in fields(data, start, end) if (number, wire) == (1, VARINT)), 0)


def _values(data: bytes, read: _Tensor, place: tuple[int, int]) -> Array:
    if read.dtype == STRING:
        words = np.empty(len(read.texts), dtype=object)
        words[:] = read.texts
        return words
    dtype = numpy_type(read.dtype)
    if read.content is not None or not read.values:
        return _plain(data, *(read.content or (0, 0)), dtype)
    first, last = read.values[0]
    if len(read.values) > 1 or last < first:  # not packed, or in pieces, which a reader has to take too
        return _read_by_protobuf(data[place[0] : place[1]], read.dtype)
    if read.is_plain:
        return _plain(data, first, last, dtype)
    octets = np.frombuffer(data, np.uint8, last - first, first)
    if read.dtype in _HALVES or (octets > _ONE_BYTE_MAX).any():
        return _read_by_protobuf(data[place[0] : place[1]], read.dtype)
    return octets.astype(dtype)


def _plain(data: bytes, first: int, last: int, dtype: np.dtype[np.generic]) -> Array:
    if (last - first) % dtype.itemsize:
        raise DataLoss(f"a tensor of {dtype.name} has {last - first} bytes, which is no whole number of values")
    flat = np.frombuffer(data, dtype.newbyteorder("<"), (last - first) // dtype.itemsize, first)
    if not flat.flags.aligned or not flat.dtype.isnative:
        flat = flat.astype(dtype)  # what compiled code takes as it is
    return flat


def _read_by_protobuf(data: bytes, number: int) -> Array:
    from seaway.protos import message  # noqa: PLC0415 - building the messages takes 40 ms, and floats do not need them

    try:
        values = getattr(message("tensorflow.TensorProto").FromString(data), _FIELDS.get(number, "int_val"))
    except DecodeError as err:
        raise DataLoss(f"the answer is no protobuf message: {err}") from err
    dtype = numpy_type(number)
    if number in _HALVES:  # the bits, in integers
        return np.array(values, np.uint16).view(dtype)
    if dtype.kind == "c":  # real and imaginary parts in turn
        return np.array(values, np.dtype(f"f{dtype.itemsize // 2}")).view(dtype)
    return np.array(values, dtype)


def _filled(values: Array, shape: tuple[int, ...], dtype: int) -> Array:
    count = 1
    for size in shape:
        count *= size
    if values.size == count:
        return values.reshape(shape)
    if values.size > count or count * values.itemsize > _MAX_FILLED_BYTES:
        raise DataLoss(f"a tensor of {name_of(dtype)} has {values.size} values, and its shape {shape} holds {count}")
    empty = b"" if dtype == STRING else 0
    filled = np.full(count, values[-1] if values.size else empty, values.dtype)
    filled[: values.size] = values
    return filled.reshape(shape)
