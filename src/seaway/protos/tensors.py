"""TensorProtos to numpy and back, in each of the ways in which a message may hold its values.

All element types that the plane carries are here, each by TensorFlow's own name and with the numpy type that shows its
values. Quantized types show their integers; bfloat16, which numpy has not, is shown as float32, which holds every value
of it. Whoever wants fewer types refuses the others itself. The client has a decoder of its own, which is for speed.

Source: tensorflow/core/framework/tensor.proto, types.proto; tensor.cc (FromProtoField) for missing values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seaway.errors import InvalidArgument
from seaway.protos import message

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

STRING, BFLOAT16, FLOAT16 = "string", "bfloat16", "float16"
COMPLEX = ("complex64", "complex128")
_INTEGERS = "int_val"


@dataclass(frozen=True, slots=True)
class ElementType:
    """One element type: TensorFlow's number, numpy's name for the values, and the field that holds them."""

    number: int
    numpy: str
    field: str


ELEMENT_TYPES: Mapping[str, ElementType] = {
    "float32": ElementType(1, "float32", "float_val"),
    "float64": ElementType(2, "float64", "double_val"),
    "int32": ElementType(3, "int32", _INTEGERS),
    "uint8": ElementType(4, "uint8", _INTEGERS),
    "int16": ElementType(5, "int16", _INTEGERS),
    "int8": ElementType(6, "int8", _INTEGERS),
    STRING: ElementType(7, "object", "string_val"),
    "complex64": ElementType(8, "complex64", "scomplex_val"),
    "int64": ElementType(9, "int64", "int64_val"),
    "bool": ElementType(10, "bool", "bool_val"),
    "qint8": ElementType(11, "int8", _INTEGERS),
    "quint8": ElementType(12, "uint8", _INTEGERS),
    "qint32": ElementType(13, "int32", _INTEGERS),
    BFLOAT16: ElementType(14, "float32", "half_val"),
    "qint16": ElementType(15, "int16", _INTEGERS),
    "quint16": ElementType(16, "uint16", _INTEGERS),
    "uint16": ElementType(17, "uint16", _INTEGERS),
    "complex128": ElementType(18, "complex128", "dcomplex_val"),
    FLOAT16: ElementType(19, "float16", "half_val"),
    "uint32": ElementType(22, "uint32", "uint32_val"),
    "uint64": ElementType(23, "uint64", "uint64_val"),
}
NAMES: Mapping[int, str] = {each.number: name for name, each in ELEMENT_TYPES.items()}
NUMPY_NAMES: Mapping[int, str] = {each.number: name for name, each in ELEMENT_TYPES.items() if name == each.numpy}
"""The element types that numpy has itself, by number."""
_NUMBERS = {name: number for number, name in NUMPY_NAMES.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A tensor's type, shape, and values in row-major order; strings are `bytes` in an array of objects."""

    dtype: str
    shape: tuple[int, ...]
    values: Array


def tensor_of(proto: Any) -> Tensor:
    """Return what a TensorProto holds.

    Raises:  InvalidArgument - its type is none of `ELEMENT_TYPES`, or its values do not fit its shape.
    """
    name = NAMES.get(proto.dtype)
    if name is None:
        raise InvalidArgument(f"a tensor has data type {proto.dtype}, whose values have no numpy form")
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if min(shape, default=0) < 0:
        raise InvalidArgument(f"a tensor has shape {list(shape)}; a message that holds values has no free dimension")
    values = _from_content(proto, name) if proto.tensor_content else _from_field(proto, name)
    return Tensor(name, shape, _filled(values, shape))


def array_of(proto: Any) -> Array:
    """Return the values of a TensorProto in their shape. Raises as `tensor_of` does."""
    tensor = tensor_of(proto)
    return tensor.values.reshape(tensor.shape)


def proto_of(tensor: Tensor) -> Any:
    """Return the TensorProto of a tensor, its values in the typed field."""
    import numpy as np  # noqa: PLC0415 - every other command starts sooner without it

    kind = ELEMENT_TYPES[tensor.dtype]
    proto = message("tensorflow.TensorProto")(dtype=kind.number)
    for size in tensor.shape:
        proto.tensor_shape.dim.add(size=size)
    values = tensor.values
    if tensor.dtype == FLOAT16:
        values = values.view(np.uint16)
    elif tensor.dtype == BFLOAT16:
        values = _narrowed(values)
    elif tensor.dtype in COMPLEX:
        values = pairs(values)
    getattr(proto, kind.field).extend(values.tolist())
    return proto


