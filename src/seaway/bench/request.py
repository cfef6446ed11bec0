"""One request as bytes, made from a signature: values that the user gave, random ones for the rest.

A request is the same each time it is sent, and the same for the same seed, so that two runs ask the same. Integers are
small: most integer inputs are indices, and a small index is one that every table has.

Source: tensorflow_serving/apis/predict.proto and g3doc/api_rest.md, tensorflow/core/framework/tensor.proto.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seaway.bench.signature import Dimension, InputSpec, Model
from seaway.bench.target import Api
from seaway.errors import InvalidArgument
from seaway.protos import message
from seaway.protos.tensors import ELEMENT_TYPES, NUMPY_NAMES, STRING, put_array

if TYPE_CHECKING:
    import numpy as np

_STRING = ELEMENT_TYPES[STRING].number
_MAX_ELEMENTS = 1 << 28
_SMALL = 10
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WORD_LETTERS = 12


@dataclass(frozen=True, slots=True)
class Generation:
    """How values are made that the user did not give."""

    batch_size: int = 1
    seed: int = 1
    dims: Mapping[str, int] = field(default_factory=dict)
    """Sizes of free dimensions, by the dimension's own name or by `INPUT.AXIS`."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent: a path, and the bytes behind it."""

    path: str
    bodies: tuple[bytes, ...]
    """Sent in turn."""
    rows: int
    """Leading dimension of the first input; 1 where it is not known."""
    description: str


def request_from_file(api: Api, model: Model, verb: str, path: Path) -> Request:
    """Return the request that a file holds whole: a serialized message for gRPC, JSON for REST.

    Raises:  InvalidArgument - the file cannot be read.
    """
    try:
        body = path.read_bytes()
    except OSError as err:
        raise InvalidArgument(f"--body {str(path)!r} cannot be read: {err}") from err
    return Request(path_of(api, model, verb), (body,), 1, f"the {len(body)} bytes of {path}")


def request_from_signature(
    api: Api, model: Model, inputs: Sequence[InputSpec], given: Mapping[str, Any], generation: Generation
) -> Request:
    """Return a Predict request with every input of a signature.

    Raises:  InvalidArgument - a given input is none of the signature's or does not fit; a value cannot be made.
    """
    arrays = make_arrays(inputs, given, generation)
    body = grpc_body(model, arrays) if api == "grpc" else rest_body(model, arrays)
    shown = ", ".join(f"{name} {describe(array)}" for name, array in arrays.items())
    first = next(iter(arrays.values()), None)
    rows = int(first.shape[0]) if first is not None and first.ndim else 1
    return Request(path_of(api, model, "predict"), (body,), rows, shown)


def path_of(api: Api, model: Model, verb: str) -> str:
    """Return the path of a verb: predict, classify, regress or (gRPC only) multi_inference."""
    if api == "grpc":
        return f"/tensorflow.serving.PredictionService/{''.join(map(str.capitalize, verb.split('_')))}"
    return f"{model.path}:{verb}"


def make_arrays(
    inputs: Sequence[InputSpec], given: Mapping[str, Any], generation: Generation
) -> Mapping[str, np.ndarray[Any, Any]]:
    """Return an array for every input: the given value in the signature's type, or random values.

    Raises:  InvalidArgument - as for `request_from_signature`.
    """
    import numpy as np  # noqa: PLC0415 - every other command starts sooner without it

    unknown = sorted(set(given) - {spec.name for spec in inputs})
    if unknown:
        known = ", ".join(spec.name for spec in inputs)
        raise InvalidArgument(f"--input {unknown[0]!r} is no input of the signature, which has: {known}")
    generator = np.random.default_rng(generation.seed)
    arrays = {}
    for spec in inputs:
        made = spec.name not in given
        arrays[spec.name] = _random(generator, spec, generation) if made else _converted(spec, given[spec.name])
    _check_batch(inputs, given, generation)
    return arrays


def shape_of(spec: InputSpec, generation: Generation) -> tuple[int, ...]:
    """Return the shape an input is made with: free dimensions are the batch size in front, as asked or 1 elsewhere.

    Raises:  InvalidArgument - the rank is unknown, or the array would be too large.
    """
    if spec.shape is None:
        raise InvalidArgument(f"input {spec.name!r} has an unknown rank; give its value with --input")
    sizes = tuple(_size(spec, axis, dimension, generation) for axis, dimension in enumerate(spec.shape))
    count = 1
    for size in sizes:
        count *= size
    if count > _MAX_ELEMENTS:
        raise InvalidArgument(f"input {spec.name!r} would have {count} elements; the most is {_MAX_ELEMENTS}")
    return sizes


