"""The proof that a version carries: requests, and what the model itself answers to them in this process.

Examples that were given are recorded; a signature without any gets requests made from its types and shapes. What the
model cannot answer is no example; where it can answer none, the version has no proof for that signature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seaway.engines.element_types import NUMPY, STRING, shown
from seaway.engines.engine import Array
from seaway.engines.signatures import DEFAULT, Signature, TensorSpec, fits, shown_shape, written
from seaway.errors import FailedPrecondition, SeawayError
from seaway.export.adapter import Adapted
from seaway.export.examples import Given, Inputs, requests
from seaway.proof.passport import Origin
from seaway.proof.samples import made_samples
from seaway.proof.warmup import WARMUP_FILE
from seaway.protos import message
from seaway.protos.tensors import array_of, put_values
from seaway.protos.tfrecord import write_tfrecords

_JOINED = (3,)
"""Rows of the made requests of several rows."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The records of a version."""

    origin: Origin
    """`given` where any signature has given ones."""
    records: tuple[bytes, ...]
    """Serialized PredictionLogs, each with its answer."""
    without: tuple[str, ...]
    """Signatures for which there is none."""

    @property
    def size_bytes(self) -> int:
        """Return what they take."""
        return sum(map(len, self.records))


def recorded(model: Adapted, given: Given) -> Recording:
    """Ask the model in this process and record what it answers.

    Raises:  InvalidArgument - examples do not fit a signature, or the model fails on them; FailedPrecondition - its
             answers are not what its signature says.
    """
    records: list[bytes] = []
    without: list[str] = []
    for name, signature in model.signatures.items():
        rows = _rows_of(name, signature, given)
        found = [*_given(model, name, rows)] if rows else [*_made(model, name, signature)]
        records += found
        if not found:
            without.append(name)
    origin: Origin = "generated" if given.is_empty else "given"
    return Recording(origin, tuple(records), tuple(without))


def write_records(version_path: Path, records: tuple[bytes, ...]) -> None:
    """Write the warm-up file of a version that nobody reads yet; none where there is nothing to write."""
    if not records:
        return
    file = version_path / WARMUP_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as opened:
        write_tfrecords(opened, records)


def _rows_of(name: str, signature: Signature, given: Given) -> Mapping[str, Array]:
    if name != DEFAULT:
        return given.others.get(name, {})
    if given.rows is None:
        return given.named
    if len(signature.inputs) != 1:
        raise FailedPrecondition(
            f"the model has the inputs {', '.join(signature.inputs)}; give examples by name: {{'NAME': rows, ...}}"
        )
    return {next(iter(signature.inputs)): given.rows}


def _given(model: Adapted, name: str, rows: Mapping[str, Array]) -> Iterator[bytes]:
    signature = model.signatures[name]
    for inputs in requests(signature, rows):
        yield _record(name, signature, inputs, model.answer(name, inputs))


def _made(model: Adapted, name: str, signature: Signature) -> Iterator[bytes]:
    definitions = message("tensorflow.serving.SignatureDefMap").FromString(written({name: signature}))
    for sample in made_samples(definitions, _JOINED):
        if sample.kind not in {"ordinary", "rows"}:
            continue
        request = message("tensorflow.serving.PredictRequest").FromString(sample.request)
        inputs = {alias: array_of(request.inputs[alias]) for alias in signature.inputs}
        try:
            answer = model.answer(name, inputs)
        except SeawayError:
            continue
        except Exception:  # made-up values may be none that the model takes: a word outside its vocabulary, say
            continue
        yield _record(name, signature, inputs, answer)


def _record(name: str, signature: Signature, inputs: Inputs, answer: Mapping[str, Array]) -> bytes:
    log: Any = message("tensorflow.serving.PredictionLog")()
    log.predict_log.request.model_spec.signature_name = name
    for alias, array in inputs.items():
        put_values(log.predict_log.request.inputs[alias], signature.inputs[alias].dtype, array)
    for alias, spec in signature.outputs.items():
        put_values(log.predict_log.response.outputs[alias], spec.dtype, _checked(alias, answer[alias], spec))
    return bytes(log.SerializeToString(deterministic=True))


def _checked(name: str, array: Array, spec: TensorSpec) -> Array:
    """Return an output that is what its signature says.

    Raises:  FailedPrecondition - its type or shape is another.
    """
    is_text = array.dtype.kind in "OSU"
    expected = np.dtype(object) if spec.dtype == STRING else NUMPY.get(spec.dtype)
    if (not is_text and array.dtype != expected) or is_text != (spec.dtype == STRING):
        raise FailedPrecondition(f"output {name!r} is {array.dtype}; its signature says {shown(spec.dtype)}")
    if spec.shape is not None and not fits(array.shape, spec.shape):
        raise FailedPrecondition(
            f"output {name!r} has shape {shown_shape(array.shape)}; its signature says {shown_shape(spec.shape)}"
        )
    return array
