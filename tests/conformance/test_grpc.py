"""What only gRPC can ask: output filters, tensor_content, metadata fields, MultiInference, health, reflection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    predict_pb2,
    regression_pb2,
)

from tests.support.clients import Client, examples, failure
from tests.support.conformance.carriers import array
from tests.support.conformance.cases import IDENTITY, Predict
from tests.support.conformance.subject import Subject

pytestmark = pytest.mark.conformance

TIMEOUT_S = 30.0


def half(client: Client, **inputs: Any) -> predict_pb2.PredictRequest:
    return client.predict_request("half_plus_two", **(inputs or {"x": [[1.0]]}))


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that must be refused: what to change about a good request, the code and a text of the message."""

    id: str
    change: Callable[[predict_pb2.PredictRequest], object]
    code: str
    text: str


def no_name(request: predict_pb2.PredictRequest) -> None:
    request.model_spec.name = ""


def set_content(content: bytes, *dims: int) -> Callable[[predict_pb2.PredictRequest], None]:
    def change(request: predict_pb2.PredictRequest) -> None:
        tensor = request.inputs["x"]
        tensor.Clear()
        tensor.dtype = types_pb2.DT_FLOAT
        tensor.tensor_content = content
        for size in dims:
            tensor.tensor_shape.dim.add().size = size

    return change


def set_values(values: list[float], *dims: int, dtype: int = types_pb2.DT_FLOAT) -> Callable[[Any], None]:
    def change(request: predict_pb2.PredictRequest) -> None:
        tensor = request.inputs["x"]
        tensor.Clear()
        tensor.dtype = dtype
        tensor.float_val.extend(values)
        for size in dims:
            tensor.tensor_shape.dim.add().size = size

    return change


def unknown_rank(request: predict_pb2.PredictRequest) -> None:
    request.inputs["x"].tensor_shape.Clear()
    request.inputs["x"].tensor_shape.unknown_rank = True


def wrong_dtype(request: predict_pb2.PredictRequest) -> None:
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.array([[1]], dtype=np.int64)))


REFUSED = (
    Refused("no-model-name", no_name, "INVALID_ARGUMENT", ""),
    Refused(
        "unknown-output",
        lambda r: r.output_filter.append("z"),
        "INVALID_ARGUMENT",
        "output tensor alias not found in signature: z",
    ),
    Refused(
        "duplicate-output",
        lambda r: r.output_filter.extend(["y", "y"]),
        "INVALID_ARGUMENT",
        "duplicate output tensor alias: y",
    ),
    Refused("content-too-short", set_content(b"\0\0\0", 1, 1), "INVALID_ARGUMENT", ""),
    Refused("content-too-long", set_content(b"\0" * 12, 1, 1), "INVALID_ARGUMENT", ""),
    Refused("huge-shape-small-content", set_content(b"\0" * 4, 2**31, 2**31), "INVALID_ARGUMENT", ""),
    Refused("shape-that-overflows", set_content(b"\0" * 4, 2**62, 2**62, 4), "INVALID_ARGUMENT", ""),
    Refused("huge-shape-no-values", set_values([], 2**40, 1), "INVALID_ARGUMENT", ""),
    Refused("negative-dimension", set_values([1.0], -1, 1), "INVALID_ARGUMENT", ""),
    Refused("unknown-rank", unknown_rank, "INVALID_ARGUMENT", ""),
    Refused("no-dtype", set_values([1.0], 1, 1, dtype=types_pb2.DT_INVALID), "INVALID_ARGUMENT", ""),
    Refused("reference-dtype", set_values([1.0], 1, 1, dtype=types_pb2.DT_FLOAT_REF), "INVALID_ARGUMENT", ""),
    Refused("resource-dtype", set_values([1.0], 1, 1, dtype=types_pb2.DT_RESOURCE), "INVALID_ARGUMENT", ""),
    Refused("dtype-from-the-future", set_values([1.0], 1, 1, dtype=99), "INVALID_ARGUMENT", ""),
    Refused("wrong-dtype", wrong_dtype, "INVALID_ARGUMENT", ""),
)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_a_bad_message_is_refused_and_the_next_is_served(subject: Subject, case: Refused) -> None:
    request = half(subject.client)
    case.change(request)
    code, text = failure(lambda: subject.client.prediction.Predict(request, timeout=TIMEOUT_S))
    assert code == case.code, text
    assert case.text in text
    assert text
    assert subject.client.arrays("half_plus_two", x=[[2.0]])["y"].tolist() == [[3.0]]


