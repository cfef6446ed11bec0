"""OpenVINO: reads the SavedModel itself (or a `model.onnx`) and compiles it for the processor.

Only `serving_default` is served: what OpenVINO's reader makes of other signatures has no inputs or outputs. The graph
is cut at the signature's tensors, so what only other signatures need (parsing of examples, say) may be unknown to it.

A compiled model is fast for the shapes it was compiled for, and compiles anew for any other in the middle of a request.
So where every input and output has a free leading dimension and the inputs nothing else free, it is compiled for a
fixed set of row counts when it is loaded: rows are padded to the next of them and cut off again, more rows than the
largest are run in parts. That is safe only if rows do not influence each other, which is tried at load on generated
rows. A model that fails, and one with other free dimensions, is compiled as it is. Both ways are in `openvino_graph`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino.frontend import FrontEndManager

from seaway.engines.element_types import number_named, shown
from seaway.engines.engine import Array, EngineOptions, Model
from seaway.engines.openvino_graph import AsItIs, FixedRows, Graph, Runner, copied, generated_rows, has_free_rows, same
from seaway.engines.signatures import (
    DEFAULT,
    FREE,
    Signature,
    TensorSpec,
    check_shapes,
    read,
    saved_model_signatures,
    signature_of,
    written,
)
from seaway.errors import FailedPrecondition, Internal, InvalidArgument, SeawayError, Unimplemented
from seaway.protos import message

_ONNX_FILE = "model.onnx"
_BITS = (8, 16, 32, 64)
_TYPES = {
    **{f"f{bits}": f"float{bits}" for bits in _BITS[1:]},
    **{f"i{bits}": f"int{bits}" for bits in _BITS},
    **{f"u{bits}": f"uint{bits}" for bits in _BITS},
    "boolean": "bool",
}
_SHOWN_CHARACTERS = 400
_PROOF_ROWS = 3
_LARGEST = 2**31 - 1
_PLACES = ("Exception from src/", "Check '", "FrontEnd API failed", "To facilitate")


class OpenVinoEngine:
    """Loads SavedModels and ONNX files."""

    def load(self, path: Path, options: EngineOptions) -> Model:
        """Return the version in this directory, compiled and warm.

        Raises:  FailedPrecondition - OpenVINO cannot read or compile it, with its words.
        """
        try:
            if (path / _ONNX_FILE).is_file():
                graph, signature_def_map = _read_onnx(path / _ONNX_FILE)
            else:
                graph, signature_def_map = _read_saved_model(path, options.tags)
            return OpenVinoModel(graph, _runner(graph, options), signature_def_map)
        except SeawayError:
            raise
        except Exception as err:  # its errors have no class in common
            raise FailedPrecondition(f"OpenVINO cannot serve {path}: {_words(err)}") from err


ENGINE = OpenVinoEngine()


class OpenVinoModel:
    """One compiled signature."""

    def __init__(self, graph: Graph, runner: Runner, signature_def_map: bytes) -> None:
        """Keep what runs and what it answers."""
        self._graph = graph
        self._runner = runner
        self._signature_def_map = signature_def_map
        self._signature: Signature = read(signature_def_map)[DEFAULT]

    def signature_def_map(self) -> bytes:
        """Return the one signature."""
        return self._signature_def_map

    def run(self, signature: str, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Mapping[str, Array]:
        """Run on these inputs.

        Raises:  InvalidArgument - a shape does not fit, or an integer is too large; Internal - OpenVINO's words.
        """
        check_shapes(self._signature, inputs)
        _check_integers(inputs)
        try:
            results = self._runner.run([inputs[name] for name in self._graph.inputs])
        except SeawayError:
            raise
        except Exception as err:
            raise Internal(f"OpenVINO: {_words(err)}") from err
        return {name: results[self._graph.outputs.index(name)] for name in outputs}

    def close(self) -> None:
        """Nothing to do: what was compiled goes with the object."""


def _check_integers(inputs: Mapping[str, Array]) -> None:
    """Refuse integers that the processor's plug-in would cut to 32 bits, silently.

    Raises:  InvalidArgument - names the input and the largest integer that is not cut.
    """
    for name, array in inputs.items():
        is_wide = array.dtype.kind in "iu" and not np.can_cast(array.dtype, np.int32)
        if is_wide and array.size and (int(array.max()) > _LARGEST or int(array.min()) < -_LARGEST - 1):
            raise InvalidArgument(f"input '{name}' has an integer beyond {_LARGEST}: OpenVINO computes in 32 bits")


def _read_onnx(file: Path) -> tuple[Graph, bytes]:
    model = openvino.Core().read_model(file)
    inputs, outputs = ({port.get_any_name(): _spec(port) for port in ports} for ports in (model.inputs, model.outputs))
    return Graph(model, tuple(inputs), tuple(outputs)), written({DEFAULT: Signature(inputs, outputs)})


def _read_saved_model(path: Path, tags: Sequence[str]) -> tuple[Graph, bytes]:
    signatures = saved_model_signatures(path, tags)
    if DEFAULT not in signatures.signature_def:
        there = ", ".join(sorted(signatures.signature_def)) or "none"
        raise FailedPrecondition(f"OpenVINO serves the signature {DEFAULT} only; {path} has: {there}")
    entry = signatures.signature_def[DEFAULT]
    answered = message("tensorflow.serving.SignatureDefMap")()
    answered.signature_def[DEFAULT].CopyFrom(entry)
    return _graph(_cut(path, entry), signature_of(entry), path), answered.SerializeToString()


def _cut(path: Path, entry: Any) -> Any:
    """Return the part of the SavedModel between the inputs and the outputs of a signature."""
    front_end = FrontEndManager().load_by_framework("tf")
    loaded = front_end.load(str(path))
    inputs = [loaded.get_place_by_tensor_name(info.name) for info in entry.inputs.values()]
    outputs = [loaded.get_place_by_tensor_name(info.name) for info in entry.outputs.values()]
    if None in inputs or None in outputs:
        raise FailedPrecondition(f"OpenVINO does not find the tensors of {DEFAULT} in {path}")
    loaded.extract_subgraph(inputs, outputs)
    for place, info in zip(inputs, entry.inputs.values(), strict=True):
        if not info.tensor_shape.unknown_rank:
            shape = [dim.size if dim.size != FREE else -1 for dim in info.tensor_shape.dim]
            loaded.set_partial_shape(place, openvino.PartialShape(shape))
    return front_end.convert(loaded)


def _graph(model: Any, signature: Signature, path: Path) -> Graph:
    """Find the signature's names on the model; an input that no output depends on may be missing.

    Raises:  FailedPrecondition - a name is missing, or stands for another element type.
    """
    inputs = _named(model.inputs, signature.inputs, path)
    outputs = _named(model.outputs, signature.outputs, path)
    lost = set(signature.outputs) - set(outputs)
    if lost:
        raise FailedPrecondition(f"OpenVINO's reading of {path} has no output {', '.join(sorted(lost))}")
    return Graph(model, inputs, outputs)


def _named(ports: Sequence[Any], specs: Mapping[str, TensorSpec], path: Path) -> tuple[str, ...]:
    names = []
    for port in ports:
        name = next((name for name in specs if name in port.get_names()), None)
        if name is None:
            raise FailedPrecondition(f"OpenVINO's reading of {path} has an unknown tensor {port.get_any_name()}")
        found = _spec(port)
        if found.dtype != specs[name].dtype:
            raise FailedPrecondition(
                f"OpenVINO reads tensor '{name}' of {path} as {shown(found.dtype)}, not {shown(specs[name].dtype)}"
            )
        names.append(name)
    return tuple(names)


def _spec(port: Any) -> TensorSpec:
    kind = port.element_type.get_type_name()
    number = number_named(_TYPES.get(kind, ""))
    if number is None:
        raise Unimplemented(f"OpenVINO's tensor '{port.get_any_name()}' of type {kind} cannot be served")
    shape = port.partial_shape
    if shape.rank.is_dynamic:
        return TensorSpec(number, None)
    return TensorSpec(number, tuple(FREE if size.is_dynamic else size.get_length() for size in shape))


def _runner(graph: Graph, options: EngineOptions) -> Runner:
    as_it_is = AsItIs(graph, options)
    if not has_free_rows(graph.model):
        return as_it_is
    fixed = FixedRows(graph, options)
    rows = generated_rows(graph.model, _PROOF_ROWS)
    # Copied one by one: each run overwrites what the one before has answered.
    parts = [copied(as_it_is.run([each[index : index + 1] for each in rows])) for index in range(_PROOF_ROWS)]
    singles = list(zip(*parts, strict=True))
    if all(same(fixed.run_in(size, rows), singles) for size in fixed.sizes):
        return fixed
    print("seaway: rows influence each other: compiled as it is, without padding", file=sys.stderr, flush=True)
    return as_it_is


def _words(err: Exception) -> str:
    """Return OpenVINO's message without the places in its source code."""
    lines = [line.strip() for line in str(err).splitlines()]
    told = [line for line in lines if line and not line.startswith(_PLACES)]
    return " ".join(told or lines)[:_SHOWN_CHARACTERS]
