"""Whether two engines gave the same answer: pure functions over two PredictResponses.

Floating-point answers cannot be equal to the bit: other kernels add in another order. A value may differ by a share of
itself, or by a smaller share of the largest value of its output, whichever is more. Everything else must be equal.
Where the engine before answers an infinity or NaN, the candidate must answer one of these too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from seaway.engines.element_types import STRING
from seaway.engines.engine import Array
from seaway.protos.tensors import BFLOAT16, NAMES, array_of

_CONTENT = "tensor_content"
_TINY = 1e-30
"""Differences below this are none: engines may count the smallest numbers of a type as zero."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a value may differ."""

    of_itself: float
    of_largest: float


TOLERANCES: Mapping[str, Tolerance] = MappingProxyType(
    {
        "float64": Tolerance(1e-6, 1e-7),
        "float32": Tolerance(1e-3, 1e-4),
        "float16": Tolerance(1e-2, 1e-3),
        "complex128": Tolerance(1e-6, 1e-7),
        "complex64": Tolerance(1e-3, 1e-4),
    }
)
"""By element type; a type that is not here must agree exactly."""
_EXACT: Mapping[str, Tolerance] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found: nothing wrong where `difference` is empty."""

    difference: str = ""
    largest: float = 0.0
    """Largest difference between two finite values, relative to the largest value of the output."""
    wrong: int = 0
    """How many values of two arrays differ by more than they may."""


def compare(base: Any, candidate: Any, tolerances: Mapping[str, Tolerance] = TOLERANCES) -> Comparison:
    """Compare two PredictResponses."""
    if set(base.outputs) != set(candidate.outputs):
        return Comparison(f"outputs {sorted(candidate.outputs)} instead of {sorted(base.outputs)}")
    largest = 0.0
    for name in sorted(base.outputs):
        found = compare_tensors(base.outputs[name], candidate.outputs[name], tolerances)
        if found.difference:
            return Comparison(f"output {name!r}: {found.difference}", found.largest)
        largest = max(largest, found.largest)
    return Comparison("", largest)


def compare_tensors(base: Any, candidate: Any, tolerances: Mapping[str, Tolerance] = TOLERANCES) -> Comparison:
    """Compare two TensorProtos."""
    if base.dtype != candidate.dtype:
        return Comparison(f"element type {candidate.dtype} instead of {base.dtype}")
    shapes = [tuple(dim.size for dim in each.tensor_shape.dim) for each in (base, candidate)]
    if shapes[0] != shapes[1]:
        return Comparison(f"shape {list(shapes[1])} instead of {list(shapes[0])}")
    if base.dtype == STRING or base.dtype not in NAMES:
        # What has no numpy form is compared as it is written; an engine that writes it differently is out.
        return Comparison("" if _as_written(base) == _as_written(candidate) else "other values")
    # A bfloat16 is shown as float32, whose tolerance is not for it: its own steps are larger.
    own = _EXACT if NAMES[base.dtype] == BFLOAT16 else tolerances
    return compare_arrays(array_of(base).ravel(), array_of(candidate).ravel(), own)


def _as_written(proto: Any) -> tuple[object, ...]:
    values = [(field.name, value) for field, value in proto.ListFields() if _holds_values(field.name)]
    return tuple((name, value if name == _CONTENT else list(value)) for name, value in values)


def _holds_values(field: str) -> bool:
    return field == _CONTENT or field.endswith("_val")


def compare_arrays(base: Array, candidate: Array, tolerances: Mapping[str, Tolerance] = TOLERANCES) -> Comparison:
    """Compare two arrays of one element type and size."""
    tolerance = tolerances.get(base.dtype.name)
    if tolerance is None:
        are_none = np.not_equal(base, base) & np.not_equal(candidate, candidate)  # NaN, in both
        wrong = np.flatnonzero((base != candidate) & ~are_none)
        return Comparison(_shown(base, candidate, wrong), wrong=int(wrong.size)) if wrong.size else Comparison()
    if base.dtype.kind == "c":
        part = np.float64 if base.dtype.itemsize == np.dtype(np.complex128).itemsize else np.float32
        base, candidate = base.view(part), candidate.view(part)
    return _compare_floats(base.astype(np.float64), candidate.astype(np.float64), tolerance)


def _compare_floats(base: Array, candidate: Array, tolerance: Tolerance) -> Comparison:
    finite = np.isfinite(base)
    # Overflow comes earlier or later with another order of additions, and then as an infinity or as their difference.
    odd = ~finite & np.isfinite(candidate)
    largest = float(np.abs(base[finite]).max(initial=0.0))
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.where(finite, np.abs(base - candidate), 0.0)
    allowed = np.maximum(tolerance.of_itself * np.abs(np.where(finite, base, 0.0)), tolerance.of_largest * largest)
    odd |= finite & ~(apart <= np.maximum(allowed, _TINY))
    share = float(np.nanmax(apart, initial=0.0) / max(largest, _TINY)) if largest > _TINY else 0.0
    wrong = np.flatnonzero(odd)
    if wrong.size:
        return Comparison(_shown(base, candidate, wrong), share, int(wrong.size))
    return Comparison("", share)


def _shown(base: Array, candidate: Array, wrong: Array) -> str:
    at = int(wrong[0])
    return f"{wrong.size} of {base.size} values differ, for instance {candidate[at]} instead of {base[at]}"
