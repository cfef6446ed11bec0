"""How a version answers the recorded requests of another one: pure but for the function that is asked.

Nothing is judged here: a version that was trained anew answers otherwise. Values count as the same within the tolerance
for other kernels, so that the same model exported again shows no change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seaway.engines.element_types import NUMPY
from seaway.errors import SeawayError
from seaway.proof.agreement import compare_arrays
from seaway.proof.replay import Ask, Recorded
from seaway.protos import message
from seaway.protos.tensors import array_of


@dataclass(frozen=True, slots=True)
class Contrast:
    """One output over all requests that had it in both versions."""

    values: int = 0
    changed: int = 0
    largest: float = 0.0
    """Largest difference, relative to the largest value of the output in its request."""

    def __add__(self, other: Contrast) -> Contrast:
        """Return both together."""
        return Contrast(self.values + other.values, self.changed + other.changed, max(self.largest, other.largest))


@dataclass(frozen=True, slots=True)
class Contrasts:
    """All outputs."""

    requests: int
    refused: tuple[str, ...]
    """Why requests were refused that the version before answers."""
    outputs: Mapping[str, Contrast]


def contrasts(recorded: Sequence[Recorded], ask: Ask) -> Contrasts:
    """Ask everything that another version has recorded, and count which values are others."""
    refused: list[str] = []
    outputs: dict[str, Contrast] = {}
    for each in recorded:
        try:
            answer = message("tensorflow.serving.PredictResponse").FromString(ask(_for_any(each.request)))
        except SeawayError as err:
            refused.append(f"recorded request {each.index}: {err.message}")
            continue
        for name in set(each.response.outputs) & set(answer.outputs):
            found = contrast(each.response.outputs[name], answer.outputs[name])
            outputs[name] = outputs.get(name, Contrast()) + found
    return Contrasts(len(recorded), tuple(refused), dict(sorted(outputs.items())))


def contrast(before: Any, after: Any) -> Contrast:
    """Return how two TensorProtos differ; of another type or shape, every value is another one."""
    if before.dtype not in NUMPY or after.dtype not in NUMPY:
        return Contrast(1, int(before.SerializeToString() != after.SerializeToString()))
    one, other = array_of(before), array_of(after)
    if one.shape != other.shape or one.dtype != other.dtype:
        return Contrast(one.size, one.size)
    if one.dtype == object:
        return Contrast(one.size, int(np.count_nonzero(one != other)))
    found = compare_arrays(one.ravel(), other.ravel())
    return Contrast(one.size, found.wrong, found.largest)


def _for_any(request: Any) -> bytes:
    """Return the request without the outputs that were asked for, which the other version may not have."""
    copied = type(request)()
    copied.CopyFrom(request)
    del copied.output_filter[:]
    return bytes(copied.SerializeToString())
