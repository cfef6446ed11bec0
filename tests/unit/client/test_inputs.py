"""One array, dicts and keywords; what the signature refuses before anything is sent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seaway.client.inputs import checked_inputs, named_inputs
from seaway.client.signature import Signature, TensorSpec
from seaway.errors import InvalidArgument

X = TensorSpec("x", 1, (-1, 3))
ONE = Signature("serving_default", {"x": X}, {"y": TensorSpec("y", 1, (-1, 2))})
TWO = Signature("two", {"a": TensorSpec("a", 1, (-1,)), "b": TensorSpec("b", 1, (-1,))}, {})
WITH_DEFAULT = Signature("d", TWO.inputs, {}, optional=frozenset({"b"}))


@pytest.mark.parametrize(
    ("value", "named", "signature", "expected"),
    [
        pytest.param(1.0, {}, ONE, {"x": 1.0}, id="one-array"),
        pytest.param({"x": 1.0}, {}, ONE, {"x": 1.0}, id="dict"),
        pytest.param(None, {"x": 1.0}, ONE, {"x": 1.0}, id="keywords"),
        pytest.param(None, {}, ONE, {}, id="nothing"),
        pytest.param(1.0, {}, WITH_DEFAULT, {"a": 1.0}, id="the-one-that-has-no-default"),
        pytest.param({"x": 1.0}, {}, None, {"x": 1.0}, id="dict-without-a-signature"),
    ],
)
def test_inputs_get_their_names(
    value: object, named: dict[str, Any], signature: Signature | None, expected: Any
) -> None:
    assert named_inputs(value, named, signature) == expected


@pytest.mark.parametrize(
    ("value", "named", "signature", "words"),
    [
        pytest.param(1.0, {"x": 1.0}, ONE, "both at once and as keywords", id="both-ways"),
        pytest.param(1.0, {}, TWO, r"has 2 inputs \(a: float32 \(\?,\), b: float32", id="several-inputs"),
        pytest.param(1.0, {}, None, "does not tell the signature", id="no-signature"),
    ],
)
def test_what_cannot_be_named_is_refused(value: object, named: Any, signature: Signature | None, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        named_inputs(value, named, signature)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        pytest.param({"z": 1.0}, r"has no input 'z'; it takes x: float32 \(\?, 3\)", id="unknown"),
        pytest.param({}, "input 'x' of signature 'serving_default' is missing", id="missing"),
        pytest.param({"x": np.zeros((2, 4), np.float32)}, r"takes the shape \(\?, 3\), found \(2, 4\)", id="shape"),
        pytest.param({"x": np.zeros(3, np.float32)}, r"x\[np.newaxis\]", id="a-row-without-a-batch"),
        pytest.param({"x": np.zeros((1, 3))}, "takes float32, found float64", id="type"),
    ],
)
def test_what_does_not_fit_the_signature_is_refused(inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        checked_inputs(inputs, ONE)


def test_the_check_of_shapes_can_be_left_to_the_server() -> None:
    assert checked_inputs({"x": [1.0, 2.0]}, ONE, "dtypes")["x"].dtype == np.float32
    assert checked_inputs({"x": [1.0, 2.0]}, ONE, "none")["x"].dtype == np.float64


def test_an_input_with_a_default_may_be_missing() -> None:
    assert list(checked_inputs({"a": [1.0]}, WITH_DEFAULT)) == ["a"]


@pytest.mark.parametrize(
    ("own", "given", "fits"),
    [((-1, 3), (7, 3), True), ((-1, 3), (7,), False), (None, (1, 2), True), ((), (), True), ((2,), (3,), False)],
)
def test_a_shape_fits_where_every_fixed_dimension_is_the_same(own: Any, given: tuple[int, ...], fits: bool) -> None:
    assert TensorSpec("x", 1, own).fits(given) is fits
