"""The name of one loadable thing: a model and the number of one of its versions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class ServableId:
    """One version of one model; ordered by name, then by number."""

    name: str
    version: int

    def __str__(self) -> str:
        """Name it as messages do, for instance `version 3 of 'mnist_cnn'`."""
        return f"version {self.version} of {self.name!r}"
