"""Reads Prometheus' text format, fast enough for hundreds of servers.

prometheus-client's parser understands a line; it does so about ten thousand times a second, and a server with fifty
models writes as many lines each time it is asked. So each line's name and labels are given to it once: later they are
known by their text, and only the number behind them is read. Servers of one fleet write the same names and labels, so
they share what is known: never what a name is, which each server says for itself (`# TYPE`). And most of a fleet is
idle most of the time: a line that is as it was in the look before is not read at all.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from seaway.errors import InvalidArgument

_MOST_KNOWN = 500_000
_PARTS = {"_bucket": "bucket", "_sum": "sum", "_count": "count"}

Labels = tuple[tuple[str, str], ...]
Who = tuple[str, Labels]
"""Name and labels of a series."""


class Identity(NamedTuple):
    """What a line is of. `part` is bucket, sum or count of a histogram, empty else; `bound` a bucket's upper bound."""

    name: str
    labels: Labels
    part: str = ""
    bound: float = math.inf


class Known(NamedTuple):
    """What a line is of: by itself, and when its server says that the name without its ending is a histogram's."""

    alone: Identity
    as_part: Identity | None = None


class Histogram(NamedTuple):
    """Totals of one histogram: `number` observations, and in `totals` how many up to each of `bounds`."""

    bounds: tuple[float, ...]
    totals: tuple[float, ...]
    sum: float
    number: float


class Exposition(NamedTuple):
    """All that one server said: totals by name and labels. `kinds` and `hashes` are for the next reading."""

    counters: dict[Who, float]
    gauges: dict[Who, float]
    histograms: dict[Who, Histogram]
    kinds: dict[str, str] = {}  # noqa: RUF012 - nobody changes it
    hashes: frozenset[int] = frozenset()


class ExpositionReader:
    """Remembers the names and labels that it has read. One thread at a time."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._known: dict[str, Known] = {}

    def read(self, text: str, before: Exposition | None = None) -> Exposition:
        """Read what a server answered; `before` is what the same server answered last.

        Raises:  InvalidArgument - a line is not of the format; it is shown.
        """
        if len(self._known) > _MOST_KNOWN:  # Names that come and go must not fill the memory.
            self._known.clear()
        # Not splitlines(), which also cuts where a label has one of Unicode's other line ends.
        lines = text.split("\n")
        numbers = list(map(hash, lines))
        hashes = frozenset(numbers)
        if before is not None:
            new = [line for line, number in zip(lines, numbers, strict=True) if number not in before.hashes]
            found = self._read(new, before)
            # A line that changed took the place of one. When more went than came, a series is gone: all is read anew.
            if len(before.hashes - hashes) == len(new) - found.appeared:
                return Exposition(*found.tables, hashes)
        return Exposition(*self._read(lines, None).tables, hashes)

    def _read(self, lines: Sequence[str], before: Exposition | None) -> _Reading:
        found = _Reading(before)
        known = self._known
        for line in lines:
            if not line or line[0] == "#":
                found.note(line)
                continue
            end = line.rfind("}") + 1 or line.find(" ")
            key = line[:end]
            alone, part = known.get(key) or known.setdefault(key, _known(line))
            identity = alone if part is None or found.kinds.get(part.name) != "histogram" else part
            found.take(identity, _value(line, end))
        found.end()
        return found


class _Reading:
    """The tables of one reading, filled line by line; they begin as those of the look before."""

    def __init__(self, before: Exposition | None) -> None:
        self.counters: dict[Who, float] = dict(before.counters) if before else {}
        self.gauges: dict[Who, float] = dict(before.gauges) if before else {}
        self.histograms: dict[Who, Histogram] = dict(before.histograms) if before else {}
        self.kinds: dict[str, str] = dict(before.kinds) if before else {}
        self.appeared = 0
        self._parts: dict[Who, _Parts] = {}

    @property
    def tables(self) -> tuple[dict[Who, float], dict[Who, float], dict[Who, Histogram], dict[str, str]]:
        return self.counters, self.gauges, self.histograms, self.kinds

    def note(self, line: str) -> None:
        """Take note of what a name is."""
        self.appeared += 1
        if line.startswith("# TYPE "):
            words = line.split()
            if len(words) == 4:  # noqa: PLR2004 - "# TYPE name kind"
                self.kinds[words[2]] = words[3]

    def take(self, identity: Identity, value: float) -> None:
        """Take the value of a line."""
        who = (identity.name, identity.labels)
        if identity.part:
            parts = self._parts.get(who)
            if parts is None:
                parts = self._parts[who] = _Parts(self.histograms.get(who))
            self.appeared += parts.take(identity, value)
            return
        is_counter = self.kinds.get(identity.name) == "counter"
        table = self.counters if is_counter else self.gauges
        self.appeared += who not in table
        if is_counter or math.isfinite(value):
            table[who] = value
        else:
            # It counts as a value that was there, lest the next look takes it for a series that is gone.
            table.pop(who, None)

    def end(self) -> None:
        """Put histograms together."""
        self.histograms.update((who, each.whole()) for who, each in self._parts.items())


class _Parts:
    """The lines of one histogram until all were read; those that did not change are as before."""

    __slots__ = ("buckets", "is_new", "number", "sum")

    def __init__(self, before: Histogram | None) -> None:
        self.is_new = before is None
        self.buckets = dict(zip(before.bounds, before.totals, strict=True)) if before else {}
        self.sum = before.sum if before else 0.0
        self.number = before.number if before else 0.0

    def take(self, identity: Identity, value: float) -> bool:
        """Take a line; True when there was none like it."""
        if identity.part == "bucket":
            if identity.bound == math.inf:
                return self.is_new
            is_new = identity.bound not in self.buckets
            self.buckets[identity.bound] = value
            return is_new
        if identity.part == "sum":
            self.sum = value
        else:
            self.number = value
        return self.is_new

    def whole(self) -> Histogram:
        """Return it."""
        ordered = sorted(self.buckets.items())
        return Histogram(
            tuple(bound for bound, _ in ordered), tuple(total for _, total in ordered), self.sum, self.number
        )


def _known(line: str) -> Known:
    try:
        # Without its kind, so that the parser gives the name as it is written.
        (sample,) = next(iter(text_string_to_metric_families(line + "\n"))).samples
    except (ValueError, StopIteration, TypeError, IndexError) as err:
        raise InvalidArgument(f"a line is not in Prometheus' text format: {line[:200]!r}") from err
    alone = Identity(sample.name, tuple(sorted(sample.labels.items())))
    for ending, part in _PARTS.items():
        whole = sample.name.removesuffix(ending)
        if whole != sample.name:
            return Known(alone, _part(whole, part, dict(sample.labels)))
    return Known(alone)


def _part(whole: str, part: str, labels: dict[str, str]) -> Identity | None:
    bound = math.inf
    if part == "bucket":
        try:
            bound = float(labels.pop("le", "inf"))
        except ValueError:
            return None
    if math.isnan(bound):
        return None
    return Identity(whole, tuple(sorted(labels.items())), part, bound)


def _value(line: str, end: int) -> float:
    rest = line[end:]
    try:
        return float(rest)
    except ValueError:
        pass
    try:  # A time may follow the value.
        return float(rest.split()[0])
    except (ValueError, IndexError):
        raise InvalidArgument(f"a line has no number where its value should be: {line[:200]!r}") from None
