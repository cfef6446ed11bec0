"""A source says which versions of a model should be served, and where they lie.

It answers for one model at a time, so that one unreadable directory or slow share concerns its own model only.

Source: tensorflow_serving/core/source.h.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from seaway import errors
from seaway.repository.ids import ServableId
from seaway.settings.model_config import ModelConfig
from seaway.stores.tree import Tree


@dataclass(frozen=True, slots=True)
class AspiredVersion:
    """A version that should be served."""

    id: ServableId
    path: Path
    model: ModelConfig
    fingerprint: str = ""
    """Changes when the files change: a version that failed is tried again then."""
    size_bytes: int = 0
    """Size of its files together."""
    tree: Tree | None = None
    """What has to be fetched to be at `path`; None for a directory."""
    fetch_timeout_s: float = 0.0
    """Time that fetching it may take, before the time of its load begins."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a model found."""

    aspired: tuple[AspiredVersion, ...] | None
    """The versions to serve; None when this look is no reason to change anything."""
    is_settling: bool = False
    """Something there is still changing: look again soon."""
    problem: errors.SeawayError | None = None
    """Why there is nothing to serve, in words for the operator."""
    wait_s: float | None = None
    """When to look again; None leaves that to whoever looks. Nobody looks again who was told to look once."""


class Source(Protocol):
    """Where versions come from."""

    def look(self, model: ModelConfig) -> Look:
        """Look at one model; never raises for what is wrong with it, that is the `problem` of the answer."""
        ...

    def forget(self, name: str) -> None:
        """Drop what was remembered of a model that is no longer served."""
        ...
