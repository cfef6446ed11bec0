"""Which answers count as the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seaway.proof.agreement import compare, compare_arrays, compare_tensors
from seaway.protos import message

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("dtype", "base", "candidate", "agrees"),
    [
        ("float32", [1.0, 100.0], [1.0005, 100.0], True),
        ("float32", [1.0, 100.0], [1.02, 100.0], False),
        ("float32", [1e-6, 100.0], [2e-6, 100.0], True),
        ("float32", [1.0, 2.0], [1.01, 2.0], False),
        ("float32", [0.0, 0.0], [0.0, 1e-38], True),
        ("float32", [0.0, 0.0], [0.0, 1e-3], False),
        ("float32", [NAN, 1.0], [NAN, 1.0], True),
        ("float32", [INF, 1.0], [NAN, 1.0], True),
        ("float32", [NAN, 1.0], [0.0, 1.0], False),
        ("float32", [0.0, 1.0], [NAN, 1.0], False),
        ("float64", [1.0], [1.0 + 1e-7], True),
        ("float64", [1.0], [1.0 + 1e-4], False),
        ("float16", [1.0], [1.005], True),
        ("float16", [1.0], [1.05], False),
        ("complex64", [1 + 1j], [1 + 1.0005j], True),
        ("complex64", [1 + 1j], [1 + 2j], False),
        ("int32", [1, 2], [1, 2], True),
        ("int32", [1, 2], [1, 3], False),
        ("bool", [True], [False], False),
        ("float32", [], [], True),
    ],
)
def test_floats_may_differ_within_the_tolerance_of_their_type_and_others_not_at_all(
    dtype: str, base: list[Any], candidate: list[Any], agrees: bool
) -> None:
    found = compare_arrays(np.array(base, dtype), np.array(candidate, dtype))
    assert (found.difference == "") is agrees, found


def test_a_difference_names_how_many_values_differ_and_one_of_them() -> None:
    found = compare_arrays(np.array([1.0, 2.0], np.float32), np.array([1.0, 3.0], np.float32))
    assert found.difference == "1 of 2 values differ, for instance 3.0 instead of 2.0"
    assert found.largest == pytest.approx(0.5)


def tensor(dtype: int, shape: list[int], **values: Any) -> Any:
    proto = message("tensorflow.TensorProto")(dtype=dtype, **values)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize(
    ("base", "candidate", "difference"),
    [
        (tensor(1, [2], float_val=[1, 2]), tensor(1, [2], tensor_content=np.float32([1, 2]).tobytes()), ""),
        (tensor(1, [3], float_val=[5]), tensor(1, [3], float_val=[5, 5, 5]), ""),
        (tensor(3, [1], int_val=[5]), tensor(3, [1], int_val=[6]), "1 of 1 values differ, for instance 6 instead of 5"),
        (tensor(19, [1], half_val=[0x3C00]), tensor(19, [1], tensor_content=np.float16([1]).tobytes()), ""),
        (tensor(8, [1], scomplex_val=[1, 2]), tensor(8, [1], scomplex_val=[1, 2]), ""),
        (tensor(7, [1], string_val=[b"a"]), tensor(7, [1], string_val=[b"a"]), ""),
        (tensor(7, [1], string_val=[b"a"]), tensor(7, [1], string_val=[b"b"]), "other values"),
        (tensor(14, [1], tensor_content=b"\x80\x3f"), tensor(14, [1], half_val=[0x3F80]), ""),
        (tensor(14, [2], half_val=[0x7FC0, 0]), tensor(14, [2], half_val=[0x7FC0, 0]), ""),
        (tensor(14, [2], half_val=[0x3F80, 1]), tensor(14, [2], half_val=[0x3F80, 2]), "1 of 2 values differ"),
        (tensor(14, [1], half_val=[0x3F81]), tensor(14, [1], half_val=[0x3F80]), "1 of 1 values differ, for instance"),
        (tensor(12, [1], tensor_content=b"\xff"), tensor(12, [1], int_val=[255]), ""),
        (tensor(20, [1], int_val=[1]), tensor(20, [1], int_val=[1]), ""),
        (tensor(20, [1], int_val=[1]), tensor(20, [1], int_val=[2]), "other values"),
        (tensor(1, [1, 2], float_val=[1, 2]), tensor(1, [2], float_val=[1, 2]), "shape [2] instead of [1, 2]"),
        (tensor(1, [1], float_val=[1]), tensor(2, [1], double_val=[1]), "element type 2 instead of 1"),
        (tensor(1, [0]), tensor(1, [0]), ""),
    ],
)
def test_tensors_are_compared_however_their_values_are_written(base: Any, candidate: Any, difference: str) -> None:
    found = compare_tensors(base, candidate).difference
    assert found.startswith(difference)
    assert bool(found) == bool(difference)


def response(**outputs: float) -> Any:
    made = message("tensorflow.serving.PredictResponse")()
    for name, value in outputs.items():
        made.outputs[name].CopyFrom(tensor(1, [1], float_val=[value]))
    return made


def test_answers_must_have_the_same_outputs_and_the_one_that_differs_is_named() -> None:
    assert compare(response(a=1, b=2), response(a=1, b=2)).difference == ""
    assert compare(response(a=1, b=2), response(a=1)).difference == "outputs ['a'] instead of ['a', 'b']"
    assert compare(response(a=1, b=2), response(a=1, b=3)).difference.startswith("output 'b': 1 of 1 values differ")
