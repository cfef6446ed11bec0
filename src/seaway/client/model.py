"""Which model a call is for, and what it asks of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seaway.client.dtypes import Array
from seaway.client.signature import Signature
from seaway.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model, and which version of it: a number, a label, or the server's choice."""

    name: str
    version: int | None = None
    label: str = ""

    def __post_init__(self) -> None:
        """Refuse what names no version, or two.

        Raises:  InvalidArgument - there is no name, or both a version and a label.
        """
        if not self.name:
            raise InvalidArgument("the name of the model is empty; name one, for instance 'mnist'")
        if self.version is not None and self.label:
            raise InvalidArgument(f"version {self.version} and label {self.label!r} are both given; keep one of them")


@dataclass(frozen=True, slots=True)
class Predict:
    """One Predict call, checked and converted."""

    model: ModelRef
    signature_name: str
    inputs: Mapping[str, Array]
    outputs: Sequence[str] = ()
    """Those that are wanted; none is all."""
    signature: Signature | None = None
    """What the model takes and gives, where the server told."""


@dataclass(frozen=True, slots=True)
class ExamplesRequest:
    """One Classify or Regress call."""

    model: ModelRef
    signature_name: str
    examples: Sequence[Mapping[str, object]]
    context: Mapping[str, object] | None = None
