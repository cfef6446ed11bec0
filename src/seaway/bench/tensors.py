"""TensorProto to numpy array, in each of the ways in which a message may hold its values.

Source: tensorflow/core/framework/tensor.proto; the last value stands for all that are missing, as in
tensorflow/core/framework/tensor.cc (FromProtoField).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

# Source: tensorflow/core/framework/types.proto, enum DataType.
STRING, _HALF = 7, 19
NUMPY_NAMES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    8: "complex64",
    9: "int64",
    10: "bool",
    17: "uint16",
    18: "complex128",
    _HALF: "float16",
    22: "uint32",
    23: "uint64",
}
"""The element types that have a numpy type, by number; strings are arrays of objects."""
_FIELDS = {
    1: "float_val",
    2: "double_val",
    8: "scomplex_val",
    9: "int64_val",
    10: "bool_val",
    18: "dcomplex_val",
    22: "uint32_val",
    23: "uint64_val",
}
_SMALL_INTEGERS = "int_val"
_PAIRED = (8, 18)


def array_of(tensor: Any) -> np.ndarray[Any, Any]:
    """Return the array that a TensorProto holds.

    Raises:  ValueError - its type has no numpy form, or its values do not fill its shape.
    """
    import numpy as np  # noqa: PLC0415 - every other command starts sooner without it

    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if tensor.dtype == STRING:
        words = np.empty(len(tensor.string_val), dtype=object)
        words[:] = list(tensor.string_val)
        return _filled(words, shape)
    if tensor.dtype not in NUMPY_NAMES:
        raise ValueError(f"a tensor has data type {tensor.dtype}, which has no numpy form")
    dtype = np.dtype(NUMPY_NAMES[tensor.dtype])
    if tensor.tensor_content:
        flat = np.frombuffer(tensor.tensor_content, dtype.newbyteorder("<")).astype(dtype)
        return flat.reshape(shape)
    return _filled(_listed(tensor, dtype), shape)


def _listed(tensor: Any, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    import numpy as np  # noqa: PLC0415 - as above

    if tensor.dtype == _HALF:  # the bits, in integers
        return np.array(tensor.half_val, np.uint16).view(dtype)
    values = getattr(tensor, _FIELDS.get(tensor.dtype, _SMALL_INTEGERS))
    if tensor.dtype in _PAIRED:  # real and imaginary parts in turn
        halves = np.array(values, np.float64).reshape(-1, 2)
        return (halves[:, 0] + 1j * halves[:, 1]).astype(dtype)
    return np.array(values, dtype)


def _filled(values: np.ndarray[Any, Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    import numpy as np  # noqa: PLC0415 - as above

    count = int(np.prod(shape, dtype=np.int64))
    if not len(values) and count:
        return np.full(shape, b"" if values.dtype == object else 0, values.dtype)
    if len(values) > count:
        raise ValueError(f"a tensor of shape {list(shape)} holds {len(values)} values")
    return np.concatenate([values, np.repeat(values[-1:], count - len(values))]).reshape(shape)
