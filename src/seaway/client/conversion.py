"""Which values may become which element type, and which would lose something on the way.

Pure. What comes with a type of its own (an array, a numpy scalar, a tensor of another library) is converted only where
every value stays what it is:

    same type                          as it is, not copied
    integer, bool → integer            where every value fits
    integer, bool → float, complex     where every value has an exact form
    float → wider float, complex       always
    text, bytes → string               texts as UTF-8
    anything else                      refused

A plain Python number or a nested list of them has no type of its own: floats are rounded to what the model takes, as
a literal would be; integers become integers that fit, or floats. A float never becomes an integer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seaway.client.dtypes import STRING, Array, numpy_type
from seaway.client.signature import TensorSpec
from seaway.errors import InvalidArgument

_EXACT_INTEGERS = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53, "complex64": 24, "complex128": 53}
"""Bits of an integer that each type has room for."""
_WIDER = {
    "bfloat16": {"float32", "float64", "complex64", "complex128"},
    "float16": {"float32", "float64", "complex64", "complex128"},
    "float32": {"float64", "complex64", "complex128"},
    "float64": {"complex128"},
    "complex64": {"complex128"},
}


def array_for(spec: TensorSpec, value: object) -> Array:
    """Return a value as an array of the type that an input takes.

    Raises:  InvalidArgument - it is no array, or it would lose something; names the input, what was found and what is
             expected.
    Cost:    copies only what is converted.
    """
    array = as_array(spec.name, value)
    if spec.dtype == STRING:
        return _texts(spec, array)
    wanted = numpy_type(spec.dtype)
    if array.dtype == wanted:
        return array
    if array.dtype.kind in "OSUT":
        raise _refused(spec, array.dtype.name, "give numbers")
    if array.size == 0 and not has_own_type(value):
        return array.astype(wanted)
    if array.dtype.kind in "iub":
        return _from_integers(spec, array, wanted, rounded=not has_own_type(value))
    return _from_floats(spec, array, wanted, rounded=not has_own_type(value))


def as_array(name: str, value: object) -> Array:
    """Return a value as an array of its own type, or of the type that numpy gives to Python's numbers.

    Raises:  InvalidArgument - it is no array: rows differ in length, or it holds other objects.
    """
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, (str, bytes)):
        single = np.empty((), dtype=object)
        single[()] = value
        return single
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError) as err:
        raise InvalidArgument(f"input {name!r} is no array: {err}") from err
    return np.asarray(value, dtype=object) if array.dtype.kind in "SU" else array


def has_own_type(value: object) -> bool:
    """Whether a value says which type it has; Python's numbers, and lists of them, do not."""
    return hasattr(value, "dtype") and not isinstance(value, (float, complex))


def _texts(spec: TensorSpec, array: Array) -> Array:
    if array.dtype.kind not in "OSUT":
        if array.size == 0:
            return array.astype(object)
        raise _refused(spec, array.dtype.name, "give str or bytes")
    return array if array.dtype == object else array.astype(object)


def _from_integers(spec: TensorSpec, array: Array, wanted: npt.DTypeLike, *, rounded: bool) -> Array:
    target = np.dtype(wanted)
    if target.kind == "b" and array.dtype.kind != "b":
        raise _refused(spec, array.dtype.name, "compare with zero first, for instance x != 0")
    if array.dtype.kind == "b" or array.size == 0:
        return array.astype(target)
    low, high = int(array.min()), int(array.max())
    if target.kind in "iu":
        limits = np.iinfo(target)
        if low < limits.min or high > limits.max:
            beyond = low if low < limits.min else high
            raise _refused(spec, f"the {array.dtype.name} {beyond}", f"keep within {limits.min} to {limits.max}")
        return array.astype(target)
    bits = _EXACT_INTEGERS[target.name]
    if not rounded and max(-low, high) > 1 << bits:
        beyond = low if -low > high else high
        reason = f"which it may not hold exactly beyond {1 << bits}; convert it yourself where that is meant"
        raise _refused(spec, f"the {array.dtype.name} {beyond}", reason)
    return array.astype(target)


def _from_floats(spec: TensorSpec, array: Array, wanted: npt.DTypeLike, *, rounded: bool) -> Array:
    target = np.dtype(wanted)
    if target.name in _WIDER.get(array.dtype.name, ()):
        return array.astype(target)
    is_narrower = target.name in _EXACT_INTEGERS and (array.dtype.kind != "c" or target.kind == "c")
    if not rounded or not is_narrower:
        reason = f"converting would lose precision; say so with .astype({_as_written(target)})" if is_narrower else ""
        raise _refused(spec, array.dtype.name, reason or f"convert it with .astype({_as_written(target)}) if meant")
    with np.errstate(over="ignore"):
        converted = array.astype(target)
    if np.isinf(converted).sum() != np.isinf(array).sum():
        largest = array.ravel()[np.abs(array).argmax()]
        raise _refused(spec, f"{largest}", "it is beyond the largest value of that type")
    return converted


def _as_written(target: np.dtype[Any]) -> str:
    return "ml_dtypes.bfloat16" if target.name == "bfloat16" else f"np.{target.name}"


def _refused(spec: TensorSpec, found: str, fix: str) -> InvalidArgument:
    return InvalidArgument(f"input {spec.name!r} takes {spec.dtype_name}, found {found}: {fix}")
