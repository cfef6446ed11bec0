"""Signatures as engines think of them, and as the messages that clients read.

A SavedModel's own signatures are handed on as they are (names, method names, defaults), so metadata does not depend on
the engine. Reading them needs no TensorFlow: they are in `saved_model.pb` beside the graph.

Source: tensorflow/core/protobuf/meta_graph.proto; tensorflow_serving/apis/get_model_metadata.proto.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from seaway.engines.engine import Array
from seaway.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound
from seaway.protos import message

DEFAULT = "serving_default"
"""The signature that a request means when it names none."""

PREDICT = "tensorflow/serving/predict"
FREE = -1
"""A dimension of any size."""

_SAVED_MODEL = "saved_model.pb"
_INTERNAL_PREFIX = "__saved_model"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What one tensor must be; shape None means of any rank."""

    dtype: int
    shape: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs by name."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]


def written(signatures: Mapping[str, Signature]) -> bytes:
    """Return the serialized tensorflow.serving.SignatureDefMap of predict signatures."""
    whole = message("tensorflow.serving.SignatureDefMap")()
    for name, signature in signatures.items():
        entry = whole.signature_def[name]
        entry.method_name = PREDICT
        for tensors, target in ((signature.inputs, entry.inputs), (signature.outputs, entry.outputs)):
            for alias, spec in tensors.items():
                _write_info(target[alias], alias, spec)
    return bytes(whole.SerializeToString())


def read(signature_def_map: bytes) -> dict[str, Signature]:
    """Return the signatures in a serialized tensorflow.serving.SignatureDefMap."""
    whole = message("tensorflow.serving.SignatureDefMap").FromString(signature_def_map)
    return {name: signature_of(entry) for name, entry in whole.signature_def.items()}


def signature_of(entry: Any) -> Signature:
    """Return the inputs and outputs of a tensorflow.SignatureDef."""
    return Signature(
        {alias: _spec(info) for alias, info in entry.inputs.items()},
        {alias: _spec(info) for alias, info in entry.outputs.items()},
    )


def saved_model_signatures(path: Path, tags: Sequence[str]) -> Any:
    """Return the tensorflow.serving.SignatureDefMap of the graph with these tags.

    Raises:  FailedPrecondition - the directory has no saved_model.pb; DataLoss - it cannot be read;
             NotFound - no graph has exactly these tags.
    """
    file = path / _SAVED_MODEL
    if not file.is_file():
        raise FailedPrecondition(f"{path} has no {_SAVED_MODEL}, the only form of a SavedModel that this engine reads")
    try:
        bundle = message("tensorflow.SavedModel").FromString(file.read_bytes())
    except DecodeError as err:
        raise DataLoss(f"{file} is not a SavedModel: {err}") from err
    for graph in bundle.meta_graphs:
        if set(graph.meta_info_def.tags) == set(tags):
            return _public_signatures(graph)
    there = "; ".join("{" + ", ".join(graph.meta_info_def.tags) + "}" for graph in bundle.meta_graphs)
    raise NotFound(f"{file} has no graph with the tags {{{', '.join(tags)}}}; it has: {there or 'none'}")


def is_internal(name: str) -> bool:
    """Tell whether a signature is a step of a load, which metadata lists as TensorFlow Serving does and nobody calls.

    Source:  tensorflow/cc/saved_model/constants.h, kSavedModelInitOpSignatureKey
    """
    return name.startswith(_INTERNAL_PREFIX)


def check_shapes(signature: Signature, inputs: Mapping[str, Array]) -> None:
    """Refuse inputs that do not fit the shapes of their signature.

    Raises:  InvalidArgument - names the input, its shape and what is expected.
    """
    for name, array in inputs.items():
        expected = signature.inputs[name].shape
        if expected is not None and not fits(array.shape, expected):
            raise InvalidArgument(
                f"input '{name}' has shape {shown_shape(array.shape)}; expected {shown_shape(expected)}"
            )


def fits(shape: Sequence[int], expected: Sequence[int]) -> bool:
    """Tell whether a shape has the expected rank and every size that is not free."""
    return len(shape) == len(expected) and all(want in (FREE, size) for size, want in zip(shape, expected, strict=True))


def shown_shape(shape: Sequence[int]) -> str:
    """Return a shape for a message: a question mark for what is free."""
    return "[" + ",".join("?" if size == FREE else str(size) for size in shape) + "]"


def _public_signatures(graph: Any) -> Any:
    whole = message("tensorflow.serving.SignatureDefMap")()
    for name, entry in graph.signature_def.items():
        if not is_internal(name):
            whole.signature_def[name].CopyFrom(entry)
    return whole


def _write_info(info: Any, alias: str, spec: TensorSpec) -> None:
    info.name = alias
    info.dtype = spec.dtype
    if spec.shape is None:
        info.tensor_shape.unknown_rank = True
    else:
        info.tensor_shape.SetInParent()
        for size in spec.shape:
            info.tensor_shape.dim.add().size = size


def _spec(info: Any) -> TensorSpec:
    if info.tensor_shape.unknown_rank or not info.HasField("tensor_shape"):
        return TensorSpec(info.dtype, None)
    return TensorSpec(info.dtype, tuple(dim.size for dim in info.tensor_shape.dim))
