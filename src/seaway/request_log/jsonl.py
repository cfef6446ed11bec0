r"""A log as lines of JSON: one object for each request, readable with any tool.

    {"time": "2026-01-31T23:59:59Z", "model": "half", "version": 3, "signature": "serving_default",
     "method": "predict", "sampling_rate": 0.01,
     "inputs": {"x": {"dtype": "float32", "shape": [2, 1], "values": [[1.0], [0.1]]}}, "outputs": {…}}

Values are nested as the shape says. JSON has no NaN and no infinities: they are "NaN", "Infinity" and "-Infinity". A
complex number is a pair. Strings are text where all of a tensor are UTF-8, else base64, and `encoding` says so. Numbers
of 32 and fewer bits are written with as few digits as bring them back: 0.1, not 0.10000000149011612.
"""

from __future__ import annotations

import base64
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import msgspec

from seaway.errors import DataLoss
from seaway.protos.tensors import BFLOAT16, COMPLEX, ELEMENT_TYPES, FLOAT16, STRING, Tensor, pairs
from seaway.request_log.entry import Entry, Feature, Features, Result

if TYPE_CHECKING:
    import numpy as np

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_BASE64 = "base64"
_SHORT = ("float32", FLOAT16, BFLOAT16, "complex64")
_DIGITS = (7, 8)
"""Tried in turn; nine always bring a float32 back."""
_EXACT_POWER = 22
"""The largest power of ten that a double holds exactly, so that a division by it is rounded once."""


def line_of(entry: Entry) -> bytes:
    """Return the line of an entry, with its end."""
    return msgspec.json.encode(shown(entry)) + b"\n"


def shown(entry: Entry) -> dict[str, object]:
    """Return an entry as JSON's own types; what is empty is left out."""
    found: dict[str, object] = {
        "time": written_time(entry.time_s),
        "model": entry.model,
        "version": entry.version,
        "signature": entry.signature,
        "method": entry.method,
        "sampling_rate": entry.sampling_rate,
        "inputs": {name: _shown_tensor(tensor) for name, tensor in entry.inputs.items()},
        "outputs": {name: _shown_tensor(tensor) for name, tensor in entry.outputs.items()},
        "output_filter": entry.output_filter,
        "examples": [_shown_features(each) for each in entry.examples],
        "results": [_shown_result(each) for each in entry.results],
    }
    if entry.context is not None:
        found["context"] = _shown_features(entry.context)
    return {name: value for name, value in found.items() if value not in ({}, [], ())}


def written_time(time_s: int) -> str | None:
    """Return a moment as lines have it; None for a record that has none."""
    return datetime.fromtimestamp(time_s, timezone.utc).strftime(_TIME) if time_s else None


def entry_of_line(line: bytes, place: str) -> Entry:
    """Return the entry of a line.

    Raises:  DataLoss - it is no line of a log; `place` says which it is.
    """
    try:
        held = msgspec.json.decode(line)
        return Entry(
            method=held["method"],
            model=held["model"],
            signature=held["signature"],
            version=held.get("version"),
            time_s=_time_s(held.get("time")),
            sampling_rate=held.get("sampling_rate", 0.0),
            inputs={name: _tensor(each) for name, each in held.get("inputs", {}).items()},
            outputs={name: _tensor(each) for name, each in held.get("outputs", {}).items()},
            output_filter=tuple(held.get("output_filter", ())),
            examples=tuple(_features(each) for each in held.get("examples", ())),
            context=_features(held["context"]) if "context" in held else None,
            results=tuple(_result(each) for each in held.get("results", ())),
        )
    except (msgspec.DecodeError, AttributeError, LookupError, TypeError, ValueError) as err:
        raise DataLoss(f"{place} is no line of a log of requests: {err}") from err


def _time_s(text: str | None) -> int:
    if text is None:
        return 0
    return int(datetime.strptime(text, _TIME).replace(tzinfo=timezone.utc).timestamp())


