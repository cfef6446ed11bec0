"""The messages of Remote Write 1.0, written in pieces: a series' labels once, its samples again and again.

Joined, the bytes of two parts of a message are the bytes of the whole, and a message within another is written as bytes
are. So the labels of a series, which never change, are encoded when it is first seen and kept; each sample is appended.

Source: https://protobuf.dev/programming-guides/encoding/ ("Last One Wins", "Length-Delimited Records"), and
    https://prometheus.io/docs/specs/prw/remote_write_spec/ for names and numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from seaway import extras
from seaway.errors import FailedPrecondition

_PACKAGE = "prometheus"
_Field = descriptor_pb2.FieldDescriptorProto
_STRING, _DOUBLE, _INT64 = _Field.TYPE_STRING, _Field.TYPE_DOUBLE, _Field.TYPE_INT64
_BYTES, _MESSAGE = _Field.TYPE_BYTES, _Field.TYPE_MESSAGE
_FIELDS = {
    "Label": [("name", 1, _STRING, ""), ("value", 2, _STRING, "")],
    "Sample": [("value", 1, _DOUBLE, ""), ("timestamp", 2, _INT64, "")],
    "TimeSeries": [("labels", 1, _MESSAGE, "Label*"), ("samples", 2, _MESSAGE, "Sample*")],
    "WriteRequest": [("timeseries", 1, _MESSAGE, "TimeSeries*")],
    # The same on the wire as a WriteRequest; its series are written already.
    "WrittenRequest": [("timeseries", 1, _BYTES, "*")],
}

STALE = float(struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0])
"""The not-a-number that says that a series has no value any more."""


@cache
def message(name: str) -> Any:
    """Return the class of a message: Label, Sample, TimeSeries, WriteRequest or WrittenRequest."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def labels(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Return a series without samples; who joins parts of its labels keeps them sorted by name."""
    label = message("Label")
    # Text from elsewhere may hold half of a surrogate pair, which is no text on the wire.
    given = [label(name=_whole(name), value=_whole(value)) for name, value in pairs]
    return bytes(message("TimeSeries")(labels=given).SerializeToString())


def sample(value: float, at: int) -> bytes:
    """Return a sample of a series, to be joined to its labels. Units: at in milliseconds since the Unix epoch."""
    return bytes(message("TimeSeries")(samples=[message("Sample")(value=value, timestamp=at)]).SerializeToString())


def request(series: Sequence[bytes]) -> bytes:
    """Return a whole request, as it is before compression."""
    return bytes(message("WrittenRequest")(timeseries=series).SerializeToString())


def compressed(content: bytes) -> bytes:
    """Return it in snappy's block format. Raises: FailedPrecondition - the package that can do so is missing."""
    try:
        from cramjam import snappy  # noqa: PLC0415 - only who writes elsewhere needs it
    except ImportError as err:
        raise FailedPrecondition(
            f"--remote-write compresses with cramjam, which is not installed; `{extras.command('monitor')}` brings it"
        ) from err
    return bytes(snappy.compress_raw(content))


def _whole(text: str) -> str:
    return text.encode(errors="replace").decode()


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="remote.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _FIELDS.items():
        described = file.message_type.add(name=name)
        for field, number, kind, of in fields:
            times = _Field.LABEL_REPEATED if of.endswith("*") else _Field.LABEL_OPTIONAL
            added = described.field.add(name=field, number=number, label=times, type=kind)
            if kind == _MESSAGE:
                added.type_name = f".{_PACKAGE}.{of.rstrip('*')}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool
