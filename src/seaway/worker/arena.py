"""The arena as a worker sees it: inputs as arrays over the shared memory, outputs copied into it.

An input array is a view; nothing is copied. Whoever keeps one beyond its run would see the next request's values in it,
so a run's inputs can be asked afterwards whether anything still refers to them (`Inputs.are_retained`).

Source: docs/worker-protocol.md, Arena and Strings.
"""

from __future__ import annotations

import ctypes
import math
import mmap
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seaway.engines.element_types import NUMPY, STRING, number_of
from seaway.engines.engine import Array
from seaway.errors import Internal, InvalidArgument, ResourceExhausted, Unimplemented
from seaway.worker.protocol import (
    DType,
    FrameError,
    Layout,
    Run,
    TensorHeader,
    align,
    decode_strings,
    encode_strings,
)


@dataclass(slots=True)
class Inputs:
    """The inputs of one run by name."""

    arrays: dict[str, Array] = field(default_factory=dict)
    owners: list[weakref.ref[Any]] = field(default_factory=list)

    def are_retained(self) -> bool:
        """Let go of the arrays, and tell whether anybody else still refers to their memory."""
        self.arrays.clear()
        return any(owner() is not None for owner in self.owners)


class Arena:
    """One channel's shared memory."""

    def __init__(self, fd: int, layout: Layout) -> None:
        """Map it; the descriptor stays the caller's.

        Raises:  OSError, ValueError - it is not a file of that size.
        """
        self.layout = layout
        self._memory = mmap.mmap(fd, layout.total_bytes)

    def read(self, run: Run, inputs: Inputs, *, copied: bool) -> None:
        """Fill in the inputs of a run: views, or copies where an engine keeps what it is given.

        Raises:  InvalidArgument - bytes do not fit a shape, or an input is given twice; Internal - an input lies
                 elsewhere; Unimplemented - numpy has no such type.
        """
        for header in run.inputs:
            if header.name in inputs.arrays:
                raise InvalidArgument(f"input '{header.name}' is given twice")
            array = self._input(run.slot, header, inputs)
            inputs.arrays[header.name] = array.copy() if copied else array

    def write(self, slot: int, outputs: Mapping[str, Array]) -> tuple[TensorHeader, ...]:
        """Copy outputs into the slot's output region and say where they lie.

        Raises:  ResourceExhausted - they do not fit; Unimplemented - the wire has no such element type.
        """
        start = offset = self.layout.output_offset(slot)
        total = sum(align(_length(name, array)) for name, array in outputs.items())
        if total > self.layout.stride_bytes:
            raise ResourceExhausted(
                f"the outputs take {total} bytes, a response may have {self.layout.stride_bytes}: "
                "ask for fewer rows or outputs, or raise queue.slot_bytes"
            )
        headers = []
        for name, array in outputs.items():
            length = self._copy(array, offset)
            headers.append(TensorHeader(name, DType(number_of(array) or 0), array.shape, offset, length))
            offset = start + align(offset - start + length)
        return tuple(headers)

    def close(self) -> None:
        """Give the address space back; what still refers to it keeps it."""
        with suppress(BufferError):
            self._memory.close()

    def _input(self, slot: int, header: TensorHeader, inputs: Inputs) -> Array:
        start = self.layout.input_offset(slot)
        if not start <= header.offset <= header.offset + header.length <= start + self.layout.stride_bytes:
            raise Internal(f"input '{header.name}' does not lie in the input region of slot {slot}")
        if any(size < 0 for size in header.shape):
            raise InvalidArgument(f"input '{header.name}' has no size: shape {list(header.shape)}")
        count = math.prod(header.shape)
        if header.dtype == STRING:
            return self._strings(header, count)
        dtype = NUMPY.get(header.dtype)
        if dtype is None:
            raise Unimplemented(f"input '{header.name}' of type {header.dtype.name} cannot be given to this engine")
        if count * dtype.itemsize != header.length:
            raise InvalidArgument(
                f"input '{header.name}' of type {dtype} and shape {list(header.shape)} does not take "
                f"{header.length} bytes"
            )
        if not count:
            return np.empty(header.shape, dtype)
        owner: Any = (ctypes.c_char * header.length).from_buffer(self._memory, header.offset)
        inputs.owners.append(weakref.ref(owner))
        return np.ndarray(header.shape, dtype, buffer=owner)

    def _strings(self, header: TensorHeader, count: int) -> Array:
        try:
            elements = decode_strings(self._memory[header.offset : header.offset + header.length], count)
        except FrameError as err:
            raise InvalidArgument(f"input '{header.name}': its strings do not fit its shape") from err
        strings = np.empty(count, object)
        strings[:] = elements
        return strings.reshape(header.shape)

    def _copy(self, array: Array, offset: int) -> int:
        if number_of(array) == STRING:
            data = encode_strings(_elements(array))
            self._memory[offset : offset + len(data)] = data
            return len(data)
        if array.size:
            np.ndarray(array.shape, array.dtype, buffer=self._memory, offset=offset)[...] = array
        return array.nbytes


def _length(name: str, array: Array) -> int:
    number = number_of(array)
    if number is None:
        raise Unimplemented(f"output '{name}' of type {array.dtype} cannot be sent")
    if number == STRING:
        return sum(map(len, _elements(array))) + 8 * (array.size + 1)
    return array.nbytes


def _elements(array: Array) -> list[bytes]:
    return [each if isinstance(each, bytes) else str(each).encode() for each in array.ravel().tolist()]
