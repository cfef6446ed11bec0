"""Looks at all servers once: asks them at the same time, and turns their answers into samples and events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from seaway.clock import Clock
from seaway.errors import InvalidArgument, Unavailable
from seaway.monitor.collect.exposition import Exposition, ExpositionReader, Labels
from seaway.monitor.collect.happened import happened
from seaway.monitor.collect.host import gauge
from seaway.monitor.collect.increase import samples
from seaway.monitor.collect.presence import MOST_SERIES, NOTHING, Present, changes, present
from seaway.monitor.point import Change, Sample
from seaway.monitor.store.store import Event
from seaway.monitor.target import Target, TargetStatus

Fetch = Callable[[Target, float], str]
_AT_ONCE = 32
JOB = "seaway"


class Scraped(NamedTuple):
    """One server's own words at a look, `None` when it did not answer; `about` is what the look itself measured.

    Units:   at in milliseconds since the Unix epoch.
    """

    labels: Labels
    at: int
    said: Exposition | None
    about: dict[str, float]


@dataclass
class Look:
    """What one look at all servers found; `gone` are the labels of servers that are looked at no more.

    `changes` are what came and went, all that is there when `is_whole`.
    """

    samples: list[Sample] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    scraped: list[Scraped] = field(default_factory=list)
    gone: list[Labels] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    is_whole: bool = False


class Collector:
    """Remembers what each server said last. One thread at a time but for `statuses`."""

    def __init__(self, fetch: Fetch, clock: Clock, timeout_s: float) -> None:
        """Know no server yet."""
        self._fetch = fetch
        self._clock = clock
        self._timeout_s = timeout_s
        self._reader = ExpositionReader()
        self._last: dict[Target, Exposition] = {}
        self._looked_at: frozenset[Labels] = frozenset()
        self._present: dict[Labels, Present] = {}
        self._is_new = True
        self._statuses: dict[str, TargetStatus] = {}
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="scrape")

    def look(self, targets: Sequence[Target]) -> Look:
        """Ask every server; one that does not answer costs the others nothing but its time-out."""
        found = Look(is_whole=self._is_new)
        self._is_new = False
        answers = list(self._pool.map(self._asked, targets))
        for target, (text, problem, took_s) in zip(targets, answers, strict=True):
            self._take(found, target, text, problem, took_s)
        looked_at = frozenset(each.labels for each in found.scraped)
        found.gone = sorted(self._looked_at - looked_at)
        self._looked_at = looked_at
        for each in found.gone:
            found.changes += changes(self._present.pop(each, NOTHING), NOTHING)
        gone = {status.instance for status in self.statuses()} - {target.instance for target in targets}
        self._statuses = {name: each for name, each in self._statuses.items() if name not in gone}
        self._last = {target: each for target, each in self._last.items() if target in set(targets)}
        return found

    def see_anew(self) -> None:
        """Tell at the next look all that is there: what was told last was not kept."""
        self._present = {}
        self._is_new = True

    def statuses(self) -> tuple[TargetStatus, ...]:
        """Return how each server answered last; from any thread."""
        return tuple(sorted(self._statuses.values(), key=lambda each: each.instance))

    def close(self) -> None:
        """End its threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _asked(self, target: Target) -> tuple[str, str, float]:
        begun = self._clock.now()
        try:
            text, problem = self._fetch(target, self._timeout_s), ""
        except Unavailable as err:
            text, problem = "", err.message
        return text, problem, self._clock.now() - begun

    def _take(self, found: Look, target: Target, text: str, problem: str, took_s: float) -> None:
        at = round(self._clock.wall() * 1000)
        # The names that Prometheus gives, so that one dashboard and one rule fit both.
        labels = tuple(sorted({"job": JOB, **dict(target.labels), "instance": target.instance}.items()))
        taken: list[Sample] = []
        now: Exposition | None = None
        if not problem:
            try:
                before = self._last.get(target)
                now = self._reader.read(text, before)
                taken = list(samples(before, now, at, labels))
                found.events += happened(before, now, target.instance, at)
                # What is remembered of a server that is down a while is still right: its totals go on, or begin again.
                self._last[target] = now
            except InvalidArgument as err:
                problem = f"{target.shown}: {err.message}"
        found.samples += taken[:MOST_SERIES]
        about = {
            "up": 0.0 if problem else 1.0,
            "scrape_seconds": took_s,
            "scrape_series": float(len(taken)),
            "scrape_series_left_out": float(max(0, len(taken) - MOST_SERIES)),
        }
        found.samples += [gauge(name, value, at, labels) for name, value in about.items()]
        found.scraped.append(Scraped(labels, at, now, about))
        there = self._present.get(labels, NOTHING)
        self._present[labels] = NOTHING if now is None else present(there, now, at, labels)
        found.changes += changes(there, self._present[labels])
        wall = self._clock.wall()
        self._statuses[target.instance] = TargetStatus(
            target.instance, target.shown, not problem, problem, wall, took_s, len(taken)
        )
