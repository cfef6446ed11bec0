"""From what a caller gives as examples to the requests that are recorded."""

from __future__ import annotations

import numpy as np
import pytest

from seaway.engines.signatures import Signature, TensorSpec
from seaway.errors import InvalidArgument
from seaway.export.examples import JOINED_ROWS, MAX_BYTES, SINGLE_ROWS, given_examples, requests

ROWS = Signature({"x": TensorSpec(1, (-1, 2))}, {})
PAIR = Signature({"a": TensorSpec(1, (-1,)), "b": TensorSpec(9, (-1,))}, {})
FIXED = Signature({"x": TensorSpec(1, (3, 2))}, {})
WORDS = Signature({"w": TensorSpec(7, (-1, 1))}, {})


class TestGiven:
    """The forms that examples come in."""

    def test_an_array_is_rows_of_the_only_input(self) -> None:
        given = given_examples([[1.0, 2.0]])
        assert given.only is not None
        assert given.only[0] == ""
        assert given.only[1].shape == (1, 2)

    def test_a_mapping_names_inputs_and_one_of_mappings_signatures(self) -> None:
        assert set(given_examples({"a": [1], "b": [2]}).named) == {"a", "b"}
        nested = given_examples({"serving_default": {"a": [1]}, "other": {"b": [2]}})
        assert (set(nested.named), set(nested.others["other"])) == ({"a"}, {"b"})

    def test_none_is_no_example_and_an_empty_mapping_a_mistake(self) -> None:
        assert given_examples(None).is_empty
        with pytest.raises(InvalidArgument, match="is empty"):
            given_examples({})

    def test_a_frame_of_numbers_is_a_matrix_and_one_of_several_types_has_columns(self) -> None:
        pandas = pytest.importorskip("pandas")
        assert given_examples(pandas.DataFrame({"a": [1.0], "b": [2]})).only[1].shape == (1, 2)  # type: ignore[index]
        mixed = given_examples(pandas.DataFrame({"age": [1.5, 2.5], "city": ["x", "y"]}))
        assert mixed.is_frame
        assert mixed.only is None
        assert mixed.named["city"].tolist() == [["x"], ["y"]]

    def test_what_is_no_array_is_refused(self) -> None:
        with pytest.raises(InvalidArgument, match=r"examples\['x'\]"):
            given_examples({"x": [[1], [2, 3]]})
        with pytest.raises(InvalidArgument, match="datetime64"):
            given_examples(np.array(["2020-01-01"], "datetime64[D]"))


class TestRequests:
    """What is made of rows for a signature."""

    @pytest.mark.parametrize(
        ("rows", "expected"),
        [
            pytest.param(1, [1], id="one-row"),
            pytest.param(3, [1, 1, 1, 3], id="each-row-and-all-together"),
            pytest.param(100, [1] * SINGLE_ROWS + [JOINED_ROWS], id="not-more-than-the-bound"),
        ],
    )
    def test_rows_are_recorded_one_by_one_and_joined(self, rows: int, expected: list[int]) -> None:
        found = requests(ROWS, {"x": np.ones((rows, 2), np.float32)})
        assert [each["x"].shape[0] for each in found] == expected

    def test_a_fixed_shape_is_one_request(self) -> None:
        assert [each["x"].shape for each in requests(FIXED, {"x": np.ones((3, 2))})] == [(3, 2)]

    def test_bytes_are_bounded_and_one_request_is_always_there(self) -> None:
        wide = MAX_BYTES // 4 // 3
        signature = Signature({"x": TensorSpec(1, (-1, wide))}, {})
        assert len(requests(signature, {"x": np.zeros((9, wide), np.float32)})) == 3
        huge = Signature({"x": TensorSpec(1, (-1, 2 * MAX_BYTES))}, {})
        assert len(requests(huge, {"x": np.zeros((2, 2 * MAX_BYTES), np.float32)})) == 1

    def test_types_become_those_of_the_signature_where_nothing_is_lost(self) -> None:
        [found] = requests(PAIR, {"a": np.array([1.5]), "b": np.array([2.0])})
        assert (found["a"].dtype, found["b"].dtype) == (np.float32, np.int64)
        assert requests(WORDS, {"w": np.array([["ä"]])})[0]["w"].tolist() == [["ä".encode()]]

    @pytest.mark.parametrize(
        ("signature", "rows", "why"),
        [
            pytest.param(ROWS, {"y": np.ones((1, 2))}, "have an input 'y'; inputs are: x", id="unknown"),
            pytest.param(PAIR, {"a": np.ones(1)}, "lack the input 'b'", id="missing"),
            pytest.param(PAIR, {"a": np.ones(1), "b": np.ones(2)}, "different numbers of rows", id="uneven"),
            pytest.param(PAIR, {"a": np.ones(1), "b": np.array([1.5])}, "do not become int64", id="fractions"),
            pytest.param(ROWS, {"x": np.ones((1, 3))}, r"shape \[1,3\]; expected \[\?,2\]", id="shape"),
            pytest.param(ROWS, {"x": np.ones(2)}, "needs its leading dimension", id="no-rows-dimension"),
            pytest.param(ROWS, {"x": np.ones((0, 2))}, "have no rows", id="empty"),
            pytest.param(ROWS, {"x": np.array([["a", "b"]])}, "expected float32", id="words"),
            pytest.param(WORDS, {"w": np.ones((1, 1))}, "expected string", id="numbers"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, signature: Signature, rows: dict[str, np.ndarray], why: str) -> None:
        with pytest.raises(InvalidArgument, match=why):
            requests(signature, rows)
