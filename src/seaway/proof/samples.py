"""The requests that two engines must answer alike: recorded ones, and ones made from the signatures.

What is made covers what usually breaks a conversion: several rows, none at all, other sizes of free dimensions, values
far outside the ordinary, numbers that are none. The same samples are made each time.

Source: tensorflow_serving/apis/predict.proto, prediction_log.proto; tensorflow/core/framework/types.proto.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.random import Generator

from seaway.engines.element_types import NUMPY
from seaway.engines.engine import Array
from seaway.engines.signatures import is_internal
from seaway.errors import InvalidArgument
from seaway.protos import message
from seaway.protos.tensors import put_values

Kind = Literal["recorded", "ordinary", "rows", "empty", "sizes", "large", "not finite"]

MAX_SAMPLE_BYTES = 64 << 20
"""Largest request that is made; a single row may be larger."""
ROW_COUNTS = (2, 3, 4, 5, 8, 16, 32, 33)
_FREE_SIZES = (8, 13)
"""What stands for a free dimension behind the first."""
_MAX_RECORDED = 64
_MAX_ELEMENTS = 1 << 26
_LETTERS = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz", np.uint8)

Fill = Callable[[Generator, tuple[int, ...], np.dtype[Any]], Array]


@dataclass(frozen=True, slots=True)
class Sample:
    """One request."""

    signature: str
    kind: Kind
    about: str
    """What is special about it, for a message."""
    request: bytes
    """A serialized PredictRequest."""
    rows: int = 1


def recorded_samples(records: Sequence[bytes], signatures: Any) -> list[Sample]:
    """Return the Predict requests among recorded PredictionLogs, for signatures that the version has."""
    samples: list[Sample] = []
    for index, record in enumerate(records[:_MAX_RECORDED]):
        log = message("tensorflow.serving.PredictionLog").FromString(record)
        request = log.predict_log.request
        signature = request.model_spec.signature_name or "serving_default"
        if log.WhichOneof("log_type") == "predict_log" and signature in signatures.signature_def:
            samples.append(Sample(signature, "recorded", f"recorded request {index}", request.SerializeToString()))
    return samples


def made_samples(signatures: Any, row_counts: Sequence[int] = ROW_COUNTS) -> Iterator[Sample]:
    """Make requests for every signature of a SignatureDefMap whose inputs can be made up."""
    for name in sorted(signatures.signature_def):
        inputs = signatures.signature_def[name].inputs
        if all(_can_make(info) for info in inputs.values()):
            yield from _of_signature(name, inputs, row_counts)


def _of_signature(name: str, inputs: Mapping[str, Any], row_counts: Sequence[int]) -> Iterator[Sample]:
    sample = _Maker(name, inputs)
    for about, fill in _ORDINARY.items():
        yield from sample("ordinary", about, fill)
    if inputs and all(_is_free(info) for info in inputs.values()):
        for rows in row_counts:
            yield from sample("rows", f"{rows} rows", _ordinary, rows=rows)
        yield from sample("empty", "no rows", _ordinary, rows=0)
    if any(_has_free_inside(info) for info in inputs.values()):
        yield from sample("sizes", "other sizes", _ordinary, other_sizes=True)
    for about, fill in _LARGE.items():
        yield from sample("large", about, fill)
    if any(NUMPY.get(info.dtype, np.dtype(object)).kind in "fc" for info in inputs.values()):
        for about, fill in _NOT_FINITE.items():
            yield from sample("not finite", about, fill)


class _Maker:
    """Makes the samples of one signature."""

    def __init__(self, signature: str, inputs: Mapping[str, Any]) -> None:
        self._signature = signature
        self._inputs = inputs

    def __call__(
        self, kind: Kind, about: str, fill: Fill, *, rows: int = 1, other_sizes: bool = False
    ) -> Iterator[Sample]:
        free = _FREE_SIZES[other_sizes]
        shapes = {alias: _shape(info, rows, free) for alias, info in self._inputs.items()}
        if rows > 1 and sum(map(_size_bytes, self._inputs.values(), shapes.values())) > MAX_SAMPLE_BYTES:
            return
        # Another seed for each sample, and the same one each time.
        generator = np.random.default_rng(list(f"{self._signature} {about}".encode()))
        request = message("tensorflow.serving.PredictRequest")()
        request.model_spec.signature_name = self._signature
        for alias in sorted(shapes):
            info = self._inputs[alias]
            put_values(request.inputs[alias], info.dtype, fill(generator, shapes[alias], NUMPY[info.dtype]))
        yield Sample(self._signature, kind, about, request.SerializeToString(), rows)


def _can_make(info: Any) -> bool:
    return (
        info.dtype in NUMPY
        and not info.tensor_shape.unknown_rank
        and math.prod(_shape(info, 1, _FREE_SIZES[0])) <= _MAX_ELEMENTS
    )


def _is_free(info: Any) -> bool:
    dims = info.tensor_shape.dim
    return bool(dims) and dims[0].size < 0


def _has_free_inside(info: Any) -> bool:
    return any(dim.size < 0 for dim in info.tensor_shape.dim[1:])


def _shape(info: Any, rows: int, free: int) -> tuple[int, ...]:
    sizes = [dim.size if dim.size >= 0 else free for dim in info.tensor_shape.dim]
    if _is_free(info):
        sizes[0] = rows
    return tuple(sizes)


def _size_bytes(info: Any, shape: tuple[int, ...]) -> int:
    return math.prod(shape) * NUMPY[info.dtype].itemsize


def _ordinary(generator: Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Floats between 0 and 1; integers from 0 to 2, which most tables have as an index."""
    match dtype.kind:
        case "f":
            return generator.random(shape).astype(dtype)
        case "c":
            return (generator.random(shape) + 1j * generator.random(shape)).astype(dtype)
        case "b":
            return generator.random(shape) < 0.5  # noqa: PLR2004 - as often true as false
        case "O":
            return _words(generator, shape)
        case _:
            return generator.integers(0, 3, shape).astype(dtype)


