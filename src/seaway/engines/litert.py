"""LiteRT (TensorFlow Lite): a `model.tflite`, with its own signatures.

An interpreter answers one run at a time, so each version has several over one copy of the file, and a run takes one
that is idle. An interpreter follows the shapes of its inputs: it is resized where they differ from those of its run
before, which costs little once it has seen its largest.

Converters often write a leading dimension of 1 where a batch was meant. Such a file can be resized, but what comes out
is right only if nothing in the graph counts on the 1. That is tried at load on generated rows: a signature that answers
joined rows as it answers single ones has a free leading dimension; any other keeps what it declares, and a request of
another shape is refused.

Source: tensorflow_serving/servables/tensorflow/tflite_session.cc for the file's name, the signature of a file that has
none, and resizing; it resizes in any case.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import LifoQueue
from typing import Any

import ml_dtypes  # noqa: F401 - without it, the package cannot name the types that numpy lacks
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from seaway.engines.element_types import STRING, number_named
from seaway.engines.engine import Array, EngineOptions, Model
from seaway.engines.litert_file import keeps_state, metadata_signatures, short_names
from seaway.engines.litert_rows import with_free_rows
from seaway.engines.signatures import DEFAULT, FREE, PREDICT, Signature, TensorSpec, check_shapes, fits, read, written
from seaway.errors import DataLoss, FailedPrecondition, Internal, InvalidArgument, Unimplemented
from seaway.protos import message

MODEL_FILE = "model.tflite"

_SHOWN_CHARACTERS = 400
# What the interpreter says when a graph cannot take the shapes of its inputs; nothing else changes between runs.
_SHAPES_AT_FAULT = "failed to prepare"

Runner = Callable[[Mapping[str, Array]], Mapping[str, Any]]


class LiteRtEngine:
    """Loads `model.tflite`."""

    def load(self, path: Path, options: EngineOptions) -> Model:
        """Return the version in this directory.

        Raises:  DataLoss - the file is damaged; FailedPrecondition - there is none, or LiteRT refuses it, with its
                 words; Unimplemented - a tensor's type cannot be served.
        """
        file = path / MODEL_FILE
        if not file.is_file():
            raise FailedPrecondition(f"{path} has no {MODEL_FILE}")
        # Read, not mapped: a file that is overwritten in place must not reach into a running model.
        content = file.read_bytes()
        first = _Session(content, options.intra_op_threads, file)
        signatures = {
            name: with_free_rows(name, signature, partial(first.run, name))
            for name, signature in first.signatures.items()
        }
        others = range(1, _interpreters(content, options, file))
        sessions = [first, *(_Session(content, options.intra_op_threads, file) for _ in others)]
        return LiteRtModel(sessions, _answered(signatures, first.method_names))


ENGINE = LiteRtEngine()


class LiteRtModel:
    """Interpreters that wait for a run."""

    def __init__(self, sessions: Sequence[_Session], signature_def_map: bytes) -> None:
        """Have every interpreter wait."""
        self._idle: LifoQueue[_Session] = LifoQueue()
        for session in reversed(sessions):
            self._idle.put(session)
        self._signature_def_map = signature_def_map
        self._signatures = read(signature_def_map)

    def signature_def_map(self) -> bytes:
        """Return the file's signatures, with leading dimensions free where that was proven."""
        return self._signature_def_map

    def run(self, signature: str, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Mapping[str, Array]:
        """Run on an idle interpreter; wait for one if there is none.

        Raises:  InvalidArgument - the graph cannot take these shapes; Internal - LiteRT's words.
        """
        _check_shapes(self._signatures[signature], inputs)
        session = self._idle.get()
        try:
            answer = session.run(signature, inputs)
        finally:
            self._idle.put(session)
        return {name: answer[name] for name in outputs}

    def close(self) -> None:
        """Free the interpreters."""
        while not self._idle.empty():
            self._idle.get()


@dataclass(frozen=True, slots=True)
class _Tensors:
    """The numbers of a signature's tensors in the main graph, by the signature's names."""

    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


class _Session:
    """One interpreter, and what answers each signature on it; for one run at a time."""

    def __init__(self, content: bytes, threads: int, file: Path) -> None:
        """Verify the file and allocate its tensors.

        Raises:  SeawayError - as `LiteRtEngine.load`.
        """
        interpreter = _interpreter(content, threads, file)
        self.method_names: dict[str, str] = {}
        self.signatures: dict[str, Signature] = {}
        self._runners: dict[str, Runner] = {}
        try:
            if interpreter.get_signature_list():
                self._take_signatures(interpreter)
            else:
                self._take_main_graph(interpreter, metadata_signatures(content))
        except (TypeError, ValueError, RuntimeError) as err:  # the first: of a name that is not text
            raise FailedPrecondition(f"LiteRT cannot serve {file}: {_words(err)}") from err

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return every output, copied.

        Raises:  InvalidArgument - the graph cannot take these shapes; Internal - LiteRT's words.
        """
        try:
            answer = self._runners[signature](inputs)
        except (ValueError, RuntimeError) as err:
            kind = InvalidArgument if _SHAPES_AT_FAULT in str(err) else Internal
            raise kind(f"LiteRT: {_words(err)}") from err
        return {name: np.asarray(value) for name, value in answer.items()}

    def _take_signatures(self, interpreter: Any) -> None:
        for name in interpreter.get_signature_list():
            runner = interpreter.get_signature_runner(name)
            self.signatures[name] = Signature(_specs(runner.get_input_details()), _specs(runner.get_output_details()))
            self._runners[name] = _named(runner)

    def _take_main_graph(self, interpreter: Any, declared: Mapping[str, Any]) -> None:
        inputs = {each["name"]: each for each in interpreter.get_input_details()}
        outputs = {each["name"]: each for each in interpreter.get_output_details()}
        if not declared:
            sides = (short_names(list(inputs)), short_names(list(outputs)))
            chosen = {
                DEFAULT: (
                    {short: inputs[name] for name, short in sides[0].items()},
                    {short: outputs[name] for name, short in sides[1].items()},
                )
            }
        else:
            chosen = {
                name: (_declared(entry.inputs, inputs), _declared(entry.outputs, outputs))
                for name, entry in declared.items()
            }
            self.method_names = {name: entry.method_name or PREDICT for name, entry in declared.items()}
        for name, (given, answered) in chosen.items():
            self.signatures[name] = Signature(_specs(given), _specs(answered))
            self._runners[name] = _numbered(interpreter, _Tensors(_numbers(given), _numbers(answered)))


def _check_shapes(signature: Signature, inputs: Mapping[str, Array]) -> None:
    """Refuse inputs that do not fit their signature; trailing dimensions of 1 may be missing.

    Clients of TensorFlow Serving send [2.0] where [[2.0]] is declared, and element-wise graphs answer that. Any other
    rank would be cut into rows of the declared width, and answered with something.

    Raises:  InvalidArgument - names the input, its shape and what is expected.
    """
    for name, array in inputs.items():
        expected = signature.inputs[name].shape or ()
        # At least one dimension must be there: a number alone says nothing of rows.
        missing = len(expected) - array.ndim if array.ndim else 0
        if not fits(array.shape + (1,) * missing, expected):
            check_shapes(signature, {name: array})


def _interpreter(content: bytes, threads: int, file: Path) -> Any:
    if not content:
        raise DataLoss(f"{file} is empty")
    try:
        interpreter = Interpreter(model_content=content, num_threads=threads)
    except ValueError as err:
        raise DataLoss(f"{file} is damaged, or of a later form than LiteRT knows: {_words(err)}") from err
    try:
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as err:
        raise FailedPrecondition(f"LiteRT cannot serve {file}: {_words(err)}") from err
    return interpreter


def _interpreters(content: bytes, options: EngineOptions, file: Path) -> int:
    """Return how many interpreters a version has: never more than runs at once."""
    if keeps_state(content):
        print(f"seaway: {file} keeps state between runs: one interpreter answers all", file=sys.stderr, flush=True)
        return 1
    return min(options.threads, options.interpreters or options.threads)


def _named(runner: Any) -> Runner:
    return lambda inputs: runner(**inputs)


def _numbered(interpreter: Any, tensors: _Tensors) -> Runner:
    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        for name, array in inputs.items():
            interpreter.resize_tensor_input(tensors.inputs[name], array.shape)
        interpreter.allocate_tensors()
        for name, array in inputs.items():
            interpreter.set_tensor(tensors.inputs[name], array)
        interpreter.invoke()
        return {name: interpreter.get_tensor(number) for name, number in tensors.outputs.items()}

    return run


def _declared(side: Mapping[str, Any], tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tensors that a signature of the metadata names, with or without what follows the colon."""
    found = {}
    for alias, info in side.items():
        tensor = tensors.get(info.name) or tensors.get(info.name.partition(":")[0])
        if tensor is None:
            raise FailedPrecondition(f"the file's signature calls '{alias}' the tensor {info.name}, which is not there")
        found[alias] = tensor
    return found


def _numbers(details: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(tensor["index"]) for name, tensor in details.items()}


def _specs(details: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {name: _spec(name, tensor) for name, tensor in details.items()}


def _spec(name: str, tensor: Mapping[str, Any]) -> TensorSpec:
    dtype = np.dtype(tensor["dtype"])
    number = STRING if dtype.kind == "S" else number_named(dtype.name)
    if number is None:
        raise Unimplemented(f"LiteRT's tensor '{name}' of type {dtype.name} cannot be served")
    return TensorSpec(number, tuple(FREE if size < 0 else int(size) for size in tensor["shape_signature"]))


def _answered(signatures: Mapping[str, Signature], method_names: Mapping[str, str]) -> bytes:
    whole = message("tensorflow.serving.SignatureDefMap").FromString(written(signatures))
    for name, method_name in method_names.items():
        whole.signature_def[name].method_name = method_name
    return bytes(whole.SerializeToString())


def _words(err: Exception) -> str:
    return " ".join(str(err).split())[:_SHOWN_CHARACTERS]
