"""The role that every engine hosted in Python fills: load a version directory, run its signatures on arrays.

An engine sees numpy arrays and nothing of how they came. Inputs have been checked against the signature's names and
element types before `run`; shapes are the engine's to check, because engines differ in what they allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
"""Strings are arrays of objects, each `bytes`."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What a server tells an engine beside the directory."""

    tags: tuple[str, ...] = ("serve",)
    """Which graph of a SavedModel."""
    threads: int = 1
    """Runs at once."""
    intra_op_threads: int = 1
    """Threads that one run may use."""
    batch_sizes: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    """Row counts for which an engine compiles that has to compile for each; ascending."""
    instances: int = 1
    """Objects of a user's class, each of which answers one run at a time."""
    interpreters: int = 0
    """Interpreters of a LiteRT model, each of which answers one run at a time; 0 for as many as runs at once."""
    cache_directory: str = ""
    """Where converted models are kept; empty for the user's cache directory."""


class Model(Protocol):
    """A loaded version; `run` is called from several threads at once."""

    def signature_def_map(self) -> bytes:
        """Return what it can answer, as a serialized tensorflow.serving.SignatureDefMap."""
        ...

    def run(self, signature: str, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Mapping[str, Array]:
        """Return the named outputs; they may be views that hold until the same thread's next run.

        Raises:  SeawayError - with the engine's words: InvalidArgument when the inputs are at fault.
        """
        ...

    def close(self) -> None:
        """Give everything back; no run is in progress."""
        ...


class Engine(Protocol):
    """Loads version directories."""

    def load(self, path: Path, options: EngineOptions) -> Model:
        """Return the version in this directory, ready to answer.

        Raises:  SeawayError - FailedPrecondition when the engine cannot serve what is there, or is not installed.
        """
        ...
