"""Arrays as TensorFlow's tensors on the wire: numbers as `tensor_content`, texts one by one.

An array that lies in memory in the wire's order is not copied until the request is joined, which happens once.

Source: tensorflow/core/framework/tensor.proto and tensor_shape.proto; tensorflow_serving/apis/predict.proto.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from seaway.client.dtypes import STRING, Array, number_of
from seaway.client.wire import delimited, varint
from seaway.errors import InvalidArgument

Part: TypeAlias = "bytes | memoryview"

_MODEL_SPEC, _INPUTS, _OUTPUT_FILTER = b"\x0a", b"\x12", b"\x1a"
_MAP_KEY, _MAP_VALUE = b"\x0a", b"\x12"
_DTYPE, _SHAPE, _CONTENT, _STRING_VAL = b"\x08", b"\x12", b"\x22", b"\x42"
_DIM, _SIZE = b"\x12", b"\x08"


def predict_request(model_spec: bytes, inputs: Mapping[str, Array], outputs: Sequence[str] = ()) -> bytes:
    """Return a serialized PredictRequest.

    Raises:  InvalidArgument - an array has no form as a tensor.
    Cost:    copies each input once.
    """
    parts: list[Part] = [delimited(_MODEL_SPEC, model_spec)]
    for name, array in inputs.items():
        tensor = tensor_parts(name, array)
        size = sum(map(len, tensor))
        entry = delimited(_MAP_KEY, name.encode()) + _MAP_VALUE + varint(size)
        parts += (_INPUTS, varint(len(entry) + size), entry)
        parts += tensor
    parts += (delimited(_OUTPUT_FILTER, name.encode()) for name in outputs)
    return b"".join(parts)


def tensor_parts(name: str, array: Array) -> list[Part]:
    """Return a serialized TensorProto in parts, of which the last is a view of the array's own memory.

    Raises:  InvalidArgument - the array's type has no form on the wire; `name` is the input that the message names.
    """
    number = number_of(array.dtype)
    shape = b"".join([delimited(_DIM, _SIZE + varint(size)) for size in array.shape])
    head = b"".join((_DTYPE, varint(number), delimited(_SHAPE, shape)))
    if number == STRING:
        return [head, *(delimited(_STRING_VAL, octets(name, text)) for text in array.ravel().tolist())]
    if not array.size:
        return [head]
    values = in_wire_order(array).reshape(-1).view(np.uint8).data
    return [head, _CONTENT + varint(len(values)), values]


def in_wire_order(array: Array) -> Array:
    """Return an array's values row by row and in little-endian order: itself where it is so already."""
    byte_order = array.dtype.byteorder
    if byte_order == ">" or (byte_order == "=" and sys.byteorder == "big"):
        array = array.astype(array.dtype.newbyteorder("<"))
    return np.ascontiguousarray(array)


def octets(name: str, text: object) -> bytes:
    """Return what is sent for one element of an array of texts.

    Raises:  InvalidArgument - it is neither text nor bytes.
    """
    if isinstance(text, bytes):
        return text
    if isinstance(text, str):
        return text.encode()
    raise InvalidArgument(f"input {name!r} holds {text!r} among its texts; give str or bytes")
