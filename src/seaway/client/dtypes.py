"""TensorFlow's element types and numpy's, one by the other.

Texts and bytes are arrays of Python objects, because numpy's own strings have a fixed width and drop trailing zeros.
bfloat16 is no type of numpy; ml_dtypes adds it, and is asked for only where a model needs it.

Source: tensorflow/core/framework/types.proto, enum DataType.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from seaway import extras
from seaway.errors import FailedPrecondition, InvalidArgument

Array = npt.NDArray[Any]

STRING = 7
HALF = 19
BFLOAT16 = 14
_NAMES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    STRING: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    BFLOAT16: "bfloat16",
    17: "uint16",
    18: "complex128",
    HALF: "float16",
    22: "uint32",
    23: "uint64",
}
_NUMBERS = {name: number for number, name in _NAMES.items()}
_TEXT_KINDS = "OSUT"


def name_of(number: int) -> str:
    """Return the name of an element type, for instance 1 → `float32`; one that is not known here is `type N`."""
    return _NAMES.get(number, f"type {number}")


def number_named(name: str) -> int:
    """Return the number of an element type by the name in messages, for instance `DT_FLOAT` → 1; 0 if not known."""
    from seaway.protos import message  # noqa: PLC0415 - building the messages takes 40 ms, which gRPC's calls do not need

    values = message("tensorflow.TensorProto").DESCRIPTOR.fields_by_name["dtype"].enum_type.values_by_name
    return int(values[name].number) if name in values else 0


@cache
def number_of(dtype: np.dtype[Any]) -> int:
    """Return the element type that holds what a numpy type holds.

    Raises:  InvalidArgument - there is none.
    """
    if dtype.kind in _TEXT_KINDS:
        return STRING
    number = _NUMBERS.get(dtype.name)
    if number is None:
        raise InvalidArgument(
            f"an array of {dtype.name} has no form in TensorFlow's messages; convert it to one of {', '.join(_NUMBERS)}"
        )
    return number


@cache
def numpy_type(number: int) -> np.dtype[Any]:
    """Return the numpy type of an element type.

    Raises:  FailedPrecondition - it needs ml_dtypes, which is not installed. InvalidArgument - numpy has none.
    """
    if number == STRING:
        return np.dtype(object)
    if number == BFLOAT16:
        return _bfloat16()
    if number not in _NAMES:
        raise InvalidArgument(f"a tensor of element {name_of(number)} has no numpy form")
    return np.dtype(_NAMES[number])


def _bfloat16() -> np.dtype[Any]:
    try:
        import ml_dtypes  # noqa: PLC0415 - optional, and only some models have the type
    except ImportError as err:
        raise FailedPrecondition(f"bfloat16 needs the package ml_dtypes: {extras.command('client')}") from err
    found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return found
