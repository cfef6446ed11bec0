"""Where batches are cut, and what may be joined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.client.signature import Signature, TensorSpec
from seaway.client.splitting import Limits, Part, inputs_with_rows, joined, parts_of
from seaway.errors import FailedPrecondition, InvalidArgument

ROWS = {"x": np.zeros((10, 4), np.float32)}
TEXTS = {"x": np.array([b"a" * size for size in (100, 100, 900, 10, 10)], dtype=object)}


@pytest.mark.parametrize(
    ("arrays", "limits", "parts"),
    [
        pytest.param(ROWS, Limits(), [], id="no-limit"),
        pytest.param(ROWS, Limits(max_rows=10), [], id="exactly-the-limit"),
        pytest.param(ROWS, Limits(max_rows=4), [(0, 4), (4, 8), (8, 10)], id="rows"),
        pytest.param(ROWS, Limits(max_bytes=1000), [], id="small-enough"),
        pytest.param(ROWS, Limits(max_bytes=512 + 64), [(0, 4), (4, 8), (8, 10)], id="bytes"),
        pytest.param(ROWS, Limits(3, 512 + 64), [(0, 3), (3, 6), (6, 9), (9, 10)], id="the-smaller-of-both"),
        pytest.param(TEXTS, Limits(max_bytes=1512), [(0, 2), (2, 5)], id="texts-by-their-own-size"),
        pytest.param(TEXTS, Limits(max_rows=2), [(0, 2), (2, 4), (4, 5)], id="texts-by-rows"),
    ],
)
def test_a_batch_is_cut_at_its_limits(arrays: Mapping[str, Any], limits: Limits, parts: list[Any]) -> None:
    assert [(part.start, part.stop) for part in parts_of(arrays, None, limits)] == parts


@pytest.mark.parametrize(
    ("arrays", "limits", "words"),
    [
        pytest.param({"a": np.zeros(9), "b": np.zeros(8)}, Limits(4), "cannot be split into rows", id="unequal-rows"),
        pytest.param({"a": np.zeros(())}, Limits(max_bytes=1), "no input has a free first dimension", id="no-rows"),
        pytest.param(ROWS, Limits(max_bytes=520), "one row has 16 bytes, and .* leaves 8", id="one-row-too-large"),
        pytest.param(TEXTS, Limits(max_bytes=900), "one row has 906 bytes", id="one-text-too-large"),
    ],
)
def test_what_cannot_be_cut_is_refused(arrays: Mapping[str, Any], limits: Limits, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        parts_of(arrays, None, limits)


def test_an_input_whose_first_dimension_is_fixed_goes_with_every_part() -> None:
    signature = Signature("s", {"x": TensorSpec("x", 1, (-1, 4)), "w": TensorSpec("w", 1, (4,))}, {})
    arrays = {**ROWS, "w": np.zeros(4, np.float32)}
    cut = inputs_with_rows(arrays, signature)
    (first, *_) = parts_of(arrays, signature, Limits(max_rows=5))
    part = first.of(arrays, cut)
    assert (part["x"].shape, part["w"].shape) == ((5, 4), (4,))
    assert np.shares_memory(part["x"], arrays["x"])


def test_an_output_without_the_rows_of_its_part_is_not_joined() -> None:
    with pytest.raises(FailedPrecondition, match="output 'mean' of shape"):
        joined([Part(0, 2), Part(2, 4)], [{"mean": np.zeros(())}, {"mean": np.zeros(())}])


@given(st.integers(1, 50), st.integers(1, 60), st.integers(513, 2000))
def test_joining_what_was_cut_gives_the_batch(rows: int, max_rows: int, max_bytes: int) -> None:
    arrays = {"x": np.arange(rows, dtype=np.uint8)}
    parts = parts_of(arrays, None, Limits(max_rows, max_bytes))
    cut = inputs_with_rows(arrays, None)
    if parts:
        assert (joined(parts, [part.of(arrays, cut) for part in parts])["x"] == arrays["x"]).all()
        assert all(part.stop - part.start <= max_rows for part in parts)
    else:
        assert rows <= max_rows
