"""Arrays as REST's JSON, and back.

Texts that are UTF-8 are JSON strings, other bytes are `{"b64": …}`; back, both are bytes, as over gRPC. NaN and the
infinities are written as TensorFlow Serving writes them, which is no JSON by the letter: the fast library refuses them,
so the standard one reads and writes what has them.

Source: tensorflow_serving/g3doc/api_rest.md, "JSON mapping" and "JSON conformance".
"""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import numpy as np

from seaway.client.dtypes import STRING, Array, numpy_type
from seaway.client.signature import TensorSpec
from seaway.client.tensor_encoding import octets
from seaway.errors import DataLoss, InvalidArgument


def json_body(body: object, *, is_finite: bool = True) -> bytes:
    """Return a request's text."""
    return msgspec.json.encode(body) if is_finite else json.dumps(body).encode()


def parsed(text: bytes) -> Any:
    """Return what a text says.

    Raises:  DataLoss - it is not JSON.
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        pass
    try:
        return json.loads(text)
    except ValueError as err:
        raise DataLoss(f"the answer is not JSON: {err}; is it a model server's REST port?") from err


def json_value(name: str, array: Array) -> object:
    """Return an array as nested lists.

    Raises:  InvalidArgument - complex numbers, which JSON has no form for.
    """
    if array.dtype.kind == "c":
        raise InvalidArgument(f"input {name!r} is complex, which JSON has no form for; use gRPC")
    if array.dtype.kind in "OSUT":
        return _texts(name, array.tolist())
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    return array.tolist()


def is_finite(array: Array) -> bool:
    """Whether every value has a form that JSON allows."""
    return array.dtype.kind in "OSUTiub" or bool(np.isfinite(array).all())


def array_from(value: object, spec: TensorSpec | None) -> Array:
    """Return the array that nested lists hold, in the type that the signature says.

    Raises:  DataLoss - they hold no such array.
    """
    try:
        array = _typed(value, spec)
    except (ValueError, TypeError, OverflowError) as err:
        raise DataLoss(f"an output of the answer is no array of {spec or 'one type'}: {err}") from err
    if not array.size and spec is not None and spec.shape is not None and len(spec.shape) > 1:
        array = array.reshape((0, *(max(size, 0) for size in spec.shape[1:])))  # an empty list has no inner shape
    array.flags.writeable = False
    return array


def _typed(value: object, spec: TensorSpec | None) -> Array:
    if spec is None:
        array = np.asarray(value)
        return _bytes_array(value) if array.dtype.kind in "OSU" else array
    if spec.dtype == STRING:
        return _bytes_array(value)
    dtype = numpy_type(spec.dtype)
    return np.asarray(value, dtype) if dtype.kind != "V" else np.asarray(value, np.float32).astype(dtype)


def _bytes_array(value: object) -> Array:
    return np.asarray(_encoded(value), dtype=object)


def _encoded(value: object) -> object:
    if isinstance(value, list):
        return [_encoded(item) for item in value]
    if isinstance(value, dict):
        return base64.b64decode(value["b64"])
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value.encode()


def _texts(name: str, value: object) -> object:
    if isinstance(value, list):
        return [_texts(name, item) for item in value]
    if isinstance(value, str):
        return value
    data = octets(name, value)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode()}
