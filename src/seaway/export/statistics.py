"""What training data looked like, feature by feature: pure. It is the baseline that later requests are compared with.

A feature is a column of a matrix or a data frame. Data of more dimensions, or of very many columns, is one feature for
each input: a mean for each pixel tells nobody anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from seaway.engines.engine import Array
from seaway.errors import InvalidArgument
from seaway.export.examples import frame_column, is_frame
from seaway.proof.passport import Feature, Statistics

SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
MAX_COLUMNS = 512
MAX_CATEGORIES = 50
_FEW_VALUES = 20
_MATRIX = 2


def statistics_of(data: Any, name: str, columns: Any = None) -> Statistics:
    """Return the statistics of data that a model was trained on; `name` is that of the only input.

    Raises:  InvalidArgument - the data is neither rows nor rows by name, or has none.
    """
    features: dict[str, Feature] = {}
    rows = 0
    for input_name, array in _inputs(data, name):
        if not array.size:
            raise InvalidArgument(f"data of {input_name!r} has no rows; give what the model was trained on")
        rows = max(rows, array.shape[0])
        features |= {feature: feature_of(values) for feature, values in _features(input_name, array, columns)}
    return Statistics(rows, features)


def feature_of(values: Array) -> Feature:
    """Return the statistics of one feature's values, of any shape."""
    flat = values.ravel()
    if flat.dtype.kind not in "biuf":
        return _words(flat)
    numbers = flat.astype(np.float64)
    present = numbers[np.isfinite(numbers)]
    missing = int(flat.size - present.size)
    if not present.size:
        return Feature(0, missing)
    quantiles = dict(zip(map(str, SHARES), map(float, np.quantile(present, SHARES)), strict=True))
    return Feature(
        int(present.size),
        missing,
        float(present.mean()),
        float(present.std()),
        float(present.min()),
        float(present.max()),
        quantiles,
        _few(flat, present),
    )


def _inputs(data: Any, name: str) -> Iterator[tuple[str, Array]]:
    if is_frame(data):
        yield from ((str(column), frame_column(data[column])) for column in data.columns)
    elif isinstance(data, Mapping):
        yield from ((str(each), np.asarray(value)) for each, value in data.items())
    else:
        yield name, np.asarray(data.numpy() if hasattr(data, "numpy") else data)


def _features(name: str, array: Array, columns: Any) -> Iterator[tuple[str, Array]]:
    if array.ndim != _MATRIX or array.shape[1] > MAX_COLUMNS or array.shape[1] == 1:
        yield name, array
        return
    names = [f"{name}[{index}]" for index in range(array.shape[1])]
    if columns is not None and len(columns) == array.shape[1]:
        names = [str(column) for column in columns]
    yield from ((feature, array[:, index]) for index, feature in enumerate(names))


def _few(flat: Array, present: Array) -> dict[str, int]:
    """Return how often each value came where there are few, and all of them are whole."""
    found, counts = np.unique(present, return_counts=True)
    is_whole = flat.dtype.kind in "biu" or bool((found == np.round(found)).all())
    if not is_whole or found.size > _FEW_VALUES:
        return {}
    order = np.argsort(-counts, kind="stable")
    return {f"{found[index]:g}": int(counts[index]) for index in order}


def _words(flat: Array) -> Feature:
    present = [each.decode(errors="replace") if isinstance(each, bytes) else str(each) for each in flat.tolist()]
    counted = Counter(each for each in present if each not in {"nan", "None", ""})
    most = counted.most_common(MAX_CATEGORIES)
    total = counted.total()
    return Feature(
        total,
        len(present) - total,
        categories=dict(most),
        other_categories=total - sum(count for _, count in most),
    )
