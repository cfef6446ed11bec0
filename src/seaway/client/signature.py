"""What a model takes and gives, as GetModelMetadata tells it over either API.

Source: tensorflow_serving/apis/get_model_metadata.proto; tensorflow/core/protobuf/meta_graph.proto, SignatureDef.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from seaway.client.dtypes import name_of
from seaway.errors import FailedPrecondition

DEFAULT_SIGNATURE = "serving_default"
FREE = -1


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output: its element type by TensorFlow's number, and its shape; None is an unknown rank."""

    name: str
    dtype: int
    shape: tuple[int, ...] | None

    @property
    def dtype_name(self) -> str:
        """The element type as numpy names it; `string` for texts and bytes."""
        return name_of(self.dtype)

    @property
    def has_rows(self) -> bool:
        """Whether the leading dimension is free, so that an input may have more rows or fewer."""
        return self.shape is None or (len(self.shape) > 0 and self.shape[0] == FREE)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape may be given."""
        if self.shape is None:
            return True
        if len(shape) != len(self.shape):
            return False
        return all(own in (FREE, given) for own, given in zip(self.shape, shape, strict=True))

    def __str__(self) -> str:
        """Return type and shape, for instance `float32 (?, 28, 28, 1)`."""
        return f"{self.dtype_name} {shape_text(self.shape)}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of a model; inputs and outputs in the order of their names."""

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    method: str = ""
    optional: frozenset[str] = frozenset()
    """Inputs that have a default and may be left out."""


Signatures: TypeAlias = Mapping[str, Signature]


def shape_text(shape: tuple[int, ...] | None) -> str:
    """Return a shape as a message shows it; free dimensions are question marks."""
    if shape is None:
        return "of any rank"
    sizes = ["?" if size == FREE else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def signatures_of(definitions: Any) -> Signatures:
    """Return the signatures in a SignatureDefMap, without the one that initializes the model."""
    found = definitions.signature_def
    return {name: _signature(name, found[name]) for name in sorted(found) if not name.startswith("__")}


def chosen(signatures: Signatures, model: str, name: str) -> Signature:
    """Return the named signature; no name is `serving_default`.

    Raises:  FailedPrecondition - there is none of that name; the message lists those there are.
    """
    found = signatures.get(name or DEFAULT_SIGNATURE)
    if found is None:
        known = ", ".join(signatures) or "none"
        raise FailedPrecondition(
            f"model {model!r} has no signature {name or DEFAULT_SIGNATURE!r}; it has: {known}; choose with signature="
        )
    return found


def _signature(name: str, definition: Any) -> Signature:
    return Signature(
        name,
        _specs(definition.inputs),
        _specs(definition.outputs),
        definition.method_name,
        frozenset(definition.defaults),
    )


def _specs(tensors: Any) -> Mapping[str, TensorSpec]:
    return {name: TensorSpec(name, tensors[name].dtype, _shape(tensors[name].tensor_shape)) for name in sorted(tensors)}


def _shape(shape: Any) -> tuple[int, ...] | None:
    return None if shape.unknown_rank else tuple(FREE if dim.size < 0 else dim.size for dim in shape.dim)
