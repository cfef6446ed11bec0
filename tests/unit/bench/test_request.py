"""Requests made from signatures: shapes, values, and the bytes of both protocols."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seaway.bench.request import (
    Generation,
    make_arrays,
    request_from_file,
    request_from_signature,
    shape_of,
)
from seaway.bench.signature import Dimension, InputSpec, Model
from seaway.bench.target import Api
from seaway.errors import InvalidArgument
from seaway.protos import message

FLOAT, INT64, STRING, UINT8, BOOL, COMPLEX = 1, 9, 7, 4, 10, 8


def spec(name: str, dtype: int, *sizes: int) -> InputSpec:
    return InputSpec(name, dtype, tuple(Dimension(size) for size in sizes))


IMAGE = spec("image", FLOAT, -1, -1, 4)


@pytest.mark.parametrize(
    ("given", "generation", "expected"),
    [
        pytest.param(IMAGE, Generation(), (1, 1, 4), id="free-is-one"),
        pytest.param(IMAGE, Generation(batch_size=8), (8, 1, 4), id="the-batch-is-in-front"),
        pytest.param(IMAGE, Generation(dims={"image.1": 6}), (1, 6, 4), id="by-axis"),
        pytest.param(IMAGE, Generation(dims={"image.0": 5}, batch_size=8), (5, 1, 4), id="an-axis-wins"),
        pytest.param(
            InputSpec("ids", INT64, (Dimension(-1, "batch"), Dimension(-1, "length"))),
            Generation(dims={"length": 128}),
            (1, 128),
            id="by-its-own-name",
        ),
        pytest.param(spec("scalar", FLOAT), Generation(batch_size=3), (), id="a-scalar-stays-one"),
        pytest.param(spec("fixed", FLOAT, 2, 3), Generation(), (2, 3), id="fixed-stays-fixed"),
    ],
)
def test_free_dimensions_are_filled(given: InputSpec, generation: Generation, expected: tuple[int, ...]) -> None:
    assert shape_of(given, generation) == expected


@pytest.mark.parametrize(
    ("inputs", "given", "generation", "part"),
    [
        pytest.param([InputSpec("x", FLOAT, None)], {}, Generation(), "unknown rank", id="unknown-rank"),
        pytest.param([spec("x", 14, -1)], {}, Generation(), "data type 14", id="a-type-that-cannot-be-made"),
        pytest.param([spec("x", FLOAT, 2)], {}, Generation(batch_size=4), "free leading", id="no-batch"),
        pytest.param([IMAGE], {"y": 1}, Generation(), "has: image", id="no-such-input"),
        pytest.param([spec("x", INT64, -1)], {"x": ["a"]}, Generation(), "does not fit", id="a-text-for-a-number"),
        pytest.param([spec("x", STRING, -1)], {"x": [1]}, Generation(), "does not fit", id="a-number-for-a-text"),
        pytest.param([spec("x", FLOAT, -1, 1 << 20)], {}, Generation(batch_size=1 << 10), "elements", id="too-large"),
    ],
)
def test_what_cannot_be_made_is_refused(
    inputs: list[InputSpec], given: dict[str, Any], generation: Generation, part: str
) -> None:
    with pytest.raises(InvalidArgument, match=part):
        make_arrays(inputs, given, generation)


def test_random_values_repeat_by_seed_and_stay_small() -> None:
    inputs = [spec("f", FLOAT, 1000), spec("i", INT64, 1000), spec("u", UINT8, 1000), spec("b", BOOL, 1000)]
    first, again = make_arrays(inputs, {}, Generation(seed=7)), make_arrays(inputs, {}, Generation(seed=7))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["f"], make_arrays(inputs, {}, Generation(seed=8))["f"])
    assert {name: array.dtype.name for name, array in first.items()} == {
        "f": "float32",
        "i": "int64",
        "u": "uint8",
        "b": "bool",
    }
    assert 0 <= first["f"].min() < first["f"].max() < 1
    assert set(first["i"].tolist()) == set(range(10))
    assert first["u"].max() > 200


def test_a_grpc_request_is_a_predict_request_of_the_signature() -> None:
    model = Model("m", 7, "pred")
    inputs = [spec("x", FLOAT, -1, 2), spec("word", STRING, -1)]
    request = request_from_signature(
        "grpc", model, inputs, {"x": [[1, 2]], "word": ["é", {"b64": "/w=="}]}, Generation()
    )
    sent = message("tensorflow.serving.PredictRequest").FromString(request.bodies[0])
    assert request.path == "/tensorflow.serving.PredictionService/Predict"
    assert (sent.model_spec.name, sent.model_spec.version.value, sent.model_spec.signature_name) == ("m", 7, "pred")
    x, word = sent.inputs["x"], sent.inputs["word"]
    assert (x.dtype, [dim.size for dim in x.tensor_shape.dim]) == (FLOAT, [1, 2])
    assert np.frombuffer(x.tensor_content, "<f4").tolist() == [1.0, 2.0]
    assert (word.dtype, list(word.string_val)) == (STRING, ["é".encode(), b"\xff"])
    assert (request.rows, request.description) == (1, "x float32[1,2], word string[2]")


@pytest.mark.parametrize(
    ("inputs", "given", "body"),
    [
        pytest.param([spec("x", FLOAT, -1)], {"x": [0.5]}, {"instances": [0.5]}, id="one-batched-input"),
        pytest.param([spec("x", FLOAT)], {"x": 0.5}, {"inputs": {"x": 0.5}}, id="a-scalar"),
        pytest.param(
            [spec("a", INT64, -1), spec("b", STRING, -1)],
            {"a": [1], "b": [{"b64": "/w=="}]},
            {"inputs": {"a": [1], "b": [{"b64": "/w=="}]}},
            id="several-inputs",
        ),
    ],
)
def test_a_rest_request_is_json(inputs: list[InputSpec], given: dict[str, Any], body: dict[str, Any]) -> None:
    request = request_from_signature("rest", Model("a b", 3), inputs, given, Generation())
    assert json.loads(request.bodies[0]) == body
    assert request.path == "/v1/models/a%20b/versions/3:predict"
    named = request_from_signature("rest", Model("m", None, "s"), inputs, given, Generation())
    assert json.loads(named.bodies[0]) == {"signature_name": "s", **body}


def test_complex_numbers_have_no_json() -> None:
    with pytest.raises(InvalidArgument, match="gRPC"):
        request_from_signature("rest", Model("m"), [spec("z", COMPLEX, -1)], {}, Generation())


@pytest.mark.parametrize(
    ("api", "path"),
    [
        pytest.param("grpc", "/tensorflow.serving.PredictionService/Classify", id="grpc"),
        pytest.param("rest", "/v1/models/m:classify", id="rest"),
    ],
)
def test_a_file_is_sent_as_it_is(api: Api, path: str, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"\x00\x01")
    request = request_from_file(api, Model("m"), "classify", tmp_path / "body")
    assert (request.path, request.bodies) == (path, (b"\x00\x01",))
    with pytest.raises(InvalidArgument, match="cannot be read"):
        request_from_file(api, Model("m"), "classify", tmp_path / "missing")
