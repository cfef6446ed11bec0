"""What the manager asks of whoever turns files into a serving worker.

A loader lives for one attempt: it is made, loads once, and is unloaded once. A restart gets a new loader, so nothing of
a dead worker can leak into its successor.

Source: tensorflow_serving/core/loader.h, loader_harness.h.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from seaway import errors
from seaway.repository.source import AspiredVersion

OnFailure: TypeAlias = Callable[[errors.SeawayError], None]
"""Called from any thread when a worker that had loaded is gone; later calls for the same loader change nothing."""


class Loader(Protocol):
    """One attempt to serve one version."""

    def load(self) -> None:
        """Return when the version can answer requests; block as long as that takes.

        Raises:  SeawayError - it cannot; nothing of the attempt is left behind then.
        """
        ...

    def unload(self) -> None:
        """Let requests in flight finish within a bound, then give everything back.

        May be called from another thread while `load` runs, or after the worker died: `load` then ends soon with
        Cancelled. After it has returned nothing of this version is left.
        """
        ...


class LoaderFactory(Protocol):
    """Makes the loader of one attempt; cheap, does no input or output itself."""

    def __call__(self, version: AspiredVersion, on_failure: OnFailure) -> Loader:
        """Return a loader that has not begun."""
        ...
