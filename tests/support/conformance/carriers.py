"""How a case travels: over gRPC with the official stubs, over REST by columns, over REST by rows.

Every carrier gives back either outputs in one neutral form or the failure, so that the tests compare like with like.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import ml_dtypes
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, predict_pb2, regression_pb2

from tests.support.clients import Client
from tests.support.conformance.cases import Examples, Predict, Spec, Tensor
from tests.support.server import Answer, http

NUMPY = {"bfloat16": ml_dtypes.bfloat16, "string": np.object_}
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back: outputs and the version that answered, or a failure."""

    outputs: Mapping[str, Any] | Any = None
    version: int | None = None
    code: str | int = ""
    text: str = ""


def array(tensor: Tensor) -> np.ndarray:
    """The tensor as NumPy holds it."""
    values: Any = tensor.values
    if tensor.dtype == "string":
        return np.vectorize(str.encode, otypes=[object])(np.array(values, dtype=object))
    shaped = np.array(values, dtype=NUMPY.get(tensor.dtype, tensor.dtype))
    return shaped.reshape(0, 1) if shaped.size == 0 else shaped


def fill_spec(model_spec: Any, spec: Spec) -> None:
    """Write a spec into a message's model_spec."""
    model_spec.name = spec.model
    model_spec.signature_name = spec.signature
    if spec.version is not None:
        model_spec.version.value = spec.version
    if spec.label:
        model_spec.version_label = spec.label


def predict_request(case: Predict) -> predict_pb2.PredictRequest:
    """The gRPC message of a case."""
    request = predict_pb2.PredictRequest()
    fill_spec(request.model_spec, case.spec)
    for name, tensor in case.inputs.items():
        values = array(tensor)
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values, dtype=tf.as_dtype(tensor.dtype), shape=values.shape))
    return request


def plain(value: Any) -> Any:
    """Nested lists, texts decoded."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


def predict_over_grpc(client: Client, case: Predict) -> Outcome:
    """Send it with the official stub."""
    try:
        response = client.prediction.Predict.future(predict_request(case), timeout=TIMEOUT_S).result()
    except grpc.RpcError as error:
        return Outcome(code=error.code().name, text=error.details())
    outputs = {name: plain(tf.make_ndarray(output)) for name, output in response.outputs.items()}
    return Outcome(outputs, response.model_spec.version.value)


def path(spec: Spec, verb: str) -> str:
    """The REST path of a spec."""
    version = "" if spec.version is None else f"/versions/{spec.version}"
    label = f"/labels/{spec.label}" if spec.label else ""
    return f"/v1/models/{spec.model}{version}{label}:{verb}"


def unwrapped(value: Any) -> Any:
    """Decode {"b64": ...} wherever it stands."""
    if isinstance(value, dict) and set(value) == {"b64"}:
        return base64.b64decode(value["b64"]).decode()
    if isinstance(value, dict):
        return {name: unwrapped(item) for name, item in value.items()}
    return [unwrapped(item) for item in value] if isinstance(value, list) else value


def failed(answer: Answer) -> Outcome:
    """A REST failure."""
    return Outcome(code=answer.status, text=answer.error)


def with_signature(spec: Spec, body: dict[str, Any]) -> dict[str, Any]:
    """Add the signature's name where there is one."""
    return ({"signature_name": spec.signature} if spec.signature else {}) | body


def predict_by_columns(url: str, case: Predict) -> Outcome:
    """Send it as `inputs`."""
    columns = {name: tensor.values for name, tensor in case.inputs.items()}
    answer = http(url + path(case.spec, "predict"), with_signature(case.spec, {"inputs": columns}))
    if answer.status != 200:
        return failed(answer)
    outputs = unwrapped(answer.json["outputs"])
    names = list(case.outputs)
    return Outcome({names[0]: outputs} if len(names) == 1 else outputs)


def predict_by_rows(url: str, case: Predict) -> Outcome:
    """Send it as `instances`: an object per row, or plain values when there is one input."""
    names = list(case.inputs)
    columns = [case.inputs[name].values for name in names]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    instances: list[Any] = columns[0] if len(names) == 1 else rows
    answer = http(url + path(case.spec, "predict"), with_signature(case.spec, {"instances": instances}))
    if answer.status != 200:
        return failed(answer)
    predictions = unwrapped(answer.json["predictions"])
    outputs = list(case.outputs)
    if len(outputs) == 1:
        return Outcome({outputs[0]: predictions})
    return Outcome({name: [row[name] for row in predictions] for name in outputs})


def examples_over_grpc(client: Client, case: Examples) -> Outcome:
    """Classify or Regress with the official stub, the result in REST's form."""
    classify = case.method == "classify"
    request = classification_pb2.ClassificationRequest() if classify else regression_pb2.RegressionRequest()
    fill_spec(request.model_spec, case.spec)
    target = request.input.example_list.examples
    if case.context is not None:
        fill_features(request.input.example_list_with_context.context, case.context)
        target = request.input.example_list_with_context.examples
    for row in case.examples:
        fill_features(target.add(), row)
    try:
        call = client.prediction.Classify if classify else client.prediction.Regress
        result = call(request, timeout=TIMEOUT_S).result
    except grpc.RpcError as error:
        return Outcome(code=error.code().name, text=error.details())
    if classify:
        return Outcome([[[entry.label, entry.score] for entry in row.classes] for row in result.classifications])
    return Outcome([row.value for row in result.regressions])


def fill_features(example: Any, features: Mapping[str, Any]) -> None:
    """Write floats into a tf.Example."""
    for name, value in features.items():
        example.features.feature[name].float_list.value.append(value)


def examples_over_rest(url: str, case: Examples) -> Outcome:
    """Classify or Regress over REST."""
    body = with_signature(case.spec, {"examples": list(case.examples)})
    if case.context is not None:
        body["context"] = dict(case.context)
    answer = http(url + path(case.spec, case.method), body)
    return Outcome(answer.json["results"]) if answer.status == 200 else failed(answer)
