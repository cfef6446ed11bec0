"""Amounts of memory as people write them."""

from __future__ import annotations

import re

_UNITS = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_FORM = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)")


def number_of_bytes(text: str) -> int:
    """Return the bytes that `4Gi`, `512Mi` or `1.5G` means; the schema has checked the form.

    Source: Kubernetes' quantities, resource.quantity.
    """
    match = _FORM.fullmatch(text)
    if match is None or match[2] not in _UNITS:
        raise ValueError(f"{text!r} is no number of bytes")
    return round(float(match[1]) * _UNITS[match[2]])


def shown_bytes(count: int) -> str:
    """Return a number of bytes with the largest unit that leaves it whole, for instance `4Gi`."""
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        if count and count % _UNITS[unit] == 0:
            return f"{count // _UNITS[unit]}{unit}"
    return str(count)
