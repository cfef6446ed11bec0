"""Which values become which type, and which are refused."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from seaway.client.conversion import array_for
from seaway.client.signature import TensorSpec
from seaway.errors import InvalidArgument

FLOAT, DOUBLE, INT32, INT8, TEXT, INT64, BOOL, BFLOAT16, HALF, COMPLEX = 1, 2, 3, 6, 7, 9, 10, 14, 19, 8


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        pytest.param(FLOAT, [0.1, 1], np.array([0.1, 1], np.float32), id="python-floats-are-rounded"),
        pytest.param(FLOAT, 1.5, np.array(1.5, np.float32), id="python-number"),
        pytest.param(FLOAT, np.float64(0.1), np.array(0.1, np.float32), id="a-double-scalar-is-a-python-float"),
        pytest.param(FLOAT, [1, 2], np.array([1, 2], np.float32), id="python-integers-become-floats"),
        pytest.param(FLOAT, [], np.zeros(0, np.float32), id="empty-list"),
        pytest.param(INT32, [], np.zeros(0, np.int32), id="empty-list-of-integers"),
        pytest.param(FLOAT, np.array([3], np.uint8), np.array([3], np.float32), id="bytes-are-exact-floats"),
        pytest.param(FLOAT, np.array([2**24]), np.array([2**24], np.float32), id="exact-integers-become-floats"),
        pytest.param(DOUBLE, np.array([0.5], np.float32), np.array([0.5]), id="widened"),
        pytest.param(INT32, np.array([7], np.int64), np.array([7], np.int32), id="integers-that-fit"),
        pytest.param(INT32, np.array([True]), np.array([1], np.int32), id="booleans-are-integers"),
        pytest.param(BOOL, [True, False], np.array([True, False]), id="booleans"),
        pytest.param(BFLOAT16, [0.1], np.array([0.1], ml_dtypes.bfloat16), id="bfloat16-from-python"),
        pytest.param(FLOAT, np.array([1], ml_dtypes.bfloat16), np.array([1], np.float32), id="bfloat16-widened"),
        pytest.param(HALF, [0.1], np.array([0.1], np.float16), id="half-from-python"),
        pytest.param(COMPLEX, [1.5, 1j], np.array([1.5, 1j], np.complex64), id="complex-from-python"),
        pytest.param(COMPLEX, np.array([1.5], np.float32), np.array([1.5], np.complex64), id="floats-become-complex"),
        pytest.param(FLOAT, [float("inf")], np.array([np.inf], np.float32), id="infinity-stays"),
    ],
)
def test_a_value_that_loses_nothing_is_converted(dtype: int, value: object, expected: np.ndarray) -> None:
    made = array_for(TensorSpec("x", dtype, None), value)
    assert made.dtype == expected.dtype
    assert made.shape == expected.shape
    assert (made == expected).all()


@pytest.mark.parametrize(
    ("dtype", "value", "words"),
    [
        pytest.param(FLOAT, np.array([0.1]), r"takes float32, found float64: .*\.astype\(np.float32\)", id="narrower"),
        pytest.param(FLOAT, np.array([2**24 + 1]), "found the int64 16777217", id="integer-beyond-the-mantissa"),
        pytest.param(FLOAT, [1e300], r"found 1e\+300: it is beyond", id="beyond-the-largest"),
        pytest.param(INT32, [1.0], "takes int32, found float64", id="float-to-integer"),
        pytest.param(INT32, np.array([2**31]), "found the int64 2147483648: keep within", id="too-large"),
        pytest.param(INT8, [-129], "-129: keep within -128 to 127", id="too-small"),
        pytest.param(BOOL, [1], "takes bool, found int64: compare with zero", id="integer-to-boolean"),
        pytest.param(TEXT, [1], "takes string, found int64", id="number-to-text"),
        pytest.param(FLOAT, ["1"], "takes float32, found object: give numbers", id="text-to-number"),
        pytest.param(FLOAT, [1j], "takes float32, found complex128", id="complex-to-float"),
        pytest.param(FLOAT, [[1.0], [1.0, 2.0]], "is no array", id="ragged"),
    ],
)
def test_a_value_that_would_lose_something_is_refused(dtype: int, value: object, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        array_for(TensorSpec("x", dtype, None), value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(["a", b"b"], id="list"),
        pytest.param(np.array(["a", "b"]), id="fixed-width"),
        pytest.param(np.array([b"a", b"b"]), id="fixed-width-bytes"),
        pytest.param(np.array(["a", "b"], dtype=object), id="objects"),
    ],
)
def test_texts_become_arrays_of_objects(value: Any) -> None:
    made = array_for(TensorSpec("x", TEXT, None), value)
    assert made.dtype == object
    assert [text if isinstance(text, bytes) else text.encode() for text in made] == [b"a", b"b"]


def test_a_text_that_ends_in_zeros_keeps_them() -> None:
    assert array_for(TensorSpec("x", TEXT, None), ["a\0", b"b\0"]).tolist() == ["a\0", b"b\0"]


def test_a_single_text_is_no_list_of_letters() -> None:
    assert array_for(TensorSpec("x", TEXT, None), "abc").shape == ()


def test_an_array_of_the_right_type_is_not_copied() -> None:
    array = np.zeros(3, np.float32)
    assert array_for(TensorSpec("x", FLOAT, None), array) is array
