"""tf.Examples out of plain dicts, and what Classify and Regress answer, without TensorFlow.

A feature's type follows from its values: floats are `float_list`, integers and booleans `int64_list`, texts and bytes
`bytes_list`. A list or an array gives a feature several values.

Source: tensorflow/core/example/{example,feature}.proto; tensorflow_serving/apis/{input,classification,regression}.proto
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from seaway.client.answer import Labelled
from seaway.client.dtypes import Array
from seaway.client.model import ExamplesRequest
from seaway.errors import InvalidArgument
from seaway.protos import message


def input_message(request: ExamplesRequest) -> Any:
    """Return the `tensorflow.serving.Input` of examples.

    Raises:  InvalidArgument - a feature holds what none of the three lists takes.
    """
    made = message("tensorflow.serving.Input")()
    if request.context is None:
        target = made.example_list
    else:
        target = made.example_list_with_context
        _fill(target.context, request.context)
    target.SetInParent()
    for example in request.examples:
        _fill(target.examples.add(), example)
    return made


def json_examples(request: ExamplesRequest) -> dict[str, Any]:
    """Return the same in REST's JSON.

    Raises:  InvalidArgument - as above.
    """
    body: dict[str, Any] = {"examples": [_json_example(example) for example in request.examples]}
    if request.context is not None:
        body["context"] = _json_example(request.context)
    return body


def classifications(result: Any) -> list[list[Labelled]]:
    """Return the classes of each example of a ClassificationResult."""
    return [[Labelled(entry.label, entry.score) for entry in row.classes] for row in result.classifications]


def regressions(result: Any) -> Array:
    """Return the value of each example of a RegressionResult, as float32."""
    return np.array([row.value for row in result.regressions], np.float32)


def _fill(example: Any, features: Mapping[str, object]) -> None:
    for name, value in features.items():
        values = _values(name, value)
        feature = example.features.feature[name]
        kind = _kind(name, values)
        getattr(feature, kind).value.extend(_encoded(values) if kind == "bytes_list" else values)


def _json_example(features: Mapping[str, object]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in features.items():
        values = _values(name, value)
        written = [_json_text(each) for each in values] if _kind(name, values) == "bytes_list" else values
        found[name] = written[0] if len(written) == 1 else written
    return found


def _values(name: str, value: object) -> Sequence[Any]:
    if isinstance(value, (np.ndarray, np.generic)):
        return _values(name, np.ravel(value).tolist())
    if isinstance(value, bool):
        return [int(value)]
    if isinstance(value, (str, bytes, int, float)):
        return [value]
    if isinstance(value, Iterable):
        return [item for each in value for item in _values(name, each)]
    raise InvalidArgument(f"feature {name!r} is {value!r}; give numbers, texts or bytes, or a list of them")


def _kind(name: str, values: Sequence[object]) -> str:
    if all(isinstance(value, (str, bytes)) for value in values) and values:
        return "bytes_list"
    if any(isinstance(value, (str, bytes)) for value in values):
        raise InvalidArgument(f"feature {name!r} mixes texts and numbers; give one kind")
    return "int64_list" if values and all(isinstance(value, int) for value in values) else "float_list"


def _encoded(values: Sequence[Any]) -> list[bytes]:
    return [value.encode() if isinstance(value, str) else value for value in values]


def _json_text(value: Any) -> Any:
    return value if isinstance(value, str) else {"b64": base64.b64encode(value).decode()}