def put_array(proto: Any, array: Array) -> None:
    """Write an array into a TensorProto, its values as raw content; text becomes UTF-8.

    Raises:  InvalidArgument - the wire has no element type for the array's.
    """
    number = _number(array)
    if number is None:
        raise InvalidArgument(f"an array of type {array.dtype} cannot be written; convert it, for instance to float32")
    put_values(proto, number, array)


def put_values(proto: Any, number: int, array: Array) -> None:
    """Write the values of an array into a TensorProto of an element type that shows them so."""
    import numpy as np  # noqa: PLC0415 - as above

    name = NAMES[number]
    proto.dtype = number
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if name == STRING:
        proto.string_val.extend(map(as_bytes, array.ravel().tolist()))
        return
    values = np.ascontiguousarray(array, np.dtype(ELEMENT_TYPES[name].numpy).newbyteorder("<"))
    proto.tensor_content = (_narrowed(values).astype("<u2") if name == BFLOAT16 else values).tobytes()


def as_bytes(text: str | bytes) -> bytes:
    """Return a string element as the wire has it."""
    return text.encode() if isinstance(text, str) else bytes(text)


def _number(array: Array) -> int | None:
    text = ELEMENT_TYPES[STRING].number
    if array.dtype == object:
        return text if all(isinstance(each, (str, bytes)) for each in array.ravel().tolist()) else None
    return text if array.dtype.kind in "SU" else _NUMBERS.get(array.dtype.name)


def pairs(values: Array) -> Array:
    """Return complex numbers as real and imaginary parts in turn."""
    return values.view(values.real.dtype)


def _from_content(proto: Any, name: str) -> Array:
    import numpy as np  # noqa: PLC0415 - as above

    if name == STRING:
        raise InvalidArgument("a tensor of strings has tensor_content, which only numbers can have")
    stored = np.dtype("uint16" if name == BFLOAT16 else ELEMENT_TYPES[name].numpy).newbyteorder("<")
    try:
        values = np.frombuffer(proto.tensor_content, stored)
    except ValueError as err:
        raise InvalidArgument(f"the tensor_content of a {name} tensor cannot be read: {err}") from err
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if len(values) != math.prod(shape):
        raise InvalidArgument(f"the tensor_content of a {name} tensor of shape {shape} holds {len(values)} values")
    return _widened(values) if name == BFLOAT16 else values.astype(stored.newbyteorder("="), copy=False)


def _from_field(proto: Any, name: str) -> Array:
    import numpy as np  # noqa: PLC0415 - as above

    kind = ELEMENT_TYPES[name]
    listed = getattr(proto, kind.field)
    if name == STRING:
        words = np.empty(len(listed), dtype=object)
        words[:] = list(listed)
        return words
    if name in (FLOAT16, BFLOAT16):  # the bits, in integers
        bits = np.array(listed, np.uint16)
        return _widened(bits) if name == BFLOAT16 else bits.view(np.float16)
    if name in COMPLEX:
        half = np.float32 if name == COMPLEX[0] else np.float64
        return np.array(listed, half).view(kind.numpy)
    return np.array(listed, kind.numpy)


def _widened(bits: Array) -> Array:
    import numpy as np  # noqa: PLC0415 - as above

    return (bits.astype(np.uint32) << 16).view(np.float32)


def _narrowed(values: Array) -> Array:
    import numpy as np  # noqa: PLC0415 - as above

    return values.view(np.uint32) >> 16


def _filled(values: Array, shape: tuple[int, ...]) -> Array:
    import numpy as np  # noqa: PLC0415 - as above

    count = int(np.prod(shape, dtype=np.int64))
    if len(values) == count:
        return values
    if len(values) > count:
        raise InvalidArgument(f"a tensor of shape {list(shape)} holds {len(values)} values")
    if not len(values):
        return np.full(count, b"" if values.dtype == object else 0, values.dtype)
    return np.concatenate([values, np.repeat(values[-1:], count - len(values))])
