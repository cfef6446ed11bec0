"""Which engine serves a version: decided for each version from the settings and the files in its directory."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from seaway.engines.registry import KINDS, LITERT

_KNOWN = frozenset(file for kind in KINDS.values() for file in kind.files)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the settings say about engines."""

    engine: str
    """The engine for whatever nothing else is preferred for."""
    prefers_tflite: bool = False
    """Whether a `model.tflite` comes before anything beside it."""

    @property
    def engines(self) -> tuple[str, ...]:
        """Every engine that a version could get."""
        return tuple(dict.fromkeys((self.engine, LITERT))) if self.prefers_tflite else (self.engine,)


def choose(preferences: Preferences, files: Set[str]) -> str:
    """Return the engine for a version with these files.

    Source:  tensorflow_serving/servables/tensorflow/saved_model_bundle_factory.cc, prefer_tflite_model.
    """
    if preferences.prefers_tflite and not files.isdisjoint(KINDS[LITERT].files):
        return LITERT
    return preferences.engine


def model_files(path: Path) -> frozenset[str]:
    """Return the names of the files in a version directory that some engine takes."""
    return frozenset(file for file in _KNOWN if (path / file).is_file())
