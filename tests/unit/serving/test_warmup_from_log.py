"""Which requests of a log make a warm-up file."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from seaway import protos
from seaway.errors import InvalidArgument
from seaway.protos.tfrecord import read_tfrecords, write_tfrecords
from seaway.serving.warmup_from_log import warmup_records


def log() -> Any:
    return protos.message("tensorflow.serving.PredictionLog")()


def predict(signature: str, value: float) -> bytes:
    record = log()
    request = record.predict_log.request
    request.model_spec.signature_name = signature
    request.inputs["x"].float_val.append(value)
    request.inputs["a"].float_val.append(0.0)
    record.predict_log.response.outputs["y"].float_val.append(value)
    record.log_metadata.timestamp_secs = int(value * 1000)
    return bytes(record.SerializeToString())


def regress(signature: str) -> bytes:
    record = log()
    record.regress_log.request.model_spec.signature_name = signature
    return bytes(record.SerializeToString())


def shown(records: list[bytes]) -> list[tuple[str, str]]:
    found = []
    for record in records:
        read = log().FromString(record)
        kind = read.WhichOneof("log_type")
        found.append((kind, getattr(read, kind).request.model_spec.signature_name))
    return found


def test_every_kind_of_call_and_signature_has_its_turn() -> None:
    records = [*(predict("s", value) for value in range(5)), predict("t", 1.0), regress("s")]

    assert shown(warmup_records(records, 4)) == [
        ("predict_log", "s"),
        ("predict_log", "t"),
        ("regress_log", "s"),
        ("predict_log", "s"),
    ]


def test_a_request_is_taken_once_and_without_its_answer() -> None:
    (record,) = warmup_records([predict("s", 1.0), predict("s", 1.0)], 10)

    read = log().FromString(record)
    assert read.predict_log.request.inputs["x"].float_val == [1.0]
    assert not read.predict_log.HasField("response")
    assert not read.HasField("log_metadata")


def test_what_is_never_replayed_is_left_out() -> None:
    streamed = log()
    streamed.predict_streamed_log.request.add()
    assert warmup_records([streamed.SerializeToString(), b""], 10) == []


def test_what_is_no_record_is_named() -> None:
    with pytest.raises(InvalidArgument, match="record 1 is no PredictionLog"):
        warmup_records([regress("s"), b"\xff\xff"], 10)


def test_what_is_written_is_read_again() -> None:
    file = BytesIO()
    write_tfrecords(file, [b"one", b""])
    file.seek(0)
    assert list(read_tfrecords(file, "memory")) == [b"one", b""]
