"""From the examples that a caller gives to the requests that are recorded: pure.

    an array                       rows of the only input
    {"image": array, ...}          rows of each input of `serving_default`
    {"signature": {"x": array}}    rows for several signatures
    a data frame                   rows of one matrix where all columns are numbers, else an input for each column

A few rows by themselves and some of them together are recorded: what a version is proven by is replayed at each load,
so it is bounded in number and bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seaway.engines.element_types import NUMPY, STRING, shown
from seaway.engines.engine import Array
from seaway.engines.signatures import DEFAULT, FREE, Signature, TensorSpec, fits, shown_shape
from seaway.errors import InvalidArgument

Inputs = dict[str, Array]

SINGLE_ROWS = 8
JOINED_ROWS = 16
MAX_BYTES = 8 << 20
"""Of the inputs of one signature; a single request may be larger."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was given as examples."""

    rows: Array | None = None
    """Of an input whose name was not said."""
    named: Mapping[str, Array] = field(default_factory=dict)
    """By input of `serving_default`."""
    others: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    """By signature and input."""
    is_frame: bool = False
    """Whether `named` are the columns of a data frame, each as a column of its own."""

    @property
    def is_empty(self) -> bool:
        """Whether there are no examples."""
        return self.rows is None and not self.named and not self.others

    @property
    def only(self) -> tuple[str, Array] | None:
        """Name (perhaps empty) and rows of the only input, None where there are several or none."""
        if self.rows is not None:
            return "", self.rows
        return next(iter(self.named.items())) if len(self.named) == 1 and not self.is_frame else None


def given_examples(examples: object) -> Given:
    """Return examples in one form.

    Raises:  InvalidArgument - they are neither rows nor rows by name.
    """
    if examples is None:
        return Given()
    if is_frame(examples):
        return _of_frame(examples)
    if not isinstance(examples, Mapping):
        return Given(rows=_array(examples, "examples"))
    if not examples:
        raise InvalidArgument("examples is empty; give rows by the input's name, or leave it out")
    if all(isinstance(value, Mapping) for value in examples.values()):
        by_signature = {str(name): _arrays(inputs) for name, inputs in examples.items()}
        return Given(named=by_signature.pop(DEFAULT, {}), others=by_signature)
    return Given(named=_arrays(examples))


def is_frame(value: Any) -> bool:
    """Tell whether something is a pandas data frame, without importing pandas."""
    return type(value).__name__ == "DataFrame" and hasattr(value, "columns") and hasattr(value, "to_numpy")


def frame_column(column: Any) -> Array:
    """Return a column of a data frame; words are objects."""
    array = np.asarray(column.to_numpy())
    return array if array.dtype.kind in "biuf" else np.asarray([str(each) for each in array], object)


def requests(signature: Signature, rows: Mapping[str, Array]) -> list[Inputs]:
    """Return the requests to record of rows that were given for a signature.

    Raises:  InvalidArgument - names, types, shapes or numbers of rows do not fit it; says which and what is expected.
    """
    checked = {name: _fitting(name, array, signature) for name, array in rows.items()}
    if missing := sorted(set(signature.inputs) - set(checked)):
        raise InvalidArgument(f"examples lack the input {missing[0]!r}; inputs are: {', '.join(signature.inputs)}")
    if not checked or not all(_is_free(spec) for spec in signature.inputs.values()):
        return [checked] if checked else []
    counts = {name: array.shape[0] for name, array in checked.items()}
    if len(set(counts.values())) > 1:
        raise InvalidArgument(f"examples have different numbers of rows: {counts}; give as many of each input")
    return list(_bounded(_cut(checked, min(counts.values()))))


def _cut(rows: Inputs, count: int) -> Iterator[Inputs]:
    if not count:
        raise InvalidArgument("examples have no rows; give at least one, or leave examples out")
    for index in range(min(count, SINGLE_ROWS)):
        yield {name: array[index : index + 1] for name, array in rows.items()}
    if count > 1:
        yield {name: array[:JOINED_ROWS] for name, array in rows.items()}


def _bounded(inputs: Iterator[Inputs]) -> Iterator[Inputs]:
    total = 0
    for each in inputs:
        size = sum(array.nbytes for array in each.values())
        if total and total + size > MAX_BYTES:
            return
        total += size
        yield each


def _fitting(name: str, array: Array, signature: Signature) -> Array:
    spec = signature.inputs.get(name)
    if spec is None:
        raise InvalidArgument(f"examples have an input {name!r}; inputs are: {', '.join(sorted(signature.inputs))}")
    typed = _typed(name, array, spec)
    if spec.shape is not None and not fits(typed.shape, spec.shape):
        hint = "; an example needs its leading dimension too" if typed.ndim == len(spec.shape) - 1 else ""
        shapes = f"{shown_shape(typed.shape)}; expected {shown_shape(spec.shape)}"
        raise InvalidArgument(f"examples of input {name!r} have shape {shapes}{hint}")
    return typed


def _typed(name: str, array: Array, spec: TensorSpec) -> Array:
    is_text = array.dtype.kind in "OSU"
    if is_text != (spec.dtype == STRING):
        raise InvalidArgument(f"examples of input {name!r} are {array.dtype}; expected {shown(spec.dtype)}")
    if is_text:
        return _texts(array)
    dtype = NUMPY.get(spec.dtype)
    if dtype is None or not (np.can_cast(array.dtype, dtype, "same_kind") or _loses_nothing(array, dtype)):
        raise InvalidArgument(
            f"examples of input {name!r} are {array.dtype}, which do not become {shown(spec.dtype)} unchanged; "
            "convert them"
        )
    return array.astype(dtype)


def _loses_nothing(array: Array, dtype: np.dtype[Any]) -> bool:
    return bool(np.array_equal(array.astype(dtype).astype(array.dtype), array))


def _texts(array: Array) -> Array:
    words = np.empty(array.size, object)
    words[:] = [each.encode() if isinstance(each, str) else bytes(each) for each in array.ravel().tolist()]
    return words.reshape(array.shape)


def _is_free(spec: TensorSpec) -> bool:
    return spec.shape is not None and len(spec.shape) > 0 and spec.shape[0] == FREE


def _of_frame(frame: Any) -> Given:
    columns = {str(name): frame_column(frame[name]) for name in frame.columns}
    if all(array.dtype.kind in "biuf" for array in columns.values()):
        return Given(rows=np.asarray(frame.to_numpy()))
    return Given(named={name: array.reshape(-1, 1) for name, array in columns.items()}, is_frame=True)


def _arrays(inputs: Mapping[Any, Any]) -> Inputs:
    return {str(name): _array(value, f"examples[{name!r}]") for name, value in inputs.items()}


def _array(value: Any, what: str) -> Array:
    try:
        array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    except ValueError as err:
        raise InvalidArgument(f"{what} is no array: {err}") from err
    if array.dtype.kind not in "biufcSUO":
        raise InvalidArgument(f"{what} has type {array.dtype}, which no model takes; give numbers or words")
    return array


def joined(names: Sequence[str]) -> str:
    """Return names for a message."""
    return ", ".join(repr(name) for name in names) or "none"
