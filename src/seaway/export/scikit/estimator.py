"""What an estimator is, takes and answers, whatever form it is written in.

An estimator takes one matrix, `inputs`, or one column of texts; one that was fitted on a data frame of several types
takes each column by its name. It answers what its methods answer: `label` with `probabilities` or `scores`,
`prediction`, or `transformed`.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seaway.engines.element_types import NUMPY, STRING, number_of
from seaway.engines.engine import Array
from seaway.engines.signatures import DEFAULT, FREE, Signature, TensorSpec
from seaway.errors import FailedPrecondition, InvalidArgument, Unimplemented
from seaway.export.adapter import Wish
from seaway.protos.tensors import as_bytes

INPUTS = "inputs"
_PROBE_ROWS = 2

Method = str


@dataclass(frozen=True, slots=True)
class Estimator:
    """A fitted estimator with the names that clients shall use."""

    fitted: Any
    inputs: Mapping[str, TensorSpec]
    is_frame: bool
    """Whether each input is a column of a data frame, by its name."""
    methods: Mapping[str, Method]
    """Which method gives each output."""
    outputs: Mapping[str, TensorSpec]

    @property
    def signature(self) -> Signature:
        """Return the one signature."""
        return Signature(self.inputs, self.outputs)

    def answer(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Ask the estimator here."""
        rows = self.rows(inputs)
        return {name: _called(self.fitted, method, rows) for name, method in self.methods.items()}

    def rows(self, inputs: Mapping[str, Array]) -> Any:
        """Return inputs as the estimator was fitted on them: a matrix, or a data frame."""
        if self.is_frame:
            return _pandas().DataFrame({name: _column(array) for name, array in inputs.items()})
        matrix = next(iter(inputs.values()))
        if matrix.dtype == object:
            return _column(matrix)
        columns = getattr(self.fitted, "feature_names_in_", None)
        return _pandas().DataFrame(matrix, columns=columns) if columns is not None else matrix


def estimator_of(model: Any, wish: Wish, like: Any = None) -> Estimator:
    """Find out what an estimator takes and answers; `like` are rows as it was fitted on, where there are no examples.

    Raises:  FailedPrecondition - it was never fitted, or nothing says what it takes; Unimplemented - what it answers is
             no array.
    """
    fitted = getattr(model, "best_estimator_", model)
    described = wish.described("an estimator", DEFAULT)
    inputs, is_frame = _inputs(fitted, wish, like)
    if described is not None:
        inputs = dict(zip(_names(described.inputs, inputs, is_frame), inputs.values(), strict=True))
    methods = _methods(fitted)
    if described is not None and described.outputs:
        methods = dict(zip(_names(dict.fromkeys(described.outputs), methods, False), methods.values(), strict=True))
    found = Estimator(fitted, inputs, is_frame, methods, {})
    answers = found.answer(_probe(found, wish))
    outputs = {name: _spec(name, array) for name, array in answers.items()}
    return Estimator(fitted, inputs, is_frame, methods, outputs)


def steps_of(fitted: Any) -> list[Any]:
    """Return the steps of a pipeline, flat and without those that do nothing; an estimator is a pipeline of one."""
    if type(fitted).__name__ != "Pipeline":
        return [fitted]
    steps = (step for _, step in fitted.steps if step is not None and step != "passthrough")
    return [each for step in steps for each in steps_of(step)]


def _methods(fitted: Any) -> dict[str, Method]:
    kind = getattr(fitted, "_estimator_type", None) or _tagged(fitted)
    if kind == "classifier":
        second = {"probabilities": "predict_proba"} if hasattr(fitted, "predict_proba") else {}
        if not second and hasattr(fitted, "decision_function"):
            second = {"scores": "decision_function"}
        return {"label": "predict", **second}
    if kind in {"clusterer", "outlier_detector"} and hasattr(fitted, "predict"):
        return {"label": "predict"}
    if hasattr(fitted, "predict"):
        return {"prediction": "predict"}
    if hasattr(fitted, "transform"):
        return {"transformed": "transform"}
    raise FailedPrecondition(
        f"{type(fitted).__name__} neither predicts nor transforms new rows, so it cannot be served"
    )


def _tagged(fitted: Any) -> str:
    tags = getattr(fitted, "__sklearn_tags__", None)
    return str(tags().estimator_type) if tags else ""


