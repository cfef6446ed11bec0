"""What the store answers, as lines to draw and values to show. Reads the store, so it runs off the event loop."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from seaway.monitor.order import in_order, place
from seaway.monitor.page import queries
from seaway.monitor.page.queries import Span
from seaway.monitor.query.answer import ByLabels, by_labels, finite
from seaway.monitor.query.evaluate import query, query_range
from seaway.monitor.store.store import Event, Store

Points = list[tuple[int, float | None]]
Labels = tuple[tuple[str, str], ...]


class Line(NamedTuple):
    """One set of labels and its values, None where there is none. Units: milliseconds since the Unix epoch."""

    labels: dict[str, str]
    points: Points

    @property
    def last(self) -> float | None:
        """The newest value that there is."""
        return next((value for _, value in reversed(self.points) if value is not None), None)


class Answers:
    """The newest answers, so that pages that many have open, or that show a month, ask the store only for what is new.

    Safe to use from any thread.
    """

    def __init__(self, most: int = 128) -> None:
        """Keep so many at most; what was asked for longest ago goes first."""
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int, str], tuple[int, list[Line]]] = OrderedDict()

    def of(self, key: tuple[str, int, str], end_ms: int, ask: Callable[[], list[Line]]) -> list[Line]:
        """Return the answer to a question until `end_ms`, which is asked when it is not the one that is kept."""
        with self._lock:
            end, lines = self._kept.get(key, (-1, []))
            if end == end_ms:
                self._kept.move_to_end(key)
                return lines
        lines = ask()
        with self._lock:
            self._kept[key] = (end_ms, lines)
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return lines


class Reader(NamedTuple):
    """A store and the time that is looked at. Units: now_ms in milliseconds since the Unix epoch."""

    store: Store
    span: Span
    now_ms: int
    answers: Answers | None = None

    @property
    def end_ms(self) -> int:
        """The last moment, on a grid, so that a refresh within it moves nothing."""
        return self.now_ms // self.span.grid_ms * self.span.grid_ms

    @property
    def start_ms(self) -> int:
        """The first moment."""
        return self.end_ms - self.span.seconds * 1000

    def lines(self, text: str, most: int = queries.MOMENTS) -> list[Line]:
        """Return a line for each set of labels in the answer, in the order of their labels."""
        if self.answers is None:
            return self._asked(text, most)
        return self.answers.of((text, most, self.span.name), self.end_ms, lambda: self._asked(text, most))

    def _asked(self, text: str, most: int) -> list[Line]:
        moments, result = query_range(self.store, text, self.start_ms, self.end_ms, self.span.step_ms(most))
        times = [int(at) for at in moments.times]
        if isinstance(result, float):
            return [Line({}, [(at, finite(result)) for at in times])]
        found = [
            Line(dict(labels), [(at, finite(float(value))) for at, value in zip(times, values, strict=True)])
            for labels, values in sorted(result.items(), key=lambda item: _order(item[0]))
        ]
        return [line for line in found if line.last is not None]

    def values(self, text: str, by: tuple[str, ...]) -> ByLabels:
        """Return the present value for each set of these labels."""
        return by_labels(query(self.store, text, self.now_ms), by)

    def events(self, most: int = 200) -> list[Event]:
        """Return what happened in this time, the newest first."""
        return self.store.events(self.start_ms, self.now_ms, most)


def _order(labels: Labels) -> list[tuple[str, int, str]]:
    return [(name, *place(value)) for name, value in labels]


def known(store: Store, *labels: str) -> list[tuple[str, ...]]:
    """Return every set of these labels that a loaded version or a request was seen with."""
    found: set[tuple[str, ...]] = set()
    for name in ("seaway_engine_info", "seaway_requests_total"):
        for series in store.series(name):
            have = dict(series.labels)
            if all(label in have for label in labels):
                found.add(tuple(have[label] for label in labels))
    return sorted(found, key=in_order)
