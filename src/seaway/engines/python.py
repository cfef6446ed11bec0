"""A user's own class: `model.py` in the version directory, with a class `Model`.

    class Model:
        signature = {"inputs": {"x": ("float32", [None, 4])}, "outputs": {"y": ("float32", [None])}}

        def load(self, path):            # pathlib.Path of the version directory
            self.pipeline = joblib.load(path / "pipeline.joblib")

        def predict(self, inputs):       # {"x": numpy array} in, {"y": array or list} out
            return {"y": self.pipeline.predict(inputs["x"])}

`signature` may also be set by `load`; without one there is a single input `inputs` and a single output `outputs`, both
float32 of any shape. Each instance answers one run at a time, so the class need not be safe for threads; more instances
answer more runs at once. A ValueError from `predict` is the client's fault, anything else is the model's.

The module runs with the worker's rights, like any code in a Dockerfile: who may write to the model store may run code.
"""

from __future__ import annotations

import itertools
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import Any

import numpy as np

from seaway.engines.element_types import NUMPY, STRING, number_named, shown
from seaway.engines.engine import Array, EngineOptions, Model
from seaway.engines.signatures import DEFAULT, FREE, Signature, TensorSpec, check_shapes, read, written
from seaway.errors import FailedPrecondition, Internal, InvalidArgument, SeawayError

MODEL_FILE = "model.py"
_CLASS = "Model"
_EXAMPLE = '{"inputs": {"x": ("float32", [None, 4])}, "outputs": {"y": ("float32", [None])}}'
_ANYTHING = {"inputs": {"inputs": ("float32", None)}, "outputs": {"outputs": ("float32", None)}}
_modules = itertools.count(1)


class PythonEngine:
    """Loads `model.py`."""

    def load(self, path: Path, options: EngineOptions) -> Model:
        """Return the class's instances, each of which has loaded.

        Raises:  FailedPrecondition - no such class, or its signature is none; Internal - its code failed, says where.
        """
        made = _class(path)
        instances = [_instance(made, path) for _ in range(options.instances)]
        return PythonModel(instances, _signature(instances[0], path))


ENGINE = PythonEngine()


class PythonModel:
    """Instances that wait for a run."""

    def __init__(self, instances: Sequence[Any], signature: Signature) -> None:
        """Have every instance wait."""
        self._instances = list(instances)
        self._free: SimpleQueue[Any] = SimpleQueue()
        for instance in instances:
            self._free.put(instance)
        self._signature_def_map = written({DEFAULT: signature})
        self._signature = read(self._signature_def_map)[DEFAULT]

    def signature_def_map(self) -> bytes:
        """Return the declared signature."""
        return self._signature_def_map

    def run(self, signature: str, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Mapping[str, Array]:
        """Have a free instance predict; wait for one if there is none.

        Raises:  InvalidArgument - a shape does not fit, or `predict` raised ValueError; Internal - it raised anything
                 else, or gave what was not declared.
        """
        check_shapes(self._signature, inputs)
        instance = self._free.get()
        try:
            answer = _predicted(instance, inputs)
        finally:
            self._free.put(instance)
        return {name: _output(name, answer, self._signature.outputs[name]) for name in outputs}

    def close(self) -> None:
        """Call `close` on the instances that have it."""
        for instance in self._instances:
            if callable(close := getattr(instance, "close", None)):
                close()
        self._instances.clear()


def _predicted(instance: Any, inputs: Mapping[str, Array]) -> Mapping[str, Any]:
    try:
        answer = instance.predict(dict(inputs))
    except SeawayError:
        raise
    except ValueError as err:
        raise InvalidArgument(str(err)) from err
    except Exception as err:
        traceback.print_exc()
        raise Internal(f"predict failed: {type(err).__name__}: {err}") from err
    if not isinstance(answer, Mapping):
        raise Internal(f"predict returned {type(answer).__name__}; it must return a dict of outputs by name")
    return answer


def _output(name: str, answer: Mapping[str, Any], spec: TensorSpec) -> Array:
    if name not in answer:
        given = ", ".join(sorted(map(str, answer))) or "nothing"
        raise Internal(f"predict gave no output '{name}', which the signature declares; it gave: {given}")
    if spec.dtype == STRING:
        return _strings(name, answer[name])
    try:
        array = np.asarray(answer[name])
        return array if array.dtype == NUMPY[spec.dtype] else array.astype(NUMPY[spec.dtype], casting="same_kind")
    except (TypeError, ValueError) as err:
        raise Internal(f"output '{name}' is not {shown(spec.dtype)}, which the signature declares: {err}") from err


def _strings(name: str, value: Any) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "OSU":
        raise Internal(f"output '{name}' is {array.dtype}, but the signature declares string")
    elements = [each if isinstance(each, bytes) else str(each).encode() for each in array.ravel().tolist()]
    strings = np.empty(len(elements), object)
    strings[:] = elements
    return strings.reshape(array.shape)


def _class(path: Path) -> Any:
    """Return the class `Model` of the version's module, which may import what lies beside it."""
    file = path / MODEL_FILE
    if not file.is_file():
        raise FailedPrecondition(f"{path} has no {MODEL_FILE}")
    sys.dont_write_bytecode = True  # a file that appears in a version directory would look like a new version
    if str(path) not in sys.path:
        sys.path.insert(0, str(path))
    name = f"seaway_model_{next(_modules)}"
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise FailedPrecondition(f"{file} cannot be imported")
    module = sys.modules[name] = module_from_spec(spec)
    _execute(lambda: spec.loader.exec_module(module) if spec.loader else None, file)
    return _found(module, file)


def _found(module: ModuleType, file: Path) -> Any:
    made = getattr(module, _CLASS, None)
    lacking = [method for method in ("load", "predict") if not callable(getattr(made, method, None))]
    if made is None or lacking:
        what = f"no class {_CLASS}" if made is None else f"a class {_CLASS} without {' and '.join(lacking)}"
        raise FailedPrecondition(f"{file} has {what}; it needs load(self, path) and predict(self, inputs)")
    return made


def _instance(made: Any, path: Path) -> Any:
    instance = _execute(made, path / MODEL_FILE)
    _execute(lambda: instance.load(path), path / MODEL_FILE)
    return instance


def _execute(call: Any, file: Path) -> Any:
    """Call the user's code; what it raises becomes one error, and its traceback goes to the log."""
    try:
        return call()
    except (Exception, SystemExit) as err:
        traceback.print_exc()
        raise Internal(f"{file} failed to load: {type(err).__name__}: {err}") from err


def _signature(instance: Any, path: Path) -> Signature:
    declared = getattr(instance, "signature", _ANYTHING)
    try:
        sides = [{str(name): _spec(*spec) for name, spec in declared[side].items()} for side in ("inputs", "outputs")]
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise FailedPrecondition(
            f"{path / MODEL_FILE}: the signature {declared!r} cannot be read ({err}); it looks like {_EXAMPLE}"
        ) from err
    signature = Signature(*sides)
    if not signature.outputs:
        raise FailedPrecondition(f"{path / MODEL_FILE}: the signature has no outputs; it looks like {_EXAMPLE}")
    return signature


def _spec(kind: Any, shape: Sequence[int | None] | None) -> TensorSpec:
    name = kind if kind == "string" else np.dtype(kind).name
    number = STRING if name == "object" else number_named(name)
    if number is None:
        raise ValueError(f"{name} is no element type")
    return TensorSpec(number, None if shape is None else tuple(FREE if size is None else int(size) for size in shape))
