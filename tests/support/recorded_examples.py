"""Records for tests: Predict calls with and without their answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from seaway.engines.engine import Array
from seaway.proof.passport import FORMAT, Examples, Passport, default_tolerance, write_passport
from seaway.proof.warmup import WARMUP_FILE
from seaway.protos import message
from seaway.protos.tensors import array_of, put_array
from seaway.protos.tfrecord import write_tfrecords


def record(x: Array, y: Array | None) -> bytes:
    log = message("tensorflow.serving.PredictionLog")()
    log.predict_log.request.model_spec.signature_name = "serving_default"
    put_array(log.predict_log.request.inputs["x"], x)
    if y is not None:
        put_array(log.predict_log.response.outputs["y"], y)
    return bytes(log.SerializeToString())


def doubled(*numbers: float) -> list[bytes]:
    """Records of a model that doubles."""
    rows = [np.array([number], np.float32) for number in numbers]
    return [record(row, row * 2) for row in rows]


def answering(factor: float) -> Any:
    """What asks a model that multiplies."""

    def ask(request: bytes) -> bytes:
        given = message("tensorflow.serving.PredictRequest").FromString(request)
        answer = message("tensorflow.serving.PredictResponse")()
        put_array(answer.outputs["y"], (array_of(given.inputs["x"]) * factor).astype(np.float32))
        return bytes(answer.SerializeToString())

    return ask


def version(path: Path, records: list[bytes], promised: int | None = None) -> Path:
    """A version directory with these records, and a passport where a number of records is promised."""
    (path / WARMUP_FILE).parent.mkdir(parents=True, exist_ok=True)
    with (path / WARMUP_FILE).open("wb") as file:
        write_tfrecords(file, records)
    if promised is not None:
        write_passport(path, passport(promised))
    return path


def passport(promised: int) -> Passport:
    examples = Examples("given", promised, 10) if promised else None
    return Passport(FORMAT, "test.Model", "now", {}, examples, default_tolerance())
