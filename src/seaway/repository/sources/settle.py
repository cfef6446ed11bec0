"""When a version directory is ready to be loaded, rather than still being copied.

A pure decision from what was seen before and what is seen now. Complete and unchanged for a moment is ready. Incomplete
and unchanged for longer is let through too: nobody is copying it any more, and the load that fails says what is wrong
where everybody looks. Files whose last change is old enough need no second look, so a start is not delayed.
"""

from __future__ import annotations

from dataclasses import dataclass

from seaway.repository.options import SourceOptions
from seaway.repository.sources.sight import Sight


@dataclass(frozen=True, slots=True)
class Seen:
    """A fingerprint and when (monotonic seconds) it was first seen."""

    fingerprint: str
    since_s: float


@dataclass(frozen=True, slots=True)
class Now:
    """The two times that a decision needs."""

    monotonic_s: float
    wall_s: float


def remember(before: Seen | None, sight: Sight, now: Now) -> Seen:
    """Return what to keep for the next look: the first time this very fingerprint was seen."""
    if before is not None and before.fingerprint == sight.fingerprint:
        return before
    return Seen(sight.fingerprint, now.monotonic_s)


def is_settled(seen: Seen, sight: Sight, now: Now, options: SourceOptions) -> bool:
    """Tell whether a directory that has looked like this since `seen` may be loaded."""
    needed_s = options.incomplete_s if sight.missing else options.settle_s
    watched_s = now.monotonic_s - seen.since_s
    untouched_s = now.wall_s - sight.newest_s
    return watched_s >= needed_s or untouched_s >= needed_s
