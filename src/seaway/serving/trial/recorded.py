"""The proof that needs no second engine: recorded requests whose recorded answers must come out again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seaway._core import Plane
from seaway.errors import FailedPrecondition
from seaway.protos import message
from seaway.serving.instance import as_seaway_error
from seaway.serving.trial.agreement import compare_tensors
from seaway.serving.warmup import WARMUP_FILE, read_warmup_records


def prove_recorded(plane: Plane, channel: int, path: Path) -> str:
    """Replay the records of a version that hold an answer; return what that proved, in words for the status.

    Raises:  FailedPrecondition - an answer differs from the recorded one, says where.
    """
    proven = 0
    for index, record in enumerate(read_warmup_records(path)):
        log = message("tensorflow.serving.PredictionLog").FromString(record).predict_log
        if not log.response.outputs:
            continue
        with as_seaway_error(f"recorded request {index}: "):
            answer = plane.predict(channel, log.request.SerializeToString())
        _check(index, log.response, message("tensorflow.serving.PredictResponse").FromString(answer))
        proven += 1
    if not proven:
        return f"not proven: TensorFlow is not installed, and {WARMUP_FILE} holds no request with its answer"
    return f"TensorFlow is not installed; {proven} recorded answers came out the same, nothing else was proven"


def _check(index: int, recorded: Any, found: Any) -> None:
    for name in sorted(recorded.outputs):
        if name not in found.outputs:
            raise FailedPrecondition(f"recorded request {index}: output {name!r} is missing")
        difference = compare_tensors(recorded.outputs[name], found.outputs[name]).difference
        if difference:
            raise FailedPrecondition(f"recorded request {index}: output {name!r}: {difference}")
