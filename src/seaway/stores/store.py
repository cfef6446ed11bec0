"""The role of a store: what reads and writes versions, wherever they are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from seaway.stores.layout import by_version
from seaway.stores.tree import StoredFile


def _nobody(_: int) -> None:
    """Nobody wants to know how far it is."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What goes along with work that may take long: a way to end it, and somebody who hears of each new byte."""

    cancelled: threading.Event
    on_bytes: Callable[[int], None] = _nobody


class Store(Protocol):
    """What lies below one address. Every call may take long; every call raises a SeawayError that names the address."""

    @property
    def url(self) -> str:
        """Return the address as it was given."""
        ...

    def list(self, timeout_s: float, inside: str = "") -> tuple[StoredFile, ...]:
        """Return every file below the address, or below a directory there; `inside` is not part of their paths.

        Raises:  NotFound - nothing is there; PermissionDenied - it may not be read; Unavailable - no answer in time.
        """
        ...

    def fetch(self, path: str, target: Path, watch: Watch) -> None:
        """Write one file, its path relative to the address, to a file of this machine. It is not checked.

        Raises:  NotFound, PermissionDenied, Unavailable; Cancelled - as the watch asked.
        """
        ...

    def has_certain_checksum(self, path: str) -> bool:
        """Tell whether a checksum that is not certain holds for this file, which costs a question."""
        ...

    def put_tree(self, source: Path, path: str, watch: Watch) -> None:
        """Write a directory below the address so that it is a whole version all at once or not at all.

        Raises:  AlreadyExists - a version is there; PermissionDenied, Unavailable; Cancelled - as the watch asked;
                 Unimplemented - the store is for reading only.
        """
        ...


def versions(store: Store, timeout_s: float, inside: str = "") -> tuple[int, ...]:
    """Return the numbers of the versions below a model's address, ascending, whole or not."""
    found, _ = by_version(file.path for file in store.list(timeout_s, inside))
    return tuple(sorted(found))
