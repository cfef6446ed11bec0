"""Where a large batch is cut, and how the answers become one again.

Pure. An input with a free leading dimension is cut into the same rows as the others; one without goes with every part.
Outputs are joined where each part's answer has exactly the part's rows: anything else, such as a mean over the batch,
would change its meaning, and is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from seaway.client.dtypes import STRING, Array, number_of
from seaway.client.signature import Signature
from seaway.errors import FailedPrecondition, InvalidArgument

_PER_MESSAGE_BYTES = 512
"""What a request holds besides values: names, shapes, lengths."""
_PER_TEXT_BYTES = 6


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a request may be; None is no limit."""

    max_rows: int | None = None
    max_bytes: int | None = None

    @property
    def any(self) -> bool:
        """Whether there is anything to obey."""
        return self.max_rows is not None or self.max_bytes is not None


@dataclass(frozen=True, slots=True)
class Part:
    """Rows from `start` up to `stop`, which is not among them."""

    start: int
    stop: int

    def of(self, arrays: Mapping[str, Array], batched: frozenset[str]) -> Mapping[str, Array]:
        """Return these rows of the inputs that have rows, and the others whole; nothing is copied."""
        return {name: array[self.start : self.stop] if name in batched else array for name, array in arrays.items()}


def parts_of(arrays: Mapping[str, Array], signature: Signature | None, limits: Limits) -> Sequence[Part]:
    """Return the parts that a request is cut into; none when it is sent whole.

    Raises:  InvalidArgument - it is too large, and its inputs have no rows in common, or a row alone is too large.
    """
    if not limits.any:
        return ()
    batched = inputs_with_rows(arrays, signature)
    rows = {name: arrays[name].shape[0] for name in sorted(batched)}
    if not _is_too_large(arrays, rows, limits):
        return ()
    if len(set(rows.values())) != 1:
        found = ", ".join(f"{name}: {count}" for name, count in rows.items()) or "no input has a free first dimension"
        raise InvalidArgument(f"the inputs cannot be split into rows ({found}); send them whole, without a limit")
    room = None
    if limits.max_bytes is not None:
        with_every_part = sum(_bytes_of(array) for name, array in arrays.items() if name not in batched)
        room = limits.max_bytes - _PER_MESSAGE_BYTES - with_every_part
    sizes = _row_bytes({name: arrays[name] for name in rows}) if room is not None else 0
    parts = list(_cut(next(iter(rows.values())), sizes, limits.max_rows, room))
    return parts if len(parts) > 1 else ()


def inputs_with_rows(arrays: Mapping[str, Array], signature: Signature | None) -> frozenset[str]:
    """Return the inputs that are cut: those whose leading dimension is free; all arrays, where that is not known."""
    specs = signature.inputs if signature is not None else {}
    return frozenset(
        name for name, array in arrays.items() if array.ndim and (name not in specs or specs[name].has_rows)
    )


def joined(parts: Sequence[Part], answers: Sequence[Mapping[str, Array]]) -> Mapping[str, Array]:
    """Return one answer out of those of the parts, in their order.

    Raises:  FailedPrecondition - an output has other rows than the request, so that joining would change what it means.
    """
    for part, answer in zip(parts, answers, strict=True):
        for name, array in answer.items():
            if not array.ndim or array.shape[0] != part.stop - part.start:
                raise FailedPrecondition(
                    f"output {name!r} of shape {array.shape} does not have the {part.stop - part.start} rows of its "
                    "part, so the parts cannot be joined; send the batch whole, without max_batch_rows"
                )
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def _is_too_large(arrays: Mapping[str, Array], rows: Mapping[str, int], limits: Limits) -> bool:
    if limits.max_rows is not None and max(rows.values(), default=0) > limits.max_rows:
        return True
    return limits.max_bytes is not None and sum(map(_bytes_of, arrays.values())) + _PER_MESSAGE_BYTES > limits.max_bytes


def _cut(rows: int, row_bytes: Sequence[int] | int, max_rows: int | None, room: int | None) -> Iterator[Part]:
    """Yield parts: all of the same size where rows are, and as full as they may be where rows differ."""
    most = max_rows or rows
    if isinstance(row_bytes, int):
        if room is not None:
            _check_row(row_bytes, room)
            most = min(most, room // max(row_bytes, 1))
        yield from (Part(start, stop) for start, stop in pairwise([*range(0, rows, most), rows]))
        return
    start, filled = 0, 0
    for row, size in enumerate(row_bytes):
        if room is not None:
            _check_row(size, room)
        if row - start >= most or (row > start and room is not None and filled + size > room):
            yield Part(start, row)
            start, filled = row, 0
        filled += size
    yield Part(start, rows)


def _check_row(size: int, room: int) -> None:
    if max(size, 1) > room:
        raise InvalidArgument(
            f"one row has {size} bytes, and max_message_bytes leaves {max(room, 0)} for rows; raise max_message_bytes"
        )


def _row_bytes(arrays: Mapping[str, Array]) -> Sequence[int] | int:
    """Return the bytes of each row; one number where all rows are alike."""
    uniform = 0
    by_row: list[int] = []
    for array in arrays.values():
        if number_of(array.dtype) == STRING:
            sizes = [_bytes_of(row) for row in array]
            by_row = [one + other for one, other in zip(by_row, sizes, strict=True)] if by_row else sizes
        else:
            uniform += array.nbytes // max(array.shape[0], 1)
    return [size + uniform for size in by_row] if by_row else uniform


def _bytes_of(value: object) -> int:
    if isinstance(value, np.ndarray):
        return int(value.nbytes) if value.dtype != object else sum(map(_bytes_of, value.ravel().tolist()))
    return len(value if isinstance(value, bytes) else str(value).encode()) + _PER_TEXT_BYTES
