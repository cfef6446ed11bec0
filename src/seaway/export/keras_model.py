"""A Keras 3 model: written as a SavedModel of one function, with the names of its inputs and outputs.

Keras numbers what nobody named (`input_layer_3`, `dense_7`), and the number depends on what else the process has made.
Such a name would change with each export and break clients, so a model with one unnamed input has `inputs`, one with
one unnamed output `outputs`; examples by name, or `signatures`, name them otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seaway.engines.engine import Array
from seaway.engines.registry import TENSORFLOW
from seaway.engines.signatures import DEFAULT, FREE, TensorSpec
from seaway.engines.signatures import Signature as Declared
from seaway.errors import FailedPrecondition, InvalidArgument
from seaway.export.adapter import Wish
from seaway.export.packages import required
from seaway.export.signature import Signature, inputs_of
from seaway.export.tensors import as_array, constants, rows_spec, spec_from, tensor_spec
from seaway.proof.passport import default_tolerance

_NUMBERED = re.compile(r"(input_layer|keras_tensor|input)(_\d+)?")


class KerasModel:
    """A model that has been built."""

    engine = TENSORFLOW
    packages = ("keras", "tensorflow", "tensorflow-cpu", "numpy")
    tolerance = default_tolerance()

    def __init__(self, model: Any, wish: Wish) -> None:
        """Find the names and trace the model.

        Raises:  FailedPrecondition - it computes with something else than TensorFlow, or has never seen an input.
        """
        self._tf: Any = required("tensorflow", "tensorflow", "exporting a Keras model")
        backend = required("keras", "tensorflow", "exporting a Keras model").backend.backend()
        if backend != "tensorflow":
            raise FailedPrecondition(
                f"the Keras model computes with {backend}; save it with model.save('m.keras') and load it in a process "
                "with KERAS_BACKEND=tensorflow to export it"
            )
        self._model = model
        self._described = wish.described("a Keras model", DEFAULT)
        self._keys: tuple[str, ...] | None = None
        """Of the dictionary that the model takes; None where it takes tensors."""
        specs = self._inputs(wish)
        self._function = self._tf.function(
            self._named, input_signature=[tensor_spec(self._tf, name, spec) for name, spec in specs.items()]
        )
        self._names: tuple[str, ...] = ()
        traced = self._function.get_concrete_function()
        outputs = {name: spec_from(tensor) for name, tensor in traced.structured_outputs.items()}
        self._signature = Declared(specs, outputs)

    @property
    def signatures(self) -> Mapping[str, Declared]:
        """Return the one signature."""
        return {DEFAULT: self._signature}

    def answer(self, signature: str, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Call the model here, as for inference."""
        tensors = constants(self._tf, inputs, self._signature.inputs)
        answers = self._flat(self._call([tensors[name] for name in self._signature.inputs]))
        return {name: as_array(name, tensor) for name, tensor in zip(self._names, answers, strict=True)}

    def write(self, directory: Path) -> None:
        """Write a SavedModel."""
        save, signatures = self._tf.saved_model.save, {DEFAULT: self._function}
        holder = self._tf.Module()
        # Saved by itself, the model would bring what only training and Keras's own loading need.
        holder.weights = [variable.value for variable in self._model.variables]
        try:
            save(holder, str(directory), signatures=signatures)
        except AssertionError:  # it has tables too, which only the model holds
            holder.model = self._model
            save(holder, str(directory), signatures=signatures)

    def _named(self, *tensors: Any) -> dict[str, Any]:
        structure = self._call(tensors)
        flat = self._flat(structure)
        self._names = self._output_names(structure, len(flat))
        return dict(zip(self._names, flat, strict=True))

    def _call(self, tensors: Sequence[Any]) -> Any:
        if self._keys is not None:
            return self._model(dict(zip(self._keys, tensors, strict=True)), training=False)
        return self._model(tensors[0] if len(tensors) == 1 else list(tensors), training=False)

    def _flat(self, structure: Any) -> list[Any]:
        if isinstance(structure, Mapping):
            return list(structure.values())
        return list(structure) if isinstance(structure, (list, tuple)) else [structure]

    def _inputs(self, wish: Wish) -> dict[str, TensorSpec]:
        known = getattr(self._model, "inputs", None)
        if known:
            structure = getattr(self._model, "input", None)
            names = tuple(structure) if isinstance(structure, Mapping) else ()
            tensors = list(structure.values()) if isinstance(structure, Mapping) else list(known)
            self._keys = names or None
            specs = [_keras_spec(self._tf, each) for each in tensors]
            return dict(zip(self._input_names(names or [each.name for each in tensors], wish), specs, strict=True))
        return self._inputs_of_subclass(wish)

    def _inputs_of_subclass(self, wish: Wish) -> dict[str, TensorSpec]:
        if self._described is not None:
            specs = inputs_of(self._described)
        else:
            rows = {"inputs": wish.given.rows} if wish.given.rows is not None else dict(wish.given.named)
            specs = {name: rows_spec(array) for name, array in rows.items() if array is not None}
        if not specs:
            raise FailedPrecondition(
                f"{type(self._model).__name__} does not say what it takes; give examples, or call the model once and "
                "describe it by signatures={'serving_default': seaway.export.Signature(...)}"
            )
        self._keys = tuple(specs) if len(specs) > 1 else None
        return specs

    def _input_names(self, own: Sequence[str], wish: Wish) -> list[str]:
        if self._described is not None:
            return _renamed(list(self._described.inputs), own, "inputs")
        only = wish.given.only
        if len(own) == 1 and only is not None and only[0]:
            return [only[0]]
        if len(own) == 1 and _NUMBERED.fullmatch(own[0]):
            return ["inputs"]
        return list(own)

    def _output_names(self, structure: Any, count: int) -> tuple[str, ...]:
        described: Signature | None = self._described
        if described is not None and described.outputs:
            return tuple(_renamed(list(described.outputs), [""] * count, "outputs"))
        if isinstance(structure, Mapping):
            return tuple(map(str, structure))
        own = tuple(getattr(self._model, "output_names", None) or ())
        if len(own) != count:
            own = tuple(f"output_{index}" for index in range(count))
        if count == 1:
            return ("outputs",) if _is_numbered(self._model, own[0]) else own
        return own if len(set(own)) == count else tuple(f"output_{index}" for index in range(count))


def _renamed(names: list[str], own: Sequence[str], side: str) -> list[str]:
    if len(names) != len(own):
        raise InvalidArgument(f"the signature names {len(names)} {side}; the model has {len(own)}")
    return names


def _is_numbered(model: Any, name: str) -> bool:
    """Tell whether Keras made a name up from the class of the layer that gives the output."""
    try:
        kind = type(model.get_layer(name)).__name__
    except (ValueError, AttributeError):
        return name == "output_0"
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()
    return re.fullmatch(rf"{snake}(_\d+)?", name) is not None


def _keras_spec(tf: Any, tensor: Any) -> TensorSpec:
    number = int(tf.dtypes.as_dtype(tensor.dtype).as_datatype_enum)
    return TensorSpec(number, tuple(FREE if size is None else int(size) for size in tensor.shape))
