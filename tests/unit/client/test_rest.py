"""REST's JSON: values both ways, answers, operations, examples."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from seaway.client.examples import input_message, json_examples
from seaway.client.exchange import Reply
from seaway.client.json_values import array_from, json_value
from seaway.client.model import ExamplesRequest, ModelRef, Predict
from seaway.client.operations import operation_status, result_of
from seaway.client.over_rest import answer_in, metadata, models, path, predict, status
from seaway.client.signature import Signature, TensorSpec
from seaway.errors import Cancelled, DataLoss, InvalidArgument, NotFound, Unavailable

Y = TensorSpec("y", 1, (-1,))
ONE = Signature("serving_default", {}, {"y": Y})


def request(signature: Signature | None = ONE, **changed: Any) -> Predict:
    return Predict(ModelRef("m"), "", changed.pop("inputs", {}), changed.pop("outputs", ()), signature)


def test_a_request_is_columns() -> None:
    exchange = predict(
        request(inputs={"x": np.array([[0.5]], np.float32), "t": np.array([b"a"], dtype=object)})
    ).exchange
    assert exchange.path == "/v1/models/m:predict"
    assert json.loads(exchange.body or b"") == {"inputs": {"x": [[0.5]], "t": ["a"]}}


def test_values_that_json_has_no_word_for_go_as_tensorflow_serving_writes_them() -> None:
    body = predict(request(inputs={"x": np.array([np.nan, np.inf, -np.inf])})).exchange.body
    assert body == b'{"inputs": {"x": [NaN, Infinity, -Infinity]}}'


def test_bytes_that_are_no_text_go_in_base64_and_complex_numbers_not_at_all() -> None:
    assert json_value("x", np.array([b"\xff"], dtype=object)) == [{"b64": "/w=="}]
    with pytest.raises(InvalidArgument, match="use gRPC"):
        json_value("x", np.array([1j]))


@pytest.mark.parametrize(
    ("outputs", "signature", "expected"),
    [
        pytest.param([1.5], ONE, {"y": [1.5]}, id="only-output-has-the-name-of-the-signature"),
        pytest.param([1.5], None, {"outputs": [1.5]}, id="only-output-without-a-signature"),
        pytest.param({"a": [1], "b": ["t"]}, None, {"a": [1], "b": [b"t"]}, id="several"),
        pytest.param({"b64": "/w=="}, None, {"outputs": b"\xff"}, id="only-output-is-bytes"),
    ],
)
def test_an_answer_is_read(outputs: Any, signature: Signature | None, expected: dict[str, Any]) -> None:
    answer = answer_in(request(signature), {"outputs": outputs})
    assert {name: array.tolist() for name, array in answer.outputs.items()} == expected


def test_an_answer_of_nan_is_read_and_typed() -> None:
    answer = predict(request()).decode(Reply(b'{"outputs": [NaN, 1.0]}'))
    assert answer.outputs["y"].dtype == np.float32
    assert np.isnan(answer.outputs["y"][0])


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        pytest.param({"x-model-version": "7"}, 7, id="seaway"),
        pytest.param({}, None, id="tensorflow-serving"),
        pytest.param({"x-model-version": "seven"}, None, id="something-else"),
    ],
)
def test_the_version_that_answered_is_in_a_header(headers: dict[str, str], version: int | None) -> None:
    assert predict(request()).decode(Reply(b'{"outputs": [1.0]}', headers=headers)).version == version


def test_only_wanted_outputs_are_answered_and_an_unknown_one_is_named() -> None:
    document = {"outputs": {"a": [1], "b": [2]}}
    assert list(answer_in(request(None, outputs=["b"]), document).outputs) == ["b"]
    with pytest.raises(NotFound, match="there is no output 'c'; the model has: a, b"):
        answer_in(request(None, outputs=["c"]), document)


def test_an_empty_list_gets_the_shape_of_the_signature() -> None:
    assert array_from([], TensorSpec("y", 1, (-1, 2))).shape == (0, 2)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"predictions": []}', b'{"outputs": [[1], [1, 2]]}'])
def test_an_answer_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(DataLoss):
        predict(request()).decode(Reply(body))


def test_paths_name_version_or_label() -> None:
    assert path(ModelRef("a b", 3), ":predict") == "/v1/models/a%20b/versions/3:predict"
    assert path(ModelRef("m", label="s/t"), "/metadata") == "/v1/models/m/labels/s%2Ft/metadata"
    with pytest.raises(InvalidArgument, match="version 1 and label 'x' are both given"):
        ModelRef("m", 1, "x")


def test_status_list_and_metadata_are_read() -> None:
    versions = [{"version": "3", "state": "END", "status": {"error_code": "NOT_FOUND", "error_message": "gone"}}]
    (found,) = status(ModelRef("m")).decode(Reply(json.dumps({"model_version_status": versions}).encode()))
    assert (found.version, found.state, found.code, found.message) == (3, "END", 5, "gone")
    listed = {"models": [{"name": "m", "labels": {"stable": 3}, "versions": [{"version": 3, "state": "AVAILABLE"}]}]}
    (model,) = models().decode(Reply(json.dumps(listed).encode()))
    assert (model.name, model.labels, model.versions[0].state) == ("m", {"stable": 3}, "AVAILABLE")
    shape = {"dim": [{"size": "-1"}, {"size": "3"}], "unknown_rank": False}
    definition = {"inputs": {"x": {"dtype": "DT_FLOAT", "tensor_shape": shape}}, "outputs": {}, "method_name": "p"}
    told = {"metadata": {"signature_def": {"signature_def": {"s": definition, "__saved_model_init_op": {}}}}}
    signatures = metadata(ModelRef("m")).decode(Reply(json.dumps(told).encode()))
    assert {name: str(each.inputs["x"]) for name, each in signatures.items()} == {"s": "float32 (?, 3)"}


@pytest.mark.parametrize(
    ("document", "error", "words"),
    [
        pytest.param({"state": "cancelled"}, Cancelled, "o was cancelled", id="cancelled"),
        pytest.param(
            {"state": "failed", "error": {"code": "UNAVAILABLE", "message": "died"}}, Unavailable, "died", id="failed"
        ),
        pytest.param(
            {"state": "done", "response": {"status": 404, "body": {"error": "no"}}}, NotFound, "no", id="refused"
        ),
        pytest.param({"state": "done"}, DataLoss, "holds no answer", id="without-an-answer"),
    ],
)
def test_an_operation_without_an_answer_is_an_error(
    document: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        result_of(operation_status({"id": "o"} | document), request())


def test_an_operation_says_which_version_answered() -> None:
    document = {"id": "o", "state": "done", "version": 3, "response": {"status": 200, "body": {"outputs": [1.0]}}}
    answer = result_of(operation_status(document), request())
    assert (answer.version, answer.outputs["y"].tolist()) == (3, [1.0])


FEATURES: dict[str, object] = {"f": 0.5, "i": [1, 2], "b": True, "t": ["a", b"\xff"], "n": np.float32([1]), "none": []}


def test_a_dict_is_an_example_of_the_types_that_its_values_have() -> None:
    made = input_message(ExamplesRequest(ModelRef("m"), "", [FEATURES], {"c": 1.5}))
    features = made.example_list_with_context.examples[0].features.feature
    assert list(features["f"].float_list.value) == [0.5]
    assert list(features["i"].int64_list.value) == [1, 2]
    assert list(features["b"].int64_list.value) == [1]
    assert list(features["t"].bytes_list.value) == [b"a", b"\xff"]
    assert list(features["n"].float_list.value) == [1.0]
    assert list(made.example_list_with_context.context.features.feature["c"].float_list.value) == [1.5]


def test_the_same_in_json() -> None:
    body = json_examples(ExamplesRequest(ModelRef("m"), "", [{"f": 0.5, "i": [1, 2], "t": [b"\xff"]}]))
    assert body == {"examples": [{"f": 0.5, "i": [1, 2], "t": {"b64": "/w=="}}]}


@pytest.mark.parametrize(("value", "words"), [([1, "a"], "mixes texts and numbers"), (None, "give numbers, texts")])
def test_a_feature_of_no_kind_is_refused(value: object, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        json_examples(ExamplesRequest(ModelRef("m"), "", [{"x": value}]))
