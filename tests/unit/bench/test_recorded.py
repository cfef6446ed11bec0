"""Recorded logs: which records are sent, to whom, and what they become over REST."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seaway.bench.recorded import request_from_log
from seaway.bench.signature import Model
from seaway.bench.target import Api
from seaway.errors import InvalidArgument
from seaway.protos import message
from seaway.protos.tfrecord import masked_crc


def tfrecord(*records: bytes) -> bytes:
    framed = b""
    for record in records:
        length = struct.pack("<Q", len(record))
        framed += length + struct.pack("<I", masked_crc(length)) + record + struct.pack("<I", masked_crc(record))
    return framed


def recorded(kind: str = "predict_log", signature: str = "") -> bytes:
    log = message("tensorflow.serving.PredictionLog")()
    held = getattr(log, kind).request
    spec = held.add().model_spec if kind == "predict_streamed_log" else held.model_spec
    spec.name, spec.version.value, spec.signature_name = "old", 3, signature
    return bytes(log.SerializeToString())


def several() -> bytes:
    log = message("tensorflow.serving.PredictionLog")()
    for signature in ("a", "b"):
        log.multi_inference_log.request.tasks.add().model_spec.signature_name = signature
    return bytes(log.SerializeToString())


def untyped() -> bytes:
    log = message("tensorflow.serving.PredictionLog")()
    log.predict_log.request.inputs["x"].dtype = 20
    return bytes(log.SerializeToString())


def predicted(**values: Any) -> bytes:
    log = message("tensorflow.serving.PredictionLog")()
    for name, tensor in values.items():
        log.predict_log.request.inputs[name].CopyFrom(tensor)
    return bytes(log.SerializeToString())


def proto(dtype: int, shape: list[int], **values: Any) -> Any:
    tensor = message("tensorflow.TensorProto")(dtype=dtype, **values)
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def examples(kind: str, *, context: bool) -> bytes:
    log = message("tensorflow.serving.PredictionLog")()
    held = getattr(log, kind).request.input
    listed = held.example_list_with_context if context else held.example_list
    feature = listed.examples.add().features.feature
    feature["x"].float_list.value.append(1.5)
    feature["ids"].int64_list.value.extend([1, 2])
    feature["word"].bytes_list.value.append(b"hi")
    if context:
        listed.context.features.feature["c"].int64_list.value.append(7)
    return bytes(log.SerializeToString())


def test_recorded_requests_go_to_the_model_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(tfrecord(recorded(), recorded(signature="other")))
    request = request_from_log("grpc", Model("m"), str(tmp_path / "log"))
    specs = [message("tensorflow.serving.PredictRequest").FromString(body).model_spec for body in request.bodies]
    assert [(spec.name, spec.HasField("version"), spec.signature_name) for spec in specs] == [
        ("m", False, ""),
        ("m", False, "other"),
    ]
    asked = request_from_log("grpc", Model("m", 7, "s"), str(tmp_path / "log"))
    spec = message("tensorflow.serving.PredictRequest").FromString(asked.bodies[0]).model_spec
    assert (spec.version.value, spec.signature_name) == (7, "s")


@pytest.mark.parametrize(
    ("content", "api", "part"),
    [
        pytest.param(tfrecord(recorded("predict_streamed_log")), "grpc", "0 is a predict_streamed_log", id="unknown"),
        pytest.param(tfrecord(recorded(), recorded("regress_log")), "grpc", "predict and regress", id="two-kinds"),
        pytest.param(tfrecord(b"\xff\xff"), "grpc", "record 0 is no PredictionLog", id="another-message"),
        pytest.param(b"", "grpc", "holds no record", id="empty"),
        pytest.param(tfrecord(several()), "rest", "no MultiInference", id="not-over-rest"),
        pytest.param(tfrecord(untyped()), "rest", "record 0: a tensor has data type 20", id="no-such-type"),
    ],
)
def test_a_log_that_cannot_be_sent_is_refused(content: bytes, api: Api, part: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(content)
    with pytest.raises(InvalidArgument, match=part):
        request_from_log(api, Model("m"), str(tmp_path / "log"))


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        pytest.param(proto(1, [2, 1], float_val=[1.0, 2.0]), {"instances": [[1.0], [2.0]]}, id="listed"),
        pytest.param(proto(1, [3], float_val=[1.0]), {"instances": [1.0, 1.0, 1.0]}, id="the-last-value-is-repeated"),
        pytest.param(proto(9, [2]), {"instances": [0, 0]}, id="no-value-at-all"),
        pytest.param(proto(3, [], int_val=[5]), {"inputs": {"x": 5}}, id="a-scalar"),
        pytest.param(
            proto(9, [2], tensor_content=np.array([1, 2], "<i8").tobytes()), {"instances": [1, 2]}, id="content"
        ),
        pytest.param(proto(14, [2], half_val=[0x3FC0]), {"instances": [1.5, 1.5]}, id="bfloat16"),
        pytest.param(
            proto(19, [1], half_val=[int(np.float16(1.5).view(np.uint16))]), {"instances": [1.5]}, id="half-precision"
        ),
        pytest.param(
            proto(7, [2], string_val=[b"hi", b"\xff"]), {"instances": ["hi", {"b64": "/w=="}]}, id="texts-and-bytes"
        ),
        pytest.param(proto(10, [1], bool_val=[True]), {"instances": [True]}, id="truth"),
    ],
)
def test_a_recorded_prediction_is_sent_over_rest_as_json(tensor: Any, expected: Any, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(tfrecord(predicted(x=tensor)))
    request = request_from_log("rest", Model("m"), str(tmp_path / "log"))
    assert (request.path, [json.loads(body) for body in request.bodies]) == ("/v1/models/m:predict", [expected])


@pytest.mark.parametrize("verb", ["classify", "regress"])
def test_recorded_examples_are_sent_over_both_apis(verb: str, tmp_path: Path) -> None:
    kind = f"{verb}_log"
    (tmp_path / "log").write_bytes(
        tfrecord(examples(kind, context=False), examples(kind, context=True), recorded("predict_log"))
    )
    request = request_from_log("rest", Model("m", None, "s"), str(tmp_path / "log"), verb)
    example = {"ids": [1, 2], "word": {"b64": "aGk="}, "x": 1.5}
    assert request.path == f"/v1/models/m:{verb}"
    assert [json.loads(body) for body in request.bodies] == [
        {"signature_name": "s", "examples": [example]},
        {"signature_name": "s", "context": {"c": 7}, "examples": [example]},
    ]
    request = request_from_log("grpc", Model("m"), str(tmp_path / "log"), verb)
    assert request.path == f"/tensorflow.serving.PredictionService/{verb.capitalize()}"
    name = {"classify": "ClassificationRequest", "regress": "RegressionRequest"}[verb]
    sent = message(f"tensorflow.serving.{name}").FromString(request.bodies[1])
    assert sent.input.example_list_with_context.context.features.feature["c"].int64_list.value == [7]
    with pytest.raises(InvalidArgument, match=r"it holds: .*predict"):
        request_from_log("grpc", Model("m"), str(tmp_path / "log"), "multi_inference")


def test_every_task_of_a_recorded_multi_inference_goes_to_the_model(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(tfrecord(several()))
    request = request_from_log("grpc", Model("m", 4), str(tmp_path / "log"))
    assert request.path == "/tensorflow.serving.PredictionService/MultiInference"
    sent = message("tensorflow.serving.MultiInferenceRequest").FromString(request.bodies[0])
    tasks = [
        (task.model_spec.name, task.model_spec.version.value, task.model_spec.signature_name) for task in sent.tasks
    ]
    assert tasks == [("m", 4, "a"), ("m", 4, "b")]
