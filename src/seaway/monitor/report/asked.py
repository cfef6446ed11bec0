"""What a report is asked for, and which wishes are refused. Pure.

It knows no store: whether there is anything to report is found by whoever reads one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from seaway.errors import InvalidArgument

_SHORTEST_MS = 120_000
"""Two steps of a line at its finest: with fewer there is nothing to draw."""


class Latency(NamedTuple):
    """The share of requests that shall be answered within a time."""

    within_s: float
    share: float


class Asked(NamedTuple):
    """What the report is on. Units: milliseconds since the Unix epoch."""

    model: str
    start_ms: int
    end_ms: int
    objective: float
    latency: Latency | None = None


def check(asked: Asked) -> None:
    """Refuse what cannot be reported. Raises: InvalidArgument."""
    if asked.end_ms - asked.start_ms < _SHORTEST_MS:
        raise InvalidArgument(f"a report is over at least {_SHORTEST_MS // 1000} s: choose an earlier --since")
    for name, share in (("--objective", asked.objective), ("--latency", asked.latency and asked.latency.share)):
        if share is not None and not 0 < share < 1:
            raise InvalidArgument(f"{name} {share:g} is not between 0 and 1, for instance 0.999")
    if asked.latency is not None and not 0 < asked.latency.within_s < math.inf:
        raise InvalidArgument(f"--latency {asked.latency.within_s:g} s is not above 0")
