"""From a log of requests to examples with expected answers, which the proof of an engine replays. Pure.

An answer is expected of the version that gave it, so records of one version are taken. One that was logged with masked
values cannot be told from others here: what is masked was not in the request that was answered.

Source: seaway/proof/replay.py, for the records that prove something.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice, zip_longest

from seaway.errors import FailedPrecondition
from seaway.request_log.entry import parse

Shape = tuple[object, ...]


def example_records(records: Iterable[tuple[str, bytes]], version: int | None, most: int) -> list[bytes]:
    """Return at most so many answered Predict records of a version, each request once; `version` None takes any.

    Signatures and shapes of inputs come in turn, since each may be run in another way by an engine.

    Raises:  FailedPrecondition - there is none, and which versions have answered; InvalidArgument - no PredictionLog.
    """
    kinds: dict[Shape, dict[bytes, bytes]] = {}
    others: set[int] = set()
    for place, record in records:
        log = parse(record, place)
        held, spec = log.predict_log, log.log_metadata.model_spec
        if not held.response.outputs:
            continue
        answered_by = spec.version.value or held.response.model_spec.version.value
        if version is not None and answered_by != version:
            others.add(answered_by)
            continue
        found = kinds.setdefault(_shape(held.request), {})
        if len(found) < most:
            found.setdefault(held.request.SerializeToString(deterministic=True), record)
    if not kinds:
        raise FailedPrecondition(_nothing(version, others))
    in_turn = zip_longest(*(found.values() for found in kinds.values()))
    return list(islice((record for group in in_turn for record in group if record is not None), most))


def _shape(request: object) -> Shape:
    inputs = request.inputs  # type: ignore[attr-defined] # a PredictRequest
    sizes = ((name, *(dim.size for dim in inputs[name].tensor_shape.dim)) for name in sorted(inputs))
    return (request.model_spec.signature_name, *sizes)  # type: ignore[attr-defined]


def _nothing(version: int | None, others: set[int]) -> str:
    if version is None or not others:
        return "the log holds no Predict request with its answer"
    known = ", ".join(map(str, sorted(others)))
    return f"the log holds answers of version {known}, not of {version}; --version chooses whose answers are expected"
