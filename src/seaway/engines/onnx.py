"""ONNX Runtime: a `model.onnx` is a servable of its own, a SavedModel is converted first.

A file has one signature, `serving_default`, made from the graph's inputs and outputs. A converted SavedModel keeps its
own signatures, each of which is a graph of its own here; one that cannot be converted is left out and named in the log.
Sessions are safe to share between threads, and the runtime gives the interpreter's lock back while it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from seaway import errors
from seaway.engines.element_types import NUMPY, STRING, number_named
from seaway.engines.engine import Array, EngineOptions, Model
from seaway.engines.onnx_cache import Converted, converted
from seaway.engines.signatures import (
    DEFAULT,
    FREE,
    Signature,
    TensorSpec,
    saved_model_signatures,
    written,
)
from seaway.protos import message

MODEL_FILE = "model.onnx"

_ORT_NAMES = {"float": "float32", "double": "float64"}
_FATAL_ONLY = 4
_SHOWN_CHARACTERS = 400
_LOAD_ERRORS: Mapping[str, Callable[[str], errors.SeawayError]] = {
    "InvalidProtobuf": errors.DataLoss,
    "NotImplemented": errors.Unimplemented,
}
_RUN_ERRORS: Mapping[str, Callable[[str], errors.SeawayError]] = {
    "InvalidArgument": errors.InvalidArgument,
    "NotImplemented": errors.Unimplemented,
}


class OnnxEngine:
    """Loads `model.onnx`, or a SavedModel by way of one."""

    def load(self, path: Path, options: EngineOptions) -> Model:
        """Return the version in this directory.

        Raises:  SeawayError - ONNX Runtime refuses the file, or the SavedModel cannot be converted.
        """
        file = path / MODEL_FILE
        if file.is_file():
            session = _session(file, options)
            return OnnxModel({DEFAULT: session}, written({DEFAULT: _signature(session, file)}))
        signatures = saved_model_signatures(path, options.tags)
        return _from_saved_model(signatures, converted(path, tuple(signatures.signature_def), options), options)


ENGINE = OnnxEngine()


class OnnxModel:
    """One session for each signature."""

    def __init__(self, sessions: Mapping[str, Any], signature_def_map: bytes) -> None:
        """Keep the sessions and what they answer."""
        self._sessions = dict(sessions)
        self._fed = {name: {each.name for each in session.get_inputs()} for name, session in sessions.items()}
        self._signature_def_map = signature_def_map

    def signature_def_map(self) -> bytes:
        """Return the signatures."""
        return self._signature_def_map

    def run(self, signature: str, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Mapping[str, Array]:
        """Run the signature's graph.

        Raises:  SeawayError - ONNX Runtime's words; its INVALID_ARGUMENT is InvalidArgument.
        """
        # An input that the outputs do not depend on is not in a converted graph.
        fed = {name: _texts(name, array) for name, array in inputs.items() if name in self._fed[signature]}
        try:
            results = self._sessions[signature].run(list(outputs), fed)
        except Exception as err:
            raise _RUN_ERRORS.get(type(err).__name__, errors.Internal)(f"ONNX Runtime: {err}") from err
        return {name: _bytes(np.asarray(result)) for name, result in zip(outputs, results, strict=True)}

    def close(self) -> None:
        """Free the sessions."""
        self._sessions.clear()


def _from_saved_model(signatures: Any, found: Converted, options: EngineOptions) -> OnnxModel:
    """Return the signatures that were converted, and whose graph has the names that the signature has."""
    answered = message("tensorflow.serving.SignatureDefMap")()
    sessions: dict[str, Any] = {}
    left_out = dict(found.left_out)
    for name, file in found.files.items():
        entry = signatures.signature_def[name]
        if unknown := [
            alias for side in (entry.inputs, entry.outputs) for alias in side if side[alias].dtype not in NUMPY
        ]:
            left_out[name] = f"numpy lacks the type of {', '.join(unknown)}"
            continue
        try:
            session = _session(file, options)
        except errors.SeawayError as err:  # the converter writes operations that the runtime does not know
            left_out[name] = err.message[:_SHOWN_CHARACTERS]
            continue
        given = {each.name for each in session.get_inputs()} - set(entry.inputs)
        lost = set(entry.outputs) - {each.name for each in session.get_outputs()}
        if given or lost:
            left_out[name] = f"the converted graph has other names: {', '.join(sorted(given | lost))}"
            continue
        answered.signature_def[name].CopyFrom(entry)
        sessions[name] = session
    for name, reason in left_out.items():
        print(f"seaway: signature '{name}' is left out, it cannot be converted: {reason}", file=sys.stderr, flush=True)
    if not sessions or DEFAULT in left_out:
        reasons = "; ".join(f"'{name}': {reason}" for name, reason in sorted(left_out.items()))
        raise errors.FailedPrecondition(f"the SavedModel cannot be converted to ONNX: {reasons or 'no signatures'}")
    return OnnxModel(sessions, answered.SerializeToString())


def _session(file: Path, options: EngineOptions) -> Any:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.intra_op_threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = _FATAL_ONLY  # its errors are raised, and say the same
    # A thread that spins takes a core from the other runs.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
    except Exception as err:
        raise _LOAD_ERRORS.get(type(err).__name__, errors.FailedPrecondition)(f"ONNX Runtime: {err}") from err


def _signature(session: Any, file: Path) -> Signature:
    return Signature(
        {each.name: _spec(each, file) for each in session.get_inputs()},
        {each.name: _spec(each, file) for each in session.get_outputs()},
    )


def _spec(tensor: Any, file: Path) -> TensorSpec:
    kind = str(tensor.type).removeprefix("tensor(").removesuffix(")")
    number = number_named(_ORT_NAMES.get(kind, kind))
    if number is None:
        hint = "; convert with options={'zipmap': False}" if kind.startswith("seq(map") else ""
        raise errors.Unimplemented(f"{file}: '{tensor.name}' of type {tensor.type} cannot be served{hint}")
    return TensorSpec(number, tuple(size if isinstance(size, int) else FREE for size in tensor.shape))


def _texts(name: str, array: Array) -> Array:
    """Return strings as ONNX Runtime takes them: text, where a request has bytes."""
    if array.dtype != NUMPY[STRING]:
        return array
    try:
        texts = [element.decode() for element in array.ravel()]
    except UnicodeDecodeError as err:
        raise errors.InvalidArgument(f"input '{name}' has a string that is not UTF-8, which ONNX asks for") from err
    return _objects(texts, array.shape)


def _bytes(array: Array) -> Array:
    if array.dtype != NUMPY[STRING]:
        return array
    return _objects([str(element).encode() for element in array.ravel()], array.shape)


def _objects(elements: Sequence[object], shape: Sequence[int]) -> Array:
    array = np.empty(len(elements), object)
    array[:] = elements
    return array.reshape(shape)