def _inputs(fitted: Any, wish: Wish, like: Any) -> tuple[dict[str, TensorSpec], bool]:
    given = wish.given if not wish.given.is_empty else like
    if given is not None and given.is_frame:
        return {name: _column_spec(name, array) for name, array in given.named.items()}, True
    only = given.only if given is not None else None
    if only is not None and only[1].dtype.kind in "OSU":
        return {only[0] or INPUTS: _text_spec(only[1])}, False
    width = getattr(fitted, "n_features_in_", None)
    if width is None and only is None:
        raise FailedPrecondition(
            f"{type(fitted).__name__} does not say how many features it takes: fit it first, and give examples or data"
        )
    width = int(only[1].shape[-1]) if width is None and only is not None else int(width or 0)
    dtype = _matrix_dtype(only[1]) if only is not None else _fitted_dtype(fitted)
    number = number_of(np.empty(0, dtype))
    return {(only[0] if only else "") or INPUTS: TensorSpec(number or 2, (FREE, width))}, False


def _text_spec(rows: Array) -> TensorSpec:
    """Return what texts are to clients: a column of them, as the converter takes it."""
    if rows.shape[1:] != (1,):
        raise InvalidArgument(
            f"examples are texts of shape {list(rows.shape)}; give one column of them, [[text], ...], or a data frame"
        )
    return TensorSpec(STRING, (FREE, 1))


def _names(wanted: Mapping[str, object], own: Mapping[str, object], is_frame: bool) -> list[str]:
    if len(wanted) != len(own) or (is_frame and set(wanted) != set(own)):
        raise InvalidArgument(f"the signature names {', '.join(wanted)}; the estimator has {', '.join(own)}")
    return list(wanted)


def _matrix_dtype(rows: Array) -> np.dtype[Any]:
    """Return what the rows are computed in: integers become float64 in every estimator."""
    if rows.dtype.kind not in "biuf":
        raise InvalidArgument(
            f"examples are {rows.dtype}; give numbers, or a data frame if the estimator was fitted on columns of "
            "different types"
        )
    return np.dtype(np.float32) if rows.dtype == np.float32 else np.dtype(np.float64)


def _fitted_dtype(fitted: Any) -> np.dtype[Any]:
    arrays = [value for step in steps_of(fitted) for value in vars(step).values() if isinstance(value, np.ndarray)]
    floats = {array.dtype for array in arrays if array.dtype.kind == "f"}
    return np.dtype(np.float32) if floats == {np.dtype(np.float32)} else np.dtype(np.float64)


def _column_spec(name: str, array: Array) -> TensorSpec:
    number = STRING if array.dtype == object else number_of(array)
    if number is None:
        raise InvalidArgument(f"column {name!r} has type {array.dtype}, which the wire lacks; convert it")
    return TensorSpec(number, (FREE, 1))


def _probe(found: Estimator, wish: Wish) -> dict[str, Array]:
    """Return rows to find out with what the answers look like: given ones where there are any."""
    rows = dict(wish.given.named) if found.is_frame else {}
    if only := wish.given.only:
        [(name, spec)] = found.inputs.items()
        rows = {name: only[1].astype(NUMPY[spec.dtype])}
    if rows:
        return {name: array[:_PROBE_ROWS] for name, array in rows.items()}
    return {name: _zeros(spec) for name, spec in found.inputs.items()}


def _zeros(spec: TensorSpec) -> Array:
    shape = (_PROBE_ROWS, *(spec.shape or ())[1:])
    return np.full(shape, b"", object) if spec.dtype == STRING else np.zeros(shape, NUMPY[spec.dtype])


def _called(fitted: Any, method: Method, rows: Any) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about the names of columns, which a matrix has not
        try:
            answer = getattr(fitted, method)(rows)
        except Exception as err:
            if type(err).__name__ == "NotFittedError":
                raise FailedPrecondition(f"{type(fitted).__name__} was never fitted: {err}") from err
            raise InvalidArgument(f"{type(fitted).__name__}.{method} fails on the examples: {err}") from err
    answer = answer.toarray() if hasattr(answer, "toarray") else answer
    if isinstance(answer, list):
        raise Unimplemented(
            f"{type(fitted).__name__}.{method} answers a list for several targets; export an estimator for each"
        )
    array = np.asarray(answer)
    return _words(array) if array.dtype.kind in "OSU" else array.astype(_wire(array.dtype))


def _wire(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.int64) if dtype.kind in "iu" else dtype


def _words(array: Array) -> Array:
    words = np.empty(array.size, object)
    words[:] = [as_bytes(str(each)) for each in array.ravel().tolist()]
    return words.reshape(array.shape)


def _column(array: Array) -> list[object]:
    return [each.decode() if isinstance(each, bytes) else each for each in array.ravel().tolist()]


def _spec(name: str, array: Array) -> TensorSpec:
    number = STRING if array.dtype == object else number_of(array)
    if number is None:
        raise Unimplemented(f"output {name!r} is {array.dtype}, which the wire lacks")
    return TensorSpec(number, (FREE, *array.shape[1:]))


def _pandas() -> Any:
    pandas = sys.modules.get("pandas")  # who fitted on a data frame has it
    if pandas is None:
        raise FailedPrecondition("the estimator was fitted on a data frame; import pandas before exporting it")
    return pandas
