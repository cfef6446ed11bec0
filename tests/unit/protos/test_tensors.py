"""Arrays come out of a TensorProto as they went in, in every type and in each way in which it may hold its values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seaway.engines.engine import Array
from seaway.errors import InvalidArgument
from seaway.protos import message
from seaway.protos.tensors import ELEMENT_TYPES, array_of, proto_of, put_array, put_values, tensor_of
from tests.support.request_log_files import tensor

FLOATS = ("float16", "float32", "float64", "complex64", "complex128", "bool")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
TYPES = (*FLOATS, *INTEGERS)


NUMBERS = sorted(set(ELEMENT_TYPES) - {"string"})


def proto(dtype: int = 0, shape: tuple[int, ...] = (), **values: Any) -> Any:
    made = message("tensorflow.TensorProto")(dtype=dtype, **values)
    for size in shape:
        made.tensor_shape.dim.add(size=size)
    return made


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3)])
def test_an_array_comes_back_in_type_shape_and_values(name: str, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(1).integers(0, 2, shape).astype(name)
    put_array(tensor := proto(), array)
    back = array_of(tensor)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert np.array_equal(back, array)


def test_big_endian_and_strided_arrays_are_written_in_order() -> None:
    array = np.arange(6, dtype=">f4").reshape(2, 3)[:, ::-1]
    put_array(tensor := proto(), array)
    assert array_of(tensor).tolist() == [[2.0, 1.0, 0.0], [5.0, 4.0, 3.0]]


def test_text_becomes_bytes() -> None:
    words = np.array([["ä", b"\xff"]], object)
    put_array(tensor := proto(), words)
    assert array_of(tensor).tolist() == [["ä".encode(), b"\xff"]]


@pytest.mark.parametrize(
    "array",
    [np.array([object()], object), np.array(["2020-01-01"], "datetime64[D]")],
    ids=["objects", "dates"],
)
def test_what_the_wire_lacks_is_refused(array: Array) -> None:
    with pytest.raises(InvalidArgument, match="cannot be written"):
        put_array(proto(), array)


@pytest.mark.parametrize("dtype", ELEMENT_TYPES)
def test_every_element_type_is_written_and_read_in_both_forms(dtype: str) -> None:
    made = tensor(dtype)
    put_values(content := proto(), ELEMENT_TYPES[dtype].number, made.values.reshape(made.shape))
    assert proto_of(tensor_of(content)) == proto_of(made)
    assert array_of(proto_of(made)).shape == made.shape


@pytest.mark.parametrize("dtype", NUMBERS)
def test_raw_content_is_little_endian_and_as_wide_as_the_type(dtype: str) -> None:
    made = tensor(dtype)
    put_values(content := proto(), ELEMENT_TYPES[dtype].number, made.values.reshape(made.shape))
    raw = made.values.view(np.uint16)[1::2] if dtype == "bfloat16" else made.values
    assert content.tensor_content == raw.tobytes()


def test_the_last_value_of_a_field_stands_for_those_that_are_missing() -> None:
    assert array_of(proto(1, (2, 2), float_val=[1.0, 2.0])).tolist() == [[1.0, 2.0], [2.0, 2.0]]
    assert array_of(proto(1, (4,))).tolist() == [0.0] * 4
    assert array_of(proto(7, (2,))).tolist() == [b"", b""]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(proto(20, (1,)), "data type 20, whose values have no numpy form", id="no-such-type"),
        pytest.param(proto(3, (1, 2), int_val=[1, 2, 3, 4]), r"shape \[1, 2\] holds 4 values", id="too-many"),
        pytest.param(proto(1, (2,), tensor_content=b"1234"), r"of shape \[2\] holds 1 values", id="content-too-short"),
        pytest.param(proto(1, (1,), tensor_content=b"123"), "of a float32 tensor cannot be read", id="half-a-value"),
        pytest.param(proto(7, (1,), tensor_content=b"1"), "which only numbers can have", id="strings-in-content"),
        pytest.param(proto(1, (-1, -1), float_val=[1.0]), "has no free dimension", id="free-dimension"),
    ],
)
def test_what_cannot_be_read_is_refused(given: Any, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        array_of(given)
