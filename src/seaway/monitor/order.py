"""The order in which names and versions are listed. Pure.

Versions are numbers: 10 comes after 9. The page, the terminal and reports sort the same way.
"""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST_VERSION = 20
"""Digits: a longer one is no version, and Python refuses to read very long numbers."""


def place(value: str) -> tuple[int, str]:
    """Return what to sort a value by: names before versions, versions as numbers."""
    is_number = value.isascii() and value.isdigit() and len(value) <= _LONGEST_VERSION
    return (int(value) if is_number else -1, value)


def in_order(values: Iterable[str]) -> list[tuple[int, str]]:
    """Return what to sort several values by, the first counts most."""
    return [place(value) for value in values]
