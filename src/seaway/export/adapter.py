"""The role that each kind of model fills while it is exported: it answers in this process, and writes itself down.

What it answers is what the model itself answers, not what was written: the two are compared afterwards, which would
prove nothing if both came from the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from seaway.engines.engine import Array
from seaway.engines.signatures import Signature as Declared
from seaway.errors import InvalidArgument
from seaway.export.examples import Given
from seaway.export.signature import Signature
from seaway.proof.passport import Allowed


class Adapted(Protocol):
    """One model that can be exported."""

    @property
    def engine(self) -> str:
        """Return which engine the files are for."""
        ...

    @property
    def packages(self) -> tuple[str, ...]:
        """Return the distributions whose versions say what it was made with."""
        ...

    @property
    def tolerance(self) -> Mapping[str, Allowed]:
        """Return how far another engine's answers may differ, by element type."""
        ...

    @property
    def signatures(self) -> Mapping[str, Declared]:
        """Return what will be served, by name."""
        ...

    def answer(self, signature: str, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Return what the model itself answers, in this process."""
        ...

    def write(self, directory: Path) -> None:
        """Write the servable's files into a directory that is there and empty."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller said beside the model."""

    given: Given
    signatures: Mapping[str, object] = field(default_factory=dict)

    def described(self, kind: str, name: str) -> Signature | None:
        """Return how the only signature of such a model is described, None where it is not.

        Raises:  InvalidArgument - others are described, or it is no Signature.
        """
        if not self.signatures:
            return None
        others = sorted(set(self.signatures) - {name})
        if others:
            raise InvalidArgument(f"{kind} has one signature, {name}; signatures also names {', '.join(others)}")
        found = self.signatures[name]
        if not isinstance(found, Signature):
            raise InvalidArgument(
                f"signatures[{name!r}] of {kind} is a {type(found).__name__}; give a seaway.export.Signature"
            )
        return found
