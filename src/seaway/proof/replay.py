"""Recorded requests whose recorded answers must come out again: pure but for the function that is asked.

An answer is compared output by output with what was recorded; an output that was not recorded proves nothing and
breaks nothing. Records of other calls than Predict, and those without an answer, are for warm-up only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from seaway.errors import DataLoss, FailedPrecondition, SeawayError
from seaway.proof.agreement import TOLERANCES, Tolerance, compare_tensors
from seaway.proof.passport import PASSPORT_FILE, Passport
from seaway.proof.warmup import WARMUP_FILE
from seaway.protos import message

Ask = Callable[[bytes], bytes]
"""A serialized PredictRequest in, a serialized PredictResponse out; raises SeawayError."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request and the answer that must come out of it."""

    index: int
    """Its place in the file."""
    request: Any
    response: Any


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found: nothing wrong where `differences` is empty."""

    compared: int
    """Answers that were compared, whatever came of it."""
    largest: float
    """Largest difference between two finite values, relative to the largest value of the output."""
    differences: tuple[str, ...] = ()
    """A sentence for each record that is answered otherwise, or not at all."""


def recorded_answers(records: Sequence[bytes]) -> list[Recorded]:
    """Return the Predict calls among PredictionLogs that hold their answer.

    Raises:  DataLoss - a record is no PredictionLog.
    """
    found = []
    for index, record in enumerate(records):
        try:
            log = message("tensorflow.serving.PredictionLog").FromString(record).predict_log
        except DecodeError as err:
            raise DataLoss(f"record {index} of {WARMUP_FILE} is no PredictionLog: {err}") from err
        if log.response.outputs:
            found.append(Recorded(index, log.request, log.response))
    return found


def replay(recorded: Sequence[Recorded], ask: Ask, tolerances: Mapping[str, Tolerance] = TOLERANCES) -> Replayed:
    """Ask everything again and compare."""
    largest = 0.0
    differences = []
    for each in recorded:
        try:
            answer = message("tensorflow.serving.PredictResponse").FromString(ask(each.request.SerializeToString()))
        except SeawayError as err:
            differences.append(f"recorded request {each.index}: {err.message}")
            continue
        difference, share = _compared(each, answer, tolerances)
        largest = max(largest, share)
        if difference:
            differences.append(f"recorded request {each.index}: {difference}")
    return Replayed(len(recorded), largest, tuple(differences))


def check_complete(passport: Passport | None, recorded: Sequence[Recorded]) -> None:
    """Refuse a version that holds fewer recorded answers than its exporter has written.

    Raises:  FailedPrecondition - says how many there are, and how many there were.
    """
    promised = passport.examples.records if passport and passport.examples else 0
    if len(recorded) < promised:
        raise FailedPrecondition(
            f"{WARMUP_FILE} holds {len(recorded)} of the {promised} recorded answers that the version was exported "
            f"with; copy or export it again, or remove {PASSPORT_FILE} if they were replaced on purpose"
        )


def _compared(recorded: Recorded, found: Any, tolerances: Mapping[str, Tolerance]) -> tuple[str, float]:
    largest = 0.0
    for name in sorted(recorded.response.outputs):
        if name not in found.outputs:
            return f"output {name!r} is missing", largest
        comparison = compare_tensors(recorded.response.outputs[name], found.outputs[name], tolerances)
        largest = max(largest, comparison.largest)
        if comparison.difference:
            return f"output {name!r}: {comparison.difference}", largest
    return "", largest
