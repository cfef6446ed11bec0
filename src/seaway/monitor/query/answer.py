"""The values of an answer, for whoever shows them. Pure.

An answer is a number, or values by labels of which some are none (NaN). How it came about is `evaluate`'s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from seaway.monitor.question import Result

ByLabels = dict[tuple[str, ...], float]


def by_labels(answer: Result, names: Sequence[str]) -> ByLabels:
    """Return the first value for each set of these labels; what has none is left out."""
    if isinstance(answer, float):
        return {(): answer}
    found: ByLabels = {}
    for labels, values in answer.items():
        if not math.isnan(values[0]):
            have = dict(labels)
            found[tuple(have.get(name, "") for name in names)] = float(values[0])
    return found


def finite(value: float) -> float | None:
    """Return a value that can be drawn; None for one that cannot."""
    return value if math.isfinite(value) else None
