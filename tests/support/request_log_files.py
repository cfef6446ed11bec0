"""Entries of every element type and method, and the files that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seaway.protos.tensors import COMPLEX, ELEMENT_TYPES, STRING, Tensor
from seaway.protos.tfrecord import write_tfrecords
from seaway.request_log.entry import Entry, Features, Result, record_of

AT = 1_790_000_000
EXAMPLE: Features = {
    "bytes": {"bytes": [b"\xff"]},
    "empty": {"float": []},
    "float": {"float": [0.10000000149011612]},
    "int": {"int64": [2**60]},
    "nothing": {},
}
CLASSES: Result = {
    "signature": "c",
    "method": "classify",
    "classes": [[{"label": "a", "score": 0.5}], []],
    "values": None,
}
VALUES: Result = {"signature": "r", "method": "regress", "classes": None, "values": [0.5]}


def tensor(dtype: str) -> Tensor:
    """Return a matrix of two rows that has the extremes of its type."""
    if dtype == STRING:
        words = np.empty(4, object)
        words[:] = [b"a", b"\xff\x00", b"", "ü".encode()]
        return Tensor(dtype, (2, 2), words)
    kind = np.dtype(ELEMENT_TYPES[dtype].numpy)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return Tensor(dtype, (2, 2), np.array([limits.min, limits.max, 0, 1], kind))
    if kind.kind == "b":
        return Tensor(dtype, (2, 2), np.array([True, False, False, True]))
    if dtype in COMPLEX:
        return Tensor(dtype, (2, 2), np.array([1 + 2j, -0.5j, complex("nan"), 0], kind))
    return Tensor(dtype, (2, 2), np.array([np.nan, -np.inf, 0.125, -0.0], kind))


def predicted(dtype: str = "float32", version: int | None = 3, **changes: object) -> Entry:
    """Return a Predict request with its answer."""
    scalar = Tensor("float32", (), np.array([0.1], np.float32))
    empty = Tensor("int64", (0, 3), np.empty(0, np.int64))
    fields = {"inputs": {"s": scalar, "x": tensor(dtype)}, "outputs": {"e": empty, "y": tensor(dtype)}} | changes
    return Entry("predict", "m", "serving_default", version, AT, 0.5, **fields)  # type: ignore[arg-type]


def asked(value: float, signature: str = "serving_default", version: int = 3, answer: bool = True) -> Entry:
    """Return a Predict request of one value."""
    one = Tensor("float32", (1,), np.array([value], np.float32))
    return Entry("predict", "m", signature, version, AT, 1.0, {"x": one}, {"y": one} if answer else {})


EXAMPLES = (
    Entry("classify", "m", "c", 3, AT, 0.5, examples=(EXAMPLE, {}), context=EXAMPLE, results=(CLASSES,)),
    Entry("regress", "m", "r", 3, AT, 0.5, examples=(EXAMPLE,), results=(VALUES,)),
    Entry("multi_inference", "m", "r", 3, AT, 0.5, examples=(EXAMPLE,), results=(VALUES, CLASSES)),
    Entry("regress", "m", "r", examples=(EXAMPLE,), results=({**VALUES, "values": None},)),
)


def tfrecord(path: Path, entries: Sequence[Entry]) -> Path:
    """Write a file as the plane does."""
    with path.open("wb") as file:
        write_tfrecords(file, map(record_of, entries))
    return path
