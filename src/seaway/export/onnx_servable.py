"""What all kinds that become a `model.onnx` share: reading a graph's signature, running it here, writing the file.

A graph above protobuf's limit of 2 GB has its weights in a file beside it, which a servable may have too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seaway.engines.element_types import STRING, number_of
from seaway.engines.engine import Array
from seaway.engines.signatures import FREE, Signature, TensorSpec
from seaway.errors import FailedPrecondition, Unimplemented
from seaway.export.packages import required

MODEL_FILE = "model.onnx"
_WEIGHTS_FILE = "model.onnx.data"
_LARGEST_BYTES = 1 << 30
"""Above it, weights are kept beside the graph; well below 2 GB, so that what is added later fits too."""
_SHOWN_CHARACTERS = 400


def onnx_package() -> Any:
    """Return the package onnx. Raises: FailedPrecondition - it is not installed; says which extra brings it."""
    return required("onnx", "export", "exporting to ONNX")


def graph_signature(proto: Any) -> Signature:
    """Return what a ModelProto takes and gives.

    Raises:  Unimplemented - a value is no tensor, or of a type that the wire lacks.
    """
    weights = {each.name for each in proto.graph.initializer}
    inputs = [each for each in proto.graph.input if each.name not in weights]
    return Signature(
        {each.name: _spec(each) for each in inputs}, {each.name: _spec(each) for each in proto.graph.output}
    )


def checked(proto: Any) -> Any:
    """Return a graph that the package's checker passes.

    Raises:  FailedPrecondition - it does not, with the checker's words.
    """
    onnx = onnx_package()
    if _weights_bytes(proto) > _LARGEST_BYTES:
        return proto  # the checker takes what one message can hold
    try:
        onnx.checker.check_model(proto)
    except onnx.checker.ValidationError as err:
        raise FailedPrecondition(f"the graph is no valid ONNX: {str(err)[:_SHOWN_CHARACTERS]}") from err
    return proto


def write_graph(proto: Any, directory: Path) -> None:
    """Write a servable."""
    onnx = onnx_package()
    if _weights_bytes(proto) > _LARGEST_BYTES:
        onnx.save_model(proto, str(directory / MODEL_FILE), save_as_external_data=True, location=_WEIGHTS_FILE)
    else:
        (directory / MODEL_FILE).write_bytes(proto.SerializeToString())


class GraphRunner:
    """Runs a graph in this process."""

    def __init__(self, source: bytes | str) -> None:
        """Load a serialized graph, or the file of that name.

        Raises:  FailedPrecondition - ONNX Runtime is not installed, or refuses it, with its words.
        """
        runtime: Any = required("onnxruntime", "export", "exporting an ONNX graph")
        settings = runtime.SessionOptions()
        settings.log_severity_level = 4
        try:
            self._session: Any = runtime.InferenceSession(source, settings, providers=["CPUExecutionProvider"])
        except Exception as err:
            raise FailedPrecondition(f"ONNX Runtime: {str(err)[:_SHOWN_CHARACTERS]}") from err

    def __call__(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Return the named outputs. Raises: FailedPrecondition - ONNX Runtime's words."""
        fed = {name: _texts(array) for name, array in inputs.items()}
        try:
            answers = self._session.run(list(outputs), fed)
        except Exception as err:
            raise FailedPrecondition(f"ONNX Runtime: {str(err)[:_SHOWN_CHARACTERS]}") from err
        return {name: np.asarray(answer) for name, answer in zip(outputs, answers, strict=True)}


def _spec(value: Any) -> TensorSpec:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        raise Unimplemented(
            f"'{value.name}' is a {kind}, which a request cannot hold; convert with options={{'zipmap': False}}, or "
            "give the graph tensors only"
        )
    number = _number(value.type.tensor_type.elem_type)
    if number is None:
        raise Unimplemented(f"'{value.name}' has ONNX element type {value.type.tensor_type.elem_type}; cast it")
    if not value.type.tensor_type.HasField("shape"):
        return TensorSpec(number, None)
    dims = value.type.tensor_type.shape.dim
    return TensorSpec(number, tuple(dim.dim_value if dim.HasField("dim_value") else FREE for dim in dims))


def _number(kind: int) -> int | None:
    onnx = onnx_package()
    if kind == onnx.TensorProto.STRING:
        return STRING
    try:
        return number_of(np.empty(0, onnx.helper.tensor_dtype_to_np_dtype(kind)))
    except (KeyError, ValueError):
        return None


def _weights_bytes(proto: Any) -> int:
    return sum(len(each.raw_data) for each in proto.graph.initializer)


def _texts(array: Array) -> Array:
    if array.dtype != object:
        return array
    words = np.empty(array.size, object)
    words[:] = [each.decode() if isinstance(each, bytes) else each for each in array.ravel().tolist()]
    return words.reshape(array.shape)