def shortest(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return numbers of at most 32 bits as doubles with as few decimal digits as bring the same numbers back."""
    import numpy as np  # noqa: PLC0415 - every other command starts sooner without it

    exact = values.astype(np.float64)
    usual = np.isfinite(exact) & (exact != 0)
    magnitude = np.zeros(exact.shape, np.int64)
    magnitude[usual] = np.floor(np.log10(np.abs(exact[usual]))).astype(np.int64)
    found = exact
    for digits in (_DIGITS[-1] + 1, *reversed(_DIGITS)):
        rounded = _rounded(exact, digits - 1 - magnitude)
        same = usual & (rounded.astype(values.dtype) == values)
        found = np.where(same, rounded, found)
    return found


def _rounded(exact: np.ndarray[Any, Any], places: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Round each number to so many decimal places; one that would not be rounded exactly stays."""
    import numpy as np  # noqa: PLC0415 - as above

    power = 10.0 ** np.minimum(np.abs(places), _EXACT_POWER).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = np.where(places >= 0, np.rint(exact * power) / power, np.rint(exact / power) * power)
    return np.where(np.abs(places) <= _EXACT_POWER, rounded, exact)


def _shown_tensor(tensor: Tensor) -> dict[str, object]:
    head: dict[str, object] = {"dtype": tensor.dtype, "shape": list(tensor.shape)}
    if tensor.dtype == STRING:
        words, encoding = _words(list(tensor.values))
        return {**head, **encoding, "values": _nested(words, tensor.shape)}
    values, shape = tensor.values, tensor.shape
    if tensor.dtype in COMPLEX:
        values, shape = pairs(values), (*shape, 2)
    if tensor.dtype in _SHORT:
        values = shortest(values)
    return {**head, "values": _nested(_numbers(values), shape)}


def _words(values: list[bytes]) -> tuple[list[str], dict[str, object]]:
    try:
        return [value.decode() for value in values], {}
    except UnicodeDecodeError:
        return [base64.b64encode(value).decode() for value in values], {"encoding": _BASE64}


def _numbers(values: np.ndarray[Any, Any]) -> list[Any]:
    import numpy as np  # noqa: PLC0415 - as above

    listed: list[Any] = values.tolist()
    if values.dtype.kind != "f" or bool(np.isfinite(values).all()):
        return listed
    return [_number(value) for value in listed]


def _number(value: float) -> float | str:
    if value != value:  # noqa: PLR0124 - only NaN differs from itself
        return "NaN"
    return {float("inf"): "Infinity", float("-inf"): "-Infinity"}.get(value, value)


def _nested(values: list[Any], shape: tuple[int, ...]) -> Any:
    for size in reversed(shape[1:]):
        if size == 0:
            values = []
            break
        values = [values[at : at + size] for at in range(0, len(values), size)]
    return values if shape else values[0]


def _flat(values: Any, depth: int) -> list[Any]:
    if depth == 0:
        return [values]
    for _ in range(depth - 1):
        values = [each for group in values for each in group]
    return list(values)


def _tensor(held: dict[str, Any]) -> Tensor:
    import numpy as np  # noqa: PLC0415 - as above

    dtype, shape = held["dtype"], tuple(held["shape"])
    flat = _flat(held["values"], len(shape) + (dtype in COMPLEX))
    if dtype == STRING:
        words = np.empty(len(flat), dtype=object)
        words[:] = [_bytes(each, held.get("encoding", "")) for each in flat]
        values = words
    elif dtype in COMPLEX:
        half = np.float32 if dtype == COMPLEX[0] else np.float64
        values = np.array(flat, half).view(dtype)
    else:
        values = np.array(flat, ELEMENT_TYPES[dtype].numpy)
    if len(values) != int(np.prod(shape, dtype=np.int64)):
        raise ValueError(f"a tensor of shape {list(shape)} has {len(values)} values")
    return Tensor(dtype, shape, values)


def _bytes(text: str, encoding: str) -> bytes:
    return base64.b64decode(text) if encoding == _BASE64 else text.encode()


def _shown_features(features: Features) -> dict[str, object]:
    return {name: _shown_feature(feature) for name, feature in features.items()}


def _shown_feature(feature: Feature) -> dict[str, object]:
    if "bytes" in feature:
        words, encoding = _words(feature["bytes"])
        return {"bytes": words, **encoding}
    return {kind: _singles(values) if kind == "float" else values for kind, values in feature.items()}


def _features(held: dict[str, dict[str, Any]]) -> Features:
    return {name: _feature(feature) for name, feature in held.items()}


def _feature(held: dict[str, Any]) -> Feature:
    if "bytes" in held:
        return {"bytes": [_bytes(each, held.get("encoding", "")) for each in held["bytes"]]}
    return {kind: [float(each) for each in values] if kind == "float" else values for kind, values in held.items()}


def _shown_result(result: Result) -> dict[str, object]:
    found: dict[str, object] = {"signature": result["signature"], "method": result["method"]}
    if result["classes"] is not None:
        found["classes"] = [
            [
                {"label": each["label"], "score": score}
                for each, score in zip(row, _singles([each["score"] for each in row]), strict=True)
            ]
            for row in result["classes"]
        ]
    if result["values"] is not None:
        found["values"] = _singles(result["values"])
    return found


def _result(held: dict[str, Any]) -> Result:
    classes, values = held.get("classes"), held.get("values")
    return {
        "signature": held["signature"],
        "method": held["method"],
        "classes": classes
        and [[{"label": each["label"], "score": float(each["score"])} for each in row] for row in classes],
        "values": values and [float(each) for each in values],
    }


def _singles(values: list[float]) -> list[Any]:
    import numpy as np  # noqa: PLC0415 - as above

    return _numbers(shortest(np.array(values, np.float32)))
