"""Arrays to tensors and back; protobuf's own classes are the judge of what was written."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from seaway.client.model import ModelRef
from seaway.client.over_grpc import model_spec
from seaway.client.tensor_decoding import predict_response, tensor
from seaway.client.tensor_encoding import predict_request, tensor_parts
from seaway.errors import DataLoss, InvalidArgument
from seaway.protos import message

TensorProto = message("tensorflow.TensorProto")
NUMBERS = (
    *("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("bool", "complex64", "complex128"),
)
SHAPES = [(), (0,), (3,), (2, 0, 3), (2, 3)]


def encoded(array: np.ndarray) -> bytes:
    return b"".join(tensor_parts("x", array))


def sample(dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [*NUMBERS, ml_dtypes.bfloat16], ids=str)
def test_every_type_and_shape_comes_back(dtype: Any, shape: tuple[int, ...]) -> None:
    array = sample(dtype, shape)
    back = tensor(encoded(array))
    assert back.dtype == array.dtype
    assert back.shape == shape
    assert (back == array).all()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_texts_and_bytes_come_back_as_bytes(shape: tuple[int, ...]) -> None:
    array = np.empty(shape, dtype=object)
    array[...] = "ü\0"
    back = tensor(encoded(array))
    assert back.shape == shape
    assert all(text == b"\xc3\xbc\x00" for text in back.ravel())


@given(
    st_numpy.arrays(st.sampled_from([np.float32, np.int64, np.bool_]), st_numpy.array_shapes(min_dims=0, min_side=0))
)
@settings(max_examples=100)
def test_what_is_written_is_what_protobuf_reads(array: np.ndarray) -> None:
    read = TensorProto.FromString(encoded(array))
    assert tuple(dim.size for dim in read.tensor_shape.dim) == array.shape
    assert read.tensor_content == array.tobytes()
    assert tensor(read.SerializeToString()).tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(np.arange(6, dtype=">f4").reshape(2, 3), id="big-endian"),
        pytest.param(np.arange(6, dtype=np.float32).reshape(2, 3).T, id="transposed"),
        pytest.param(np.arange(12, dtype=np.float32)[::2], id="strided"),
        pytest.param(np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)), id="columns-first"),
    ],
)
def test_memory_in_another_order_is_put_right(array: np.ndarray) -> None:
    assert (tensor(encoded(array)) == array).all()


def test_an_array_in_order_is_a_view_until_the_request_is_joined() -> None:
    array = np.zeros(1000, np.float32)
    values = tensor_parts("x", array)[-1]
    array[0] = 1.0
    assert np.frombuffer(values, np.float32)[0] == 1.0


@pytest.mark.parametrize(
    ("dtype", "field", "values", "expected"),
    [
        pytest.param(1, "float_val", [0.5, -1.0], np.array([0.5, -1.0], np.float32), id="floats"),
        pytest.param(2, "double_val", [0.1], np.array([0.1]), id="doubles"),
        pytest.param(3, "int_val", [1, 2, 127], np.array([1, 2, 127], np.int32), id="small-integers"),
        pytest.param(3, "int_val", [-1, 2, 2**31 - 1], np.array([-1, 2, 2**31 - 1], np.int32), id="integers"),
        pytest.param(6, "int_val", [-128], np.array([-128], np.int8), id="bytes"),
        pytest.param(9, "int64_val", [-(2**63), 7], np.array([-(2**63), 7], np.int64), id="longs"),
        pytest.param(23, "uint64_val", [2**64 - 1], np.array([2**64 - 1], np.uint64), id="unsigned-longs"),
        pytest.param(22, "uint32_val", [2**32 - 1], np.array([2**32 - 1], np.uint32), id="unsigned-integers"),
        pytest.param(10, "bool_val", [True, False], np.array([True, False]), id="booleans"),
        pytest.param(19, "half_val", [0x3800], np.array([0.5], np.float16), id="halves"),
        pytest.param(14, "half_val", [0x3F00], np.array([0.5], ml_dtypes.bfloat16), id="bfloat16"),
        pytest.param(8, "scomplex_val", [1.0, 2.0], np.array([1 + 2j], np.complex64), id="complex"),
        pytest.param(18, "dcomplex_val", [1.0, 2.0], np.array([1 + 2j]), id="double-complex"),
    ],
)
def test_values_in_their_own_field_are_read(dtype: int, field: str, values: list[Any], expected: np.ndarray) -> None:
    made = TensorProto(dtype=dtype)
    made.tensor_shape.dim.add(size=expected.size)
    getattr(made, field).extend(values)
    back = tensor(made.SerializeToString())
    assert back.dtype == expected.dtype
    assert (back == expected).all()


def test_values_that_are_not_packed_or_come_in_pieces_are_read() -> None:
    head = b"\x08\x01\x12\x04\x12\x02\x08\x02"
    one, two = (np.array([value], "<f4").tobytes() for value in (1.5, 2.5))
    assert tensor(head + b"\x2d" + one + b"\x2d" + two).tolist() == [1.5, 2.5]
    assert tensor(head + b"\x2a\x04" + one + b"\x2a\x04" + two).tolist() == [1.5, 2.5]
    assert tensor(b"\x08\x03\x12\x04\x12\x02\x08\x02" + b"\x38\x05\x38\x06").tolist() == [5, 6]


def test_the_last_value_stands_for_those_that_are_missing() -> None:
    made = TensorProto(dtype=1, float_val=[1.0, 2.0])
    made.tensor_shape.dim.add(size=4)
    assert tensor(made.SerializeToString()).tolist() == [1.0, 2.0, 2.0, 2.0]


def test_arrays_of_an_answer_are_read_only() -> None:
    for array in (np.zeros(3, np.float32), np.zeros(3, np.int64), np.array([b"a"], dtype=object)):
        assert not tensor(encoded(array)).flags.writeable


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"\x08", "does not end", id="cut-off-number"),
        pytest.param(b"\x22\x05abc", "cut off", id="cut-off-field"),
        pytest.param(b"\x0b", "wire type 3", id="unknown-wire-type"),
        pytest.param(b"\x08\x01\x22\x03abc", "no whole number of values", id="part-of-a-value"),
        pytest.param(b"\x08\x01\x12\x04\x12\x02\x08\x01\x22\x08abcdefgh", "2 values, and its shape", id="too-many"),
        pytest.param(b"\x08\x01\x12\x09\x12\x07\x08\x80\x80\x80\x80\x80\x01", "holds", id="huge-shape"),
        pytest.param(b"\xff" * 12, "does not end", id="endless-number"),
    ],
)
def test_bytes_that_are_no_tensor_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(DataLoss, match=words):
        tensor(data)


@given(st.binary(max_size=60))
@settings(max_examples=300)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        predict_response(data)
        tensor(data)
    except (DataLoss, InvalidArgument):
        pass


def test_a_request_holds_model_inputs_and_wanted_outputs() -> None:
    inputs = {"a": np.zeros((2, 1), np.float32), "b": np.array(["x"], dtype=object)}
    body = predict_request(model_spec(ModelRef("m", 3), "s"), inputs, ["y", "z"])
    read = message("tensorflow.serving.PredictRequest").FromString(body)
    assert (read.model_spec.name, read.model_spec.version.value, read.model_spec.signature_name) == ("m", 3, "s")
    assert sorted(read.inputs) == ["a", "b"]
    assert list(read.inputs["b"].string_val) == [b"x"]
    assert list(read.output_filter) == ["y", "z"]


def test_a_label_takes_the_place_of_a_version() -> None:
    spec = message("tensorflow.serving.ModelSpec").FromString(model_spec(ModelRef("m", label="stable")))
    assert spec.WhichOneof("version_choice") == "version_label"
    assert spec.version_label == "stable"


def test_an_answer_holds_outputs_and_the_version() -> None:
    made = message("tensorflow.serving.PredictResponse")()
    made.model_spec.version.value = 200
    made.model_spec.signature_name = "s"
    made.outputs["y"].CopyFrom(TensorProto.FromString(encoded(np.array([1.0], np.float32))))
    made.outputs["empty"].dtype = 7
    made.outputs["empty"].tensor_shape.dim.add(size=0)
    read = predict_response(made.SerializeToString())
    assert (read.version, read.signature) == (200, "s")
    assert read.outputs["y"].tolist() == [1.0]
    assert read.outputs["empty"].shape == (0,)


def test_what_has_no_form_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgument, match="datetime64"):
        tensor_parts("x", np.zeros(1, "datetime64[s]"))
    with pytest.raises(InvalidArgument, match="input 'x' holds 1 among its texts"):
        tensor_parts("x", np.array([1], dtype=object))
