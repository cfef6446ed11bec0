"""What is kept of training data: figures, checked against numpy, and never rows."""

from __future__ import annotations

import numpy as np
import pytest

from seaway.errors import InvalidArgument
from seaway.export.statistics import MAX_CATEGORIES, MAX_COLUMNS, SHARES, feature_of, statistics_of


def test_numbers_are_summed_up_as_numpy_does() -> None:
    values = np.random.default_rng(3).normal(5, 2, 1000)
    found = feature_of(values)
    assert (found.count, found.missing) == (1000, 0)
    assert found.mean == pytest.approx(values.mean())
    assert found.std == pytest.approx(values.std())
    assert (found.min, found.max) == (values.min(), values.max())
    assert list(found.quantiles.values()) == pytest.approx(np.quantile(values, SHARES))
    assert found.categories == {}


def test_missing_values_are_counted_and_left_out() -> None:
    found = feature_of(np.array([1.0, np.nan, 3.0, np.inf]))
    assert (found.count, found.missing, found.mean) == (2, 2, 2.0)
    nothing = feature_of(np.array([np.nan]))
    assert (nothing.count, nothing.missing, nothing.mean) == (0, 1, None)


def test_few_whole_numbers_and_words_are_counted_the_most_frequent_first() -> None:
    assert list(feature_of(np.array([2, 1, 2, 2, 1, 0])).categories.items()) == [("2", 3), ("1", 2), ("0", 1)]
    words = feature_of(np.array(["b", "a", "b", None, b"b"], object))
    assert (words.categories, words.count, words.missing) == ({"b": 3, "a": 1}, 4, 1)


def test_categories_are_bounded_and_the_others_counted() -> None:
    found = feature_of(np.array([f"w{index}" for index in range(MAX_CATEGORIES + 7)], object))
    assert (len(found.categories), found.other_categories) == (MAX_CATEGORIES, 7)


@pytest.mark.parametrize(
    ("data", "names"),
    [
        pytest.param(np.ones((4, 2)), ["x[0]", "x[1]"], id="matrix"),
        pytest.param(np.ones((4, 3, 3)), ["x"], id="images-are-one-feature"),
        pytest.param(np.ones((4, MAX_COLUMNS + 1)), ["x"], id="too-many-columns"),
        pytest.param({"a": np.ones(4), "b": np.ones((4, 2))}, ["a", "b[0]", "b[1]"], id="by-input"),
    ],
)
def test_a_feature_is_a_column(data: object, names: list[str]) -> None:
    found = statistics_of(data, "x")
    assert (found.rows, list(found.features)) == (4, names)


def test_columns_of_a_frame_keep_their_names() -> None:
    pandas = pytest.importorskip("pandas")
    found = statistics_of(pandas.DataFrame({"age": [1.0, 2.0], "city": ["a", "a"]}), "x")
    assert found.features["city"].categories == {"a": 2}
    assert found.features["age"].mean == 1.5


def test_no_rows_are_a_mistake() -> None:
    with pytest.raises(InvalidArgument, match="no rows"):
        statistics_of(np.ones((0, 2)), "x")
