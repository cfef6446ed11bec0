"""Element types in numpy's words."""

from __future__ import annotations

import numpy as np
import pytest

from seaway.engines.element_types import NUMPY, STRING, number_named, number_of, shown
from seaway.worker.protocol import DType


def test_every_number_is_one_of_the_wire_and_means_the_same() -> None:
    named = {DType.FLOAT: "float32", DType.DOUBLE: "float64", DType.HALF: "float16", DType.STRING: "object"}
    for number, dtype in NUMPY.items():
        assert dtype.name == named.get(DType(number), DType(number).name.lower())


@pytest.mark.parametrize("number", [number for number in NUMPY if number != STRING])
def test_a_type_is_found_by_its_array_and_its_name(number: int) -> None:
    assert number_of(np.zeros(1, NUMPY[number])) == number
    assert number_named(shown(number)) == number


@pytest.mark.parametrize("values", [np.array([b"a"]), np.array(["a"]), np.array([b"a"], object)])
def test_text_and_bytes_are_strings(values: np.ndarray) -> None:
    assert number_of(values) == STRING


def test_the_byte_order_of_an_array_does_not_matter() -> None:
    assert number_of(np.zeros(1, ">f4")) == DType.FLOAT


def test_what_the_wire_lacks_has_no_number() -> None:
    assert number_of(np.zeros(1, "datetime64[s]")) is None
    assert number_named("bfloat16") is None
    assert number_named("object") is None