def test_one_value_fills_the_whole_shape(subject: Subject) -> None:
    request = half(subject.client)
    set_values([2.0], 3, 1)(request)
    response = subject.client.prediction.Predict(request, timeout=TIMEOUT_S)
    assert list(response.outputs["y"].float_val) == [3.0, 3.0, 3.0]


def test_values_beyond_the_shape_are_ignored_as_tensorflow_does(subject: Subject) -> None:
    request = half(subject.client)
    set_values([2.0, 8.0, 9.0], 1, 1)(request)
    response = subject.client.prediction.Predict(request, timeout=TIMEOUT_S)
    assert list(response.outputs["y"].float_val) == [3.0]


def test_output_filter_leaves_only_what_was_named(subject: Subject) -> None:
    request = subject.client.predict_request("outputs", a=[1.0], b=[2.0])
    request.output_filter.append("sum")
    response = subject.client.prediction.Predict(request, timeout=TIMEOUT_S)
    assert set(response.outputs) == {"sum"}


def test_model_spec_of_the_answer_names_model_signature_and_version(subject: Subject) -> None:
    spec = subject.client.predict("half_plus_two", x=[[1.0]]).model_spec
    assert (spec.name, spec.signature_name, spec.version.value) == ("half_plus_two", "serving_default", 123)


def test_outputs_are_typed_fields_and_not_tensor_content(subject: Subject) -> None:
    output = subject.client.predict("half_plus_two", x=[[1.0], [2.0]]).outputs["y"]
    assert list(output.float_val) == [2.5, 3.0]
    assert output.tensor_content == b""


@pytest.mark.parametrize(
    "case", [case for case in IDENTITY if case.spec.signature != "string"], ids=lambda case: case.id
)
def test_tensor_content_of_every_dtype_is_understood(subject: Subject, case: Predict) -> None:
    values = array(case.inputs["x"])
    request = subject.client.predict_request("identity", case.spec.signature)
    tensor = request.inputs["x"]
    tensor.dtype = tf.as_dtype(case.spec.signature).as_datatype_enum
    tensor.tensor_shape.dim.add().size = len(values)
    tensor.tensor_content = values.tobytes()
    output = subject.client.prediction.Predict(request, timeout=TIMEOUT_S).outputs["y"]
    assert tf.make_ndarray(output).tobytes() == values.tobytes()


def test_a_signature_without_inputs_can_be_called(subject: Subject) -> None:
    subject.client.predict("counter", "reset_counter")
    assert subject.client.arrays("counter", "incr_counter")["output"] == 1.0
    assert subject.client.arrays("counter", "incr_counter_by", delta=np.float32(2.5))["output"] == 3.5
    assert subject.client.arrays("counter", "get_counter")["output"] == 3.5


def test_strings_of_every_byte_survive(subject: Subject) -> None:
    every = np.array([bytes(range(256)), b""], dtype=object)
    assert subject.client.arrays("identity", "string", x=every)["y"].tolist() == every.tolist()


def test_a_message_of_tens_of_megabytes_is_answered(subject: Subject) -> None:
    values = np.arange(8_000_000, dtype=np.float32)
    assert np.array_equal(subject.client.arrays("identity", "float32", x=values)["y"], values)


def task(
    request: inference_pb2.MultiInferenceRequest, method: str, signature: str, model: str = "half_plus_two"
) -> None:
    added = request.tasks.add()
    added.method_name = f"tensorflow/serving/{method}"
    added.model_spec.name = model
    added.model_spec.signature_name = signature


def multi(*tasks: tuple[str, ...]) -> inference_pb2.MultiInferenceRequest:
    request = inference_pb2.MultiInferenceRequest(input=examples({"x": 2.0}))
    for one in tasks:
        task(request, *one)
    return request


def test_multi_inference_runs_both_kinds_on_one_input(subject: Subject) -> None:
    request = multi(("regress", "regress_x_to_y"), ("classify", "classify_x_to_y"))
    regression, classification = subject.client.prediction.MultiInference(request, timeout=TIMEOUT_S).results
    assert regression.regression_result.regressions[0].value == 3.0
    assert regression.model_spec.version.value == 123
    assert classification.classification_result.classifications[0].classes[0].score == 3.0


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        pytest.param(multi(), "INVALID_ARGUMENT", id="no-tasks"),
        pytest.param(
            multi(("regress", "regress_x_to_y"), ("regress", "regress_x_to_y")), "INVALID_ARGUMENT", id="twice"
        ),
        pytest.param(multi(("predict", "serving_default")), "UNIMPLEMENTED", id="predict-method"),
        pytest.param(
            multi(("regress", "regress_x_to_y"), ("regress", "regress_x_to_y2", "half_plus_two_tf2")),
            "INVALID_ARGUMENT",
            id="two-models",
        ),
    ],
)
def test_multi_inference_refuses(subject: Subject, request_: inference_pb2.MultiInferenceRequest, code: str) -> None:
    found, text = failure(lambda: subject.client.prediction.MultiInference(request_, timeout=TIMEOUT_S))
    assert found == code, text


