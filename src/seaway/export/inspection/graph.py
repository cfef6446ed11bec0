"""A version's graph as it is read from a file: signatures, operations, and facts for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seaway.engines.signatures import Signature


@dataclass(frozen=True, slots=True)
class Graph:
    """What one model file holds."""

    signatures: Mapping[str, Signature]
    methods: Mapping[str, str] = field(default_factory=dict)
    """The method name of each signature that has one."""
    operations: Mapping[str, int] = field(default_factory=dict)
    """How often each operation stands in the graph and its functions."""
    weights: int = 0
    """Values of all variables or weights together."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What wrote it, with which version."""
    assets: tuple[str, ...] = ()