def grpc_body(model: Model, arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """Return a serialized PredictRequest; numbers go as `tensor_content`, as TensorFlow's own clients write arrays."""
    request = message("tensorflow.serving.PredictRequest")()
    request.model_spec.name = model.name
    request.model_spec.signature_name = model.signature
    if model.version is not None:
        request.model_spec.version.value = model.version
    for name, array in arrays.items():
        put_array(request.inputs[name], array)
    return bytes(request.SerializeToString())


def rest_body(model: Model, arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """Return the JSON of a request: one batched input as `instances`, as most clients write it, any other columnar.

    Raises:  InvalidArgument - complex numbers have no JSON form.
    """
    values = {name: _json_value(name, array) for name, array in arrays.items()}
    body: dict[str, Any] = {"signature_name": model.signature} if model.signature else {}
    only = next(iter(arrays.values())) if len(arrays) == 1 else None
    if only is not None and only.ndim:
        body["instances"] = next(iter(values.values()))
    else:
        body["inputs"] = values
    return json.dumps(body).encode()


def describe(array: np.ndarray[Any, Any]) -> str:
    """Return an array's type and shape, for instance `float32[1,28,28,1]`."""
    name = "string" if array.dtype == object else array.dtype.name
    return f"{name}[{','.join(map(str, array.shape))}]"


def _size(spec: InputSpec, axis: int, dimension: Dimension, generation: Generation) -> int:
    if dimension.size >= 0:
        return dimension.size
    asked = generation.dims.get(f"{spec.name}.{axis}", generation.dims.get(dimension.name) if dimension.name else None)
    if asked is not None:
        return asked
    return generation.batch_size if axis == 0 else 1


def _check_batch(inputs: Sequence[InputSpec], given: Mapping[str, Any], generation: Generation) -> None:
    made = [spec for spec in inputs if spec.name not in given]
    if generation.batch_size == 1 or not made:
        return
    if not any(spec.shape and spec.shape[0].size < 0 for spec in made):
        raise InvalidArgument(f"--batch-size {generation.batch_size}: no input has a free leading dimension")


def _random(generator: np.random.Generator, spec: InputSpec, generation: Generation) -> np.ndarray[Any, Any]:
    import numpy as np  # noqa: PLC0415 - as above

    shape = shape_of(spec, generation)
    if spec.dtype == _STRING:
        words = np.empty(shape, dtype=object)
        for index in np.ndindex(*shape):
            words[index] = "".join(_LETTERS[i] for i in generator.integers(0, len(_LETTERS), _WORD_LETTERS)).encode()
        return words
    dtype = np.dtype(_numpy_name(spec))
    match dtype.kind:
        case "f" | "c":
            return np.asarray(generator.random(shape), dtype)
        case "b":
            return np.asarray(generator.integers(0, 2, shape), dtype)
        case _:
            return np.asarray(generator.integers(0, 256 if dtype.name == "uint8" else _SMALL, shape), dtype)


def _converted(spec: InputSpec, value: Any) -> np.ndarray[Any, Any]:
    import numpy as np  # noqa: PLC0415 - as above

    try:
        if spec.dtype != _STRING:
            return np.asarray(value, np.dtype(_numpy_name(spec)))
        texts = np.asarray(value, dtype=object)
        encoded = np.empty(texts.shape, dtype=object)
        for index in np.ndindex(*texts.shape):
            encoded[index] = _bytes(texts[index])
        return encoded
    except (ValueError, TypeError, OverflowError) as err:
        raise InvalidArgument(f"--input {spec.name} does not fit the signature's type: {err}") from err


def _bytes(value: Any) -> bytes:
    if isinstance(value, dict):
        return base64.b64decode(value["b64"])
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value.encode()


def _numpy_name(spec: InputSpec) -> str:
    if spec.dtype not in NUMPY_NAMES:
        raise InvalidArgument(
            f"input {spec.name!r} has data type {spec.dtype}, which is not made here; give the request with --body"
        )
    return NUMPY_NAMES[spec.dtype]


def _json_value(name: str, array: np.ndarray[Any, Any]) -> Any:
    if array.dtype.kind == "c":
        raise InvalidArgument(f"input {name!r} is complex, which JSON has no form for; measure over gRPC")
    return _texts(array.tolist()) if array.dtype == object else array.tolist()


def _texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_texts(item) for item in value]
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode()}
