"""Numbers as a terminal shows them: few characters, three digits that count, a dash where there is none. Pure."""

from __future__ import annotations

import math

from seaway.monitor.digits import binary, three

NONE = "-"


def count(value: float | None) -> str:
    """Return a number or a rate: 0.12, 7.5, 123, 12.3k, 4.5M."""
    if value is None or not math.isfinite(value):
        return NONE
    for bound, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= bound:
            return f"{value / (1e3 if unit == 'k' else bound):.3g}{unit}"
    return three(value)


def time(value: float | None) -> str:
    """Return a duration: 850us, 12.3ms, 1.5s. Units: seconds."""
    if value is None or not math.isfinite(value):
        return NONE
    for bound, factor, unit in ((1e-3, 1e6, "us"), (1.0, 1e3, "ms")):
        if value < bound:
            return f"{three(value * factor)}{unit}" if value else "0"
    return f"{three(value)}s"


def size(value: float | None) -> str:
    """Return bytes in binary units: 68M, 1.25G."""
    if value is None or not math.isfinite(value):
        return NONE
    return binary(value, ("", "K", "M", "G", "T"))


def share(value: float | None) -> str:
    """Return a share as a percentage; a small one is never shown as none."""
    if value is None or not math.isfinite(value):
        return NONE
    percent = value * 100
    return "<0.1%" if 0 < percent < 0.1 else f"{three(percent)}%"  # noqa: PLR2004
