"""From a log of requests to a warm-up file: a few records that stand for all of them. Pure.

Source: tensorflow_serving/servables/tensorflow/saved_model_warmup_util.cc, for the kinds of records that are replayed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest
from typing import Any

from google.protobuf.message import DecodeError

from seaway.errors import InvalidArgument
from seaway.protos import message

_REPLAYED = ("predict_log", "classify_log", "regress_log", "multi_inference_log")


def warmup_records(records: Iterable[bytes], most: int) -> list[bytes]:
    """Return at most so many records: every kind of call and signature in turn, each request once, without answers.

    A version is warm once each shape of request has been run, so that variety counts and not how often one came.

    Raises:  InvalidArgument - one of them is no PredictionLog.
    """
    kinds: dict[tuple[str, ...], dict[bytes, bytes]] = {}
    for index, record in enumerate(records):
        for kind, request in _request(record, index):
            found = kinds.setdefault(kind, {})
            if len(found) < most:
                found.setdefault(request, _without_answer(kind[0], request))
    in_turn = zip_longest(*(found.values() for found in kinds.values()))
    return list(islice((record for group in in_turn for record in group if record is not None), most))


def _request(record: bytes, index: int) -> Iterator[tuple[tuple[str, ...], bytes]]:
    try:
        log = message("tensorflow.serving.PredictionLog").FromString(record)
    except DecodeError as err:
        raise InvalidArgument(f"record {index} is no PredictionLog: {err}") from err
    kind = log.WhichOneof("log_type")
    if kind in _REPLAYED:
        request = getattr(log, kind).request
        # Requests are told apart by their bytes, which must not depend on the order of a map.
        yield (kind, *_signatures(kind, request)), request.SerializeToString(deterministic=True)


def _signatures(kind: str, request: Any) -> tuple[str, ...]:
    specs = [task.model_spec for task in request.tasks] if kind == "multi_inference_log" else [request.model_spec]
    return tuple(spec.signature_name for spec in specs)


def _without_answer(kind: str, request: bytes) -> bytes:
    log = message("tensorflow.serving.PredictionLog")()
    getattr(log, kind).request.MergeFromString(request)
    return bytes(log.SerializeToString(deterministic=True))
