"""Texts and labels as PromQL writes them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(value: str) -> str:
    """Return a string of PromQL that stands for exactly this text."""
    return '"' + "".join(_ESCAPES.get(char) or _control(char) for char in value) + '"'


def labels_text(labels: Iterable[tuple[str, str]]) -> str:
    """Return labels as PromQL writes them, in the order of their names."""
    return "{" + ", ".join(f"{name}={quoted(value)}" for name, value in sorted(labels)) + "}"


def _control(char: str) -> str:
    return f"\\x{ord(char):02x}" if char < " " or char == "\x7f" else char
