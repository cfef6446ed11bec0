"""A tf.Module and its functions, or a single tf.function: written as they are, with the names that TensorFlow gives.

Which functions are served: those that `signatures` names, else every function of the module whose input signature is
fixed, else `__call__` traced for the examples. A SavedModel has no function without such a trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seaway.engines.engine import Array
from seaway.engines.registry import TENSORFLOW
from seaway.engines.signatures import DEFAULT
from seaway.engines.signatures import Signature as Declared
from seaway.errors import FailedPrecondition, InvalidArgument, Unimplemented
from seaway.export.adapter import Wish
from seaway.export.examples import Given
from seaway.export.packages import required
from seaway.export.signature import Signature, inputs_of
from seaway.export.tensors import as_array, constants, rows_spec, spec_from, tensor_spec
from seaway.proof.passport import default_tolerance

_CALLS = (DEFAULT, "serve", "__call__", "call", "predict")
"""What a module calls the function that it serves first, the likeliest first."""


class TensorFlowFunctions:
    """The traced functions of one module."""

    engine = TENSORFLOW
    packages = ("tensorflow", "tensorflow-cpu", "numpy")
    tolerance = default_tolerance()

    def __init__(self, model: Any, wish: Wish) -> None:
        """Trace what will be served.

        Raises:  FailedPrecondition - nothing says which function is served, or with which inputs.
        """
        self._tf: Any = required("tensorflow", "tensorflow", "exporting TensorFlow's functions")
        functions = dict(_wanted(model, wish))
        self._traced = {name: self._trace(name, each, wish) for name, each in functions.items()}
        self._owner = model if isinstance(model, self._tf.Module) else self._holder(functions)
        self._signatures = {name: _declared(name, traced) for name, traced in self._traced.items()}

    @property
    def signatures(self) -> Mapping[str, Declared]:
        """Return what the functions take and give."""
        return self._signatures

    def answer(self, signature: str, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Call the function here."""
        tensors = constants(self._tf, inputs, self._signatures[signature].inputs)
        return {name: as_array(name, tensor) for name, tensor in _outputs(self._traced[signature](**tensors)).items()}

    def write(self, directory: Path) -> None:
        """Write a SavedModel.

        Raises:  FailedPrecondition - a function uses a table or file that the module does not hold.
        """
        try:
            self._tf.saved_model.save(self._owner, str(directory), signatures=self._traced)
        except (AssertionError, ValueError) as err:
            words = str(err).strip().split("\n", 1)[0]
            raise FailedPrecondition(
                f"TensorFlow cannot save it: {words}; put the function and every variable, table and file that it uses "
                "into attributes of one tf.Module and export that"
            ) from err

    def _trace(self, name: str, function: Any, wish: Wish) -> Any:
        if hasattr(function, "structured_input_signature"):
            return function
        described = wish.signatures.get(name)
        if isinstance(described, Signature):
            return function.get_concrete_function(
                *(tensor_spec(self._tf, each, spec) for each, spec in inputs_of(described).items())
            )
        if function.input_signature is not None:
            return function.get_concrete_function()
        rows = _rows(name, wish.given)
        if not rows:
            raise FailedPrecondition(
                f"function {name!r} has no input_signature; give one to tf.function, or give examples of its inputs"
            )
        specs = {each: tensor_spec(self._tf, each or None, rows_spec(array)) for each, array in rows}
        if "" in specs:
            return function.get_concrete_function(specs[""])
        return function.get_concrete_function(**specs)

    def _holder(self, functions: Mapping[str, Any]) -> Any:
        holder = self._tf.Module()
        holder.functions = list(functions.values())
        holder.captured = [variable for traced in self._traced.values() for variable in traced.variables]
        return holder


def _wanted(model: Any, wish: Wish) -> Iterator[tuple[str, Any]]:
    named = {name: each for name, each in wish.signatures.items() if not isinstance(each, Signature)}
    if wrong := [name for name, each in named.items() if not _is_function(each)]:
        raise InvalidArgument(
            f"signatures[{wrong[0]!r}] is a {type(named[wrong[0]]).__name__}; give a tf.function, or a "
            "seaway.export.Signature"
        )
    if named:
        yield from named.items()
    elif _is_function(model):
        yield DEFAULT, model
    else:
        yield from _of_module(model, wish)


def _of_module(module: Any, wish: Wish) -> Iterator[tuple[str, Any]]:
    found = {name: each for name in dir(module) if _is_function(each := _attribute(module, name))}
    fixed = {name: each for name, each in found.items() if each.input_signature is not None or name in wish.signatures}
    if not fixed and (traceable := [name for name in _CALLS if name in found]):
        fixed = {traceable[0]: found[traceable[0]]}
    if not fixed:
        raise FailedPrecondition(
            f"{type(module).__name__} has no tf.function with an input_signature; decorate what shall be served with "
            "@tf.function(input_signature=[tf.TensorSpec(...)]), or name functions in signatures"
        )
    first = next((name for name in _CALLS if name in fixed), next(iter(fixed)) if len(fixed) == 1 else "")
    for name, each in fixed.items():
        yield (DEFAULT if name == first else name), each


def _attribute(module: Any, name: str) -> Any:
    if name.startswith("__") and name != "__call__":
        return None
    try:
        return getattr(module, name)
    except Exception:  # a property of somebody's class, which is no function in any case
        return None


def _is_function(value: Any) -> bool:
    return hasattr(value, "get_concrete_function") or hasattr(value, "structured_input_signature")


def _rows(name: str, given: Given) -> list[tuple[str, Array]]:
    if name == DEFAULT:
        return [("", given.rows)] if given.rows is not None else list(given.named.items())
    return list(given.others.get(name, {}).items())


def _declared(name: str, traced: Any) -> Declared:
    positional, keywords = traced.structured_input_signature
    specs = [*positional, *keywords.values()]
    if odd := [each for each in specs if not hasattr(each, "dtype") or not hasattr(each, "name")]:
        raise Unimplemented(
            f"function {name!r} takes {odd[0]!r}; a signature's inputs are single dense tensors: take each as an "
            "argument of its own"
        )
    outputs = {alias: spec_from(tensor) for alias, tensor in _outputs(traced.structured_outputs).items()}
    return Declared({each.name: spec_from(each) for each in specs}, outputs)


def _outputs(structure: Any) -> dict[str, Any]:
    """Return the outputs by the names that TensorFlow gives them in a SavedModel."""
    if isinstance(structure, Mapping):
        return {str(name): each for name, each in structure.items()}
    if not isinstance(structure, (list, tuple)):
        structure = [structure]
    return {f"output_{index}": each for index, each in enumerate(structure)}
