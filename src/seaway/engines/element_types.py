"""TensorFlow's element types as numpy knows them.

Numbers are those of the wire. What numpy has no type for (bfloat16, the quantized types) is not here: engines hosted
in Python refuse such tensors by name instead of answering with something that only looks like them.

Source: tensorflow/core/framework/types.proto.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from seaway.engines.engine import Array
from seaway.protos.tensors import NUMPY_NAMES

STRING = 7

_NAMES = {**NUMPY_NAMES, STRING: "object"}

NUMPY = MappingProxyType({number: np.dtype(name) for number, name in _NAMES.items()})
"""The numpy type of each element type; strings are objects."""

_NUMBERS = {dtype: number for number, dtype in NUMPY.items()}


def number_of(array: Array) -> int | None:
    """Return the element type of an array; None when the wire has none for it."""
    return STRING if array.dtype.kind in "SU" else _NUMBERS.get(array.dtype.newbyteorder("="))


def number_named(name: str) -> int | None:
    """Return the element type that a person calls `name`: numpy's name, or `string`; None when there is none."""
    if name == "string":
        return STRING
    return next((number for number, known in _NAMES.items() if known == name and number != STRING), None)


def shown(number: int) -> str:
    """Return the name of an element type for a message."""
    return "string" if number == STRING else _NAMES.get(number, f"element type {number}")
