"""The looks of one window, read from the store: what was added, what is now, and how long the looks cover.

Everything is about servers that answered the last look: what a server that is down did before says nothing about now.
A rate is what was added divided by the time between the looks that saw it, so it is right from the second look on.
Which metrics there are, and what they mean, is not known here, but for one: copies of requests (`api="shadow"`) count
nowhere, since nobody waits for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from seaway.monitor.point import Point
from seaway.monitor.store.store import Store

_REACH = 10
"""An addition is the work of the time since the look before, which may have been so many windows ago."""


class Seen(NamedTuple):
    """The looks of a window: `covered` says of every server that is up how many seconds they cover, and the last."""

    store: Store
    at_ms: int
    window_ms: int
    covered: Mapping[str, tuple[float, int]]

    def added(self, name: str) -> Iterator[Added]:
        """Yield what was added to each series of a counter or histogram."""
        for run in self.store.read(name, (), self.at_ms - self.window_ms, self.at_ms):
            labels = dict(run.series.labels)
            seconds, _ = self.covered.get(labels.get("instance", ""), (0.0, 0))
            if seconds > 0 and labels.get("api") != "shadow":
                yield Added(labels, seconds, run.points, run.series.bounds)

    def now(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """Yield the value of each gauge at its server's last look; one that ended does not linger."""
        for run in self.store.read(name, (), self.at_ms - self.window_ms * _REACH, self.at_ms):
            labels, last = dict(run.series.labels), run.points[-1]
            if self.covered.get(labels.get("instance", ""), (0.0, -1))[1] == last.at:
                yield labels, last.value / last.number


class Added(NamedTuple):
    """What one series grew by in the window, and over how long."""

    labels: dict[str, str]
    seconds: float
    points: Sequence[Point]
    bounds: tuple[float, ...]

    @property
    def value(self) -> float:
        """The sum of a counter, or of what a histogram observed."""
        return sum(point.value for point in self.points)

    @property
    def number(self) -> float:
        """How many observations a histogram had."""
        return sum(point.number for point in self.points)

    @property
    def buckets(self) -> list[float]:
        """What was added to each bucket; the store leaves empty ones at the end out."""
        found = [0.0] * (len(self.bounds) + 1)
        for point in self.points:
            for number, count in enumerate(point.buckets):
                found[number] += count
        return found


def covered(store: Store, up: set[str], at_ms: int, window_ms: int) -> dict[str, tuple[float, int]]:
    """Return of every server that is up how many seconds its looks cover, and the moment of the last one."""
    found: dict[str, tuple[float, int]] = {}
    for run in store.read("up", (), at_ms - window_ms * _REACH, at_ms):
        instance = dict(run.series.labels).get("instance", "")
        answered = [point.at for point in run.points if point.value > 0]
        if instance in up and answered:
            seconds = sum(end - begin for begin, end in pairwise(answered) if end > at_ms - window_ms) / 1000
            # Labels that a file gave a server may change, which makes another series of it.
            if instance not in found or found[instance][1] < answered[-1]:
                found[instance] = (seconds, answered[-1])
    return found