def _words(generator: Generator, shape: tuple[int, ...]) -> Array:
    words = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        words[place] = generator.choice(_LETTERS, 5).tobytes()
    return words


def _spread(scale: float, integers: tuple[int, int]) -> Fill:
    """Return a filling with normal values of a scale, and integers of a range as far as their type goes."""

    def fill(generator: Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        if dtype.kind in "fc":
            limit = float(np.finfo(dtype).max) / 8
            return np.clip(generator.standard_normal(shape) * scale, -limit, limit).astype(dtype)
        if dtype.kind in "iu":
            bounds = np.iinfo(dtype)
            low, high = max(integers[0], int(bounds.min)), min(integers[1], int(bounds.max))
            return generator.integers(low, high, shape, dtype=np.int64 if low < 0 else np.uint64).astype(dtype)
        return _ordinary(generator, shape, dtype)

    return fill


def _constant(value: float) -> Fill:
    """Return a filling of one value; of ordinary ones where the type has no such value."""

    def fill(generator: Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        if dtype.kind not in "fc":
            return _ordinary(generator, shape, dtype)
        return np.full(shape, value, dtype)

    return fill


def _one_nan(generator: Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    values = _ordinary(generator, shape, dtype)
    if dtype.kind in "fc" and values.size:
        values.reshape(-1)[values.size // 2] = np.nan
    return values


def _ends(generator: Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return the smallest and largest integers of the type by turns; the smallest floats above zero."""
    if dtype.kind in "iu":
        ends = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max], dtype)
        return np.resize(ends, shape)
    if dtype.kind in "fc":
        return np.full(shape, np.finfo(dtype).smallest_subnormal, dtype)
    return _ordinary(generator, shape, dtype)


_ORDINARY: Mapping[str, Fill] = {
    "values between 0 and 1": _ordinary,
    "other values between 0 and 1": _ordinary,
    "values around 0": _spread(1.0, (0, 10)),
    "values of pixels": _spread(128.0, (0, 256)),
}
_LARGE: Mapping[str, Fill] = {
    "zeros": _constant(0.0),
    "values around 10 thousand": _spread(1e4, (-100, 10_000)),
    "values around 10^30": _spread(1e30, (-(2**31), 2**31)),
    "the ends of the type": _ends,
}
_NOT_FINITE: Mapping[str, Fill] = {
    "one NaN": _one_nan,
    "only NaN": _constant(float("nan")),
    "infinities": _constant(float("inf")),
}


def parsed(signature_def_map: bytes) -> Any:
    """Return what clients can call of a serialized SignatureDefMap.

    Raises:  InvalidArgument - the bytes are none.
    """
    try:
        definitions = message("tensorflow.serving.SignatureDefMap").FromString(signature_def_map)
    except Exception as err:  # protobuf's own error type differs by implementation
        raise InvalidArgument(f"the engine gave no SignatureDefMap: {err}") from err
    for name in [each for each in definitions.signature_def if is_internal(each)]:
        del definitions.signature_def[name]
    return definitions
