"""Numbers with three digits that count, as every unit's number is written. Pure.

How a unit is spelled, and what stands where there is no number, differs between the page and the terminal: it is
theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

_HUNDRED = 100
_KIB = 1024.0


def three(value: float) -> str:
    """Return a number with three digits, or all before the point where it has more: 0.0891, 56.7, 1234."""
    return f"{value:.0f}" if value >= _HUNDRED else f"{value:.3g}"


def binary(value: float, units: Sequence[str]) -> str:
    """Return bytes in the first unit, each 1024 of the one before, that leaves less than 1024; else in the last."""
    for unit in units[:-1]:
        if abs(value) < _KIB:
            return f"{three(value)}{unit}"
        value /= _KIB
    return f"{three(value)}{units[-1]}"