@pytest.mark.parametrize("kind", ["Classify", "Regress"])
def test_classify_and_regress_refuse_an_empty_input(subject: Subject, kind: str) -> None:
    request = classification_pb2.ClassificationRequest() if kind == "Classify" else regression_pb2.RegressionRequest()
    request.model_spec.name = "half_plus_two"
    request.model_spec.signature_name = "classify_x_to_y" if kind == "Classify" else "regress_x_to_y"
    code, text = failure(lambda: getattr(subject.client.prediction, kind)(request, timeout=TIMEOUT_S))
    assert (code, text) == ("INVALID_ARGUMENT", "Input is empty.")


def test_metadata_is_a_signature_def_map(subject: Subject) -> None:
    response = subject.client.metadata("half_plus_two", "signature_def")
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert signatures.signature_def["serving_default"].inputs["x"].dtype == types_pb2.DT_FLOAT
    assert response.model_spec.version.value == 123


@pytest.mark.parametrize(("fields", "code"), [((), "INVALID_ARGUMENT"), (("weather",), "INVALID_ARGUMENT")])
def test_metadata_refuses_other_fields(subject: Subject, fields: tuple[str, ...], code: str) -> None:
    assert failure(lambda: subject.client.metadata("half_plus_two", *fields))[0] == code


def test_status_tells_every_version(subject: Subject) -> None:
    assert subject.client.status("two_versions") == {123: "AVAILABLE", 124: "AVAILABLE"}
    assert subject.client.status("two_versions", 123) == {123: "AVAILABLE"}


@pytest.mark.parametrize(
    ("model", "version", "text"),
    [
        ("nobody", None, "Could not find any versions of model nobody"),
        ("half_plus_two", 9, "Could not find version 9 of model half_plus_two"),
    ],
)
def test_status_of_what_is_not_there(subject: Subject, model: str, version: int | None, text: str) -> None:
    assert failure(lambda: subject.client.status(model, version)) == ("NOT_FOUND", text)


def test_status_without_a_name_is_refused(subject: Subject) -> None:
    request = get_model_status_pb2.GetModelStatusRequest()
    assert failure(lambda: subject.client.model.GetModelStatus(request, timeout=TIMEOUT_S))[0] == "INVALID_ARGUMENT"


@pytest.mark.parametrize("service", ["", "half_plus_two"])
def test_health_is_serving(subject: Subject, service: str) -> None:
    if subject.name != "seaway":
        pytest.skip("TensorFlow Serving's health service knows no models")
    assert subject.client.health(service) == "SERVING"


def test_health_of_an_unknown_service_is_not_found(subject: Subject) -> None:
    if subject.name != "seaway":
        pytest.skip("TensorFlow Serving's health service is off by default")
    assert failure(lambda: subject.client.health("nobody"))[0] == "NOT_FOUND"


def test_reflection_lists_the_services(subject: Subject) -> None:
    if subject.name != "seaway":
        pytest.skip("TensorFlow Serving has no reflection")
    services = set(ProtoReflectionDescriptorDatabase(subject.client.channel).get_services())
    assert {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"} <= services
    assert "grpc.health.v1.Health" in services


def test_a_method_that_does_not_exist_is_unimplemented(subject: Subject) -> None:
    call = subject.client.channel.unary_unary("/tensorflow.serving.PredictionService/Guess")
    assert failure(lambda: call(b"", timeout=TIMEOUT_S))[0] == "UNIMPLEMENTED"


@pytest.mark.parametrize(
    "body", [b"\xff\xff\xff\xff", b"\x0a\x7f", b"\x0a\x05\x0a\xff\xff\xff\x0f"], ids=["tag", "cut", "length"]
)
def test_a_message_that_is_no_protobuf_is_refused(subject: Subject, body: bytes) -> None:
    call = subject.client.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    code, _ = failure(lambda: call(body, timeout=TIMEOUT_S))
    assert code in {"INTERNAL", "INVALID_ARGUMENT"}
