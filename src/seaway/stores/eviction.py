"""Which copies make room for another one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seaway.errors import ResourceExhausted


@dataclass(frozen=True, slots=True)
class Entry:
    """One copy in the cache, whole or being fetched."""

    digest: str
    size_bytes: int
    used_s: float
    """When it was last used, in seconds since the epoch."""
    is_in_use: bool
    """Some living process fetches it, serves it, or loads it."""


@dataclass(frozen=True, slots=True)
class Room:
    """What the cache may take."""

    max_bytes: int
    """0 for no bound but the disk."""
    free_bytes: int
    """What is free on the disk."""

    def limit_bytes(self, held_bytes: int) -> int:
        """Return what all copies may take together."""
        on_disk = held_bytes + self.free_bytes
        return min(self.max_bytes, on_disk) if self.max_bytes else on_disk


def evicted(entries: Sequence[Entry], needed_bytes: int, room: Room) -> tuple[str, ...]:
    """Return which copies go so that another of this size fits: the least recently used first, none in use.

    Raises:  ResourceExhausted - it does not fit beside what is in use.
    """
    held = sum(entry.size_bytes for entry in entries)
    limit = room.limit_bytes(held)
    going = []
    for entry in sorted((each for each in entries if not each.is_in_use), key=lambda each: (each.used_s, each.digest)):
        if held + needed_bytes <= limit:
            break
        going.append(entry.digest)
        held -= entry.size_bytes
    if held + needed_bytes > limit:
        raise ResourceExhausted(_does_not_fit(needed_bytes, held, limit, room))
    return tuple(going)


def _does_not_fit(needed: int, held: int, limit: int, room: Room) -> str:
    bound = (
        f"model_store.cache_max_bytes={room.max_bytes}; raise it, or serve fewer versions"
        if limit == room.max_bytes
        else f"the {limit} bytes that its disk has room for; free some, or set model_store.cache_directory to another"
    )
    return f"the cache of fetched models has no room for {needed} bytes beside {held} bytes in use, within {bound}"
