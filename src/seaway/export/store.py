"""Where a version is written: beside the others first, and in among them when it is whole and proven.

A store gives a local directory to write to and gives it a number at the end. Nothing else of exporting knows where
versions lie, so that a store elsewhere is another class with these three functions.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Published:
    """A version that servers can see."""

    version: int
    place: str
    """Its directory, or its address."""


class Store(Protocol):
    """The versions of one model."""

    def versions(self) -> tuple[int, ...]:
        """Return the numbers that are taken, ascending."""
        ...

    def begin(self) -> AbstractContextManager[Path]:
        """Give an empty directory that no server looks at; what was not published is gone when the block ends.

        Raises:  SeawayError - nothing can be written there.
        """
        ...

    def publish(self, draft: Path) -> Published:
        """Have servers see the whole directory at once, under the number after the highest.

        Raises:  SeawayError - it cannot be moved there; it is as it was.
        """
        ...
