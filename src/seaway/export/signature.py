"""Signatures as somebody who exports writes and reads them: types by name, None for a free dimension.

Engines have their own form, with the wire's numbers (`seaway.engines.signatures`); here it becomes text and back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seaway.engines.element_types import number_named, shown
from seaway.engines.signatures import FREE, TensorSpec, shown_shape
from seaway.engines.signatures import Signature as Declared
from seaway.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Tensor:
    """What one input takes: numpy's name of a type, or `string`, and a shape in which None is free."""

    dtype: str
    shape: Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Signature:
    """The names that clients shall use, in the order in which the model takes inputs and gives outputs."""

    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...] = ()
    """Empty: the model's own names."""


def spec_of(name: str, tensor: Tensor) -> TensorSpec:
    """Return what engines make of a described input.

    Raises:  InvalidArgument - there is no element type of that name.
    """
    number = number_named(tensor.dtype)
    if number is None:
        raise InvalidArgument(
            f"input {name!r} has type {tensor.dtype!r}; say float32, float64, int64, string or another of numpy's names"
        )
    return TensorSpec(number, tuple(FREE if size is None else int(size) for size in tensor.shape))


def inputs_of(signature: Signature) -> dict[str, TensorSpec]:
    """Return the inputs of a described signature. Raises: InvalidArgument - a type has no element type."""
    return {name: spec_of(name, tensor) for name, tensor in signature.inputs.items()}


def described(signature: Declared) -> str:
    """Return a signature in one line: `image float32 [?,28,28] → scores float32 [?,10]`."""
    sides = (
        ", ".join(f"{name} {shown_spec(spec)}" for name, spec in sorted(side.items())) or "nothing"
        for side in (signature.inputs, signature.outputs)
    )
    return " → ".join(sides)


def shown_spec(spec: TensorSpec) -> str:
    """Return type and shape for a person."""
    return f"{shown(spec.dtype)} {'of any shape' if spec.shape is None else shown_shape(spec.shape)}"
