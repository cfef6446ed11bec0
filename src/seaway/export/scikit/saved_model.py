"""An estimator or pipeline written with TensorFlow's operations, where each of its steps maps exactly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seaway.engines.element_types import NUMPY
from seaway.engines.engine import Array
from seaway.engines.registry import TENSORFLOW
from seaway.engines.signatures import DEFAULT
from seaway.engines.signatures import Signature as Declared
from seaway.export.packages import required
from seaway.export.scikit import heads, steps
from seaway.export.scikit.estimator import Estimator, steps_of
from seaway.export.scikit.heads import HEADS
from seaway.export.scikit.steps import STEPS, Program
from seaway.export.tensors import tensor_spec
from seaway.proof.passport import default_tolerance


class MappedEstimator:
    """An estimator for which `why_not_mapped` finds nothing."""

    engine = TENSORFLOW
    packages = ("scikit-learn", "tensorflow", "tensorflow-cpu", "numpy")
    tolerance = default_tolerance()

    def __init__(self, estimator: Estimator) -> None:
        """Write nothing yet."""
        self._estimator = estimator

    @property
    def signatures(self) -> Mapping[str, Declared]:
        """Return the one signature."""
        return {DEFAULT: self._estimator.signature}

    def answer(self, signature: str, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Ask the estimator here."""
        return self._estimator.answer(inputs)

    def write(self, directory: Path) -> None:
        """Write a SavedModel."""
        tf: Any = required("tensorflow", "tensorflow", "writing an estimator as a SavedModel")
        module = tf.Module()
        module.function = self.function(tf)
        tf.saved_model.save(module, str(directory), signatures={DEFAULT: module.function})

    def function(self, tf: Any) -> Any:
        """Return the tf.function that computes what the estimator's methods compute."""
        estimator = self._estimator
        program = Program(tf, tf.dtypes.as_dtype(_computed_in(estimator)))

        def serving_default(inputs: Any) -> dict[str, Any]:
            answers = _answers(program, steps_of(estimator.fitted), tf.cast(inputs, program.dtype))
            return {
                name: _typed(tf, answers[method], estimator.outputs[name].dtype)
                for name, method in estimator.methods.items()
            }

        [(name, spec)] = estimator.inputs.items()
        return tf.function(serving_default, input_signature=[tensor_spec(tf, name, spec)])


def why_not_mapped(estimator: Estimator) -> str:
    """Return which step has no counterpart in TensorFlow's operations, empty where all have one."""
    if estimator.is_frame:
        return "columns of different types"
    *before, last = steps_of(estimator.fitted)
    for step in before:
        if why := _why_not_step(step):
            return why
    name = type(last).__name__
    if not _is_own(last):
        return f"{name} is no class of scikit-learn's"
    if name in HEADS:
        return heads.why_not(last)
    return _why_not_step(last)


def _why_not_step(step: Any) -> str:
    name = type(step).__name__
    return steps.why_not(step) if name in STEPS and _is_own(step) else f"{name} has no counterpart"


def _is_own(step: Any) -> bool:
    # A class that somebody derived may compute anything.
    return type(step).__module__.partition(".")[0] == "sklearn"


def _computed_in(estimator: Estimator) -> str:
    """Return the type of the answers that are fractions, in which scikit-learn has computed; else that of the input."""
    kinds = [NUMPY[spec.dtype] for spec in estimator.outputs.values() if spec.dtype in NUMPY]
    floats = [dtype for dtype in kinds if dtype.kind == "f"]
    [given] = estimator.inputs.values()
    return str(np.result_type(*floats) if floats else NUMPY[given.dtype])


def _answers(program: Program, chain: list[Any], x: Any) -> dict[str, Any]:
    *before, last = chain
    for step in before:
        x = STEPS[type(step).__name__](program, step, x)
    head = HEADS.get(type(last).__name__)
    return head(program, last, x) if head else {"transform": STEPS[type(last).__name__](program, last, x)}


def _typed(tf: Any, tensor: Any, number: int) -> Any:
    dtype = tf.dtypes.as_dtype(number)
    return tensor if tensor.dtype == dtype else tf.cast(tensor, dtype)
