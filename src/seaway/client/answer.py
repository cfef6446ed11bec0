"""What calls answer with, the same over gRPC and REST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from seaway.client.dtypes import Array


@dataclass(frozen=True, slots=True)
class Answer:
    """A prediction with everything that came with it."""

    outputs: Mapping[str, Array]
    version: int | None = None
    """The version that answered; None from TensorFlow Serving over REST, which does not say."""
    signature: str = ""

    def value(self) -> Array | dict[str, Array]:
        """Return the array when there is exactly one output, and a dict when there are several or none."""
        if len(self.outputs) == 1:
            return next(iter(self.outputs.values()))
        return dict(self.outputs)


class Labelled(NamedTuple):
    """One class that a classifier considers; the label is empty where the model has none."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """A version of a model, as GetModelStatus tells it."""

    version: int
    state: str
    """START, LOADING, AVAILABLE, UNLOADING or END."""
    code: int = 0
    message: str = ""
    """Why it is not served."""


@dataclass(frozen=True, slots=True)
class ModelListed:
    """A model in the list of a Seaway server."""

    name: str
    versions: tuple[VersionStatus, ...]
    labels: Mapping[str, int]
    raw: Mapping[str, Any]
    """All that the server says of it: engine, memory, batching."""
