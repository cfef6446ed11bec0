"""From looks to series on the wire: totals as they were read, and word of what is gone.

It remembers of each server which series it had, since a series that ended is to be told of once (a staleness marker),
lest a receiver goes on with its last value for five minutes. One thread at a time.

Source: https://prometheus.io/docs/specs/prw/remote_write_spec/ ("Stale Markers", "Ordering", "Labels").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from seaway.monitor.collect.collector import Look, Scraped
from seaway.monitor.collect.exposition import Exposition, Histogram, Labels, Who
from seaway.monitor.collect.increase import with_server
from seaway.monitor.collect.presence import MOST_SERIES
from seaway.monitor.point import Kind, Sample, Series
from seaway.monitor.remote.message import STALE, labels, sample

IDLE_MS = 300_000
"""A counter of the monitor's own to which nothing was added for so long is sent no more."""


class Buckets:
    """The labels of one histogram's series, written: of its buckets without `le`, which comes between."""

    __slots__ = ("after", "before", "bounds", "count", "sum")

    def __init__(self, who: Who, server: Labels, bounds: tuple[float, ...]) -> None:
        """Write them."""
        name, own = who
        pairs = sorted([*with_server(own, server), ("__name__", f"{name}_bucket")])
        self.bounds = bounds
        self.before = labels(pair for pair in pairs if pair[0] < "le")
        self.after = labels(pair for pair in pairs if pair[0] > "le")
        self.sum, self.count = (_plain((f"{name}{ending}", own), server) for ending in ("_sum", "_count"))

    def totals(self, histogram: Histogram, les: dict[float, bytes], at: int) -> Iterator[bytes]:
        """Yield a sample of each series."""
        for bound, total in zip(self.bounds, histogram.totals, strict=True):
            yield self.before + _le(bound, les) + self.after + sample(total, at)
        yield self.before + _le(float("inf"), les) + self.after + sample(histogram.number, at)
        yield self.sum + sample(histogram.sum, at)
        yield self.count + sample(histogram.number, at)

    def ended(self, les: dict[float, bytes], at: int) -> Iterator[bytes]:
        """Yield word of the end of each series."""
        yield from self.totals(Histogram(self.bounds, (STALE,) * len(self.bounds), STALE, STALE), les, at)


@dataclass(slots=True)
class _Server:
    """The series that a server has: their labels, written."""

    plain: dict[Who, bytes] = field(default_factory=dict)
    histograms: dict[Who, Buckets] = field(default_factory=dict)
    about: dict[str, bytes] = field(default_factory=dict)


class Encoder:
    """Remembers what each server had; `own` are the labels of what the monitor says of itself and its machine."""

    def __init__(self, own: Labels) -> None:
        """Know nothing yet."""
        self._own = own
        self._servers: dict[Labels, _Server] = {}
        self._beside: dict[Series, tuple[bytes, float, int]] = {}
        self._les: dict[float, bytes] = {}

    def encode(self, look: Look, beside: Sequence[Sample], at: int) -> Iterator[bytes]:
        """Yield a series with one sample for everything that a look found. Units: at as of `Point`."""
        for each in look.scraped:
            yield from self._scraped(each)
        for gone in look.gone:
            yield from self._gone(gone, at)
        yield from self._aside(beside, at)

    def _scraped(self, scraped: Scraped) -> Iterator[bytes]:
        server, at = scraped.labels, scraped.at
        before = self._servers.get(server, _Server())
        now = self._servers[server] = _Server(about=before.about)
        for name, value in scraped.about.items():
            if name not in now.about:
                now.about[name] = _plain((name, ()), server)
            yield now.about[name] + sample(value, at)
        if scraped.said is not None:
            yield from self._said(scraped.said, server, at, (before, now))
        for who, written in before.plain.items():
            if who not in now.plain:
                yield written + sample(STALE, at)
        for who, buckets in before.histograms.items():
            if now.histograms.get(who) is not buckets:
                yield from self._ended(buckets, now.histograms.get(who), at)

    def _said(self, said: Exposition, server: Labels, at: int, known: tuple[_Server, _Server]) -> Iterator[bytes]:
        before, now = known
        for table in (said.gauges, said.counters):
            for who, value in islice(table.items(), MOST_SERIES - len(now.plain)):
                written = before.plain.get(who) or _plain(who, server)
                now.plain[who] = written
                yield written + sample(value, at)
        for who, histogram in islice(said.histograms.items(), MOST_SERIES - len(now.plain)):
            buckets = before.histograms.get(who)
            if buckets is None or buckets.bounds != histogram.bounds:
                buckets = Buckets(who, server, histogram.bounds)
            now.histograms[who] = buckets
            yield from buckets.totals(histogram, self._les, at)

    def _ended(self, buckets: Buckets, instead: Buckets | None, at: int) -> Iterator[bytes]:
        """Yield word of the end of a histogram's series, but for those that it goes on with, with other bounds."""
        if instead is None:
            yield from buckets.ended(self._les, at)
            return
        for bound in set(buckets.bounds) - set(instead.bounds):
            yield buckets.before + _le(bound, self._les) + buckets.after + sample(STALE, at)

    def _gone(self, server: Labels, at: int) -> Iterator[bytes]:
        known = self._servers.pop(server, _Server())
        for written in (*known.about.values(), *known.plain.values()):
            yield written + sample(STALE, at)
        for buckets in known.histograms.values():
            yield from buckets.ended(self._les, at)

    def _aside(self, beside: Sequence[Sample], at: int) -> Iterator[bytes]:
        """Yield what the monitor itself knows: gauges as they are, counters as totals since it began."""
        seen = {}
        for series, point in beside:
            written, total, _ = self._beside.get(series) or (self._about_itself(series), 0.0, at)
            value = total + point.value if series.kind is Kind.COUNTER else point.value
            seen[series] = (written, value, at)
            yield written + sample(value, at)
        for series, (written, total, last) in self._beside.items():
            if series in seen:
                continue
            goes_on = series.kind is Kind.COUNTER and at - last < IDLE_MS
            yield written + sample(total if goes_on else STALE, at)
            if goes_on:
                seen[series] = (written, total, last)
        self._beside = seen

    def _about_itself(self, series: Series) -> bytes:
        pairs = {**dict(self._own), **dict(series.labels), "__name__": series.name}
        return labels(sorted(pairs.items()))


def size(look: Look, beside: Sequence[Sample]) -> int:
    """Return about how many samples a look is, without encoding it."""
    number = len(beside)
    for each in look.scraped:
        number += len(each.about)
        if each.said is not None:
            number += len(each.said.gauges) + len(each.said.counters)
            number += sum(len(histogram.bounds) + 3 for histogram in each.said.histograms.values())
    return number


def _plain(who: Who, server: Labels) -> bytes:
    name, own = who
    return labels(sorted([*with_server(own, server), ("__name__", name)]))


def _le(bound: float, known: dict[float, bytes]) -> bytes:
    written = known.get(bound)
    if written is None:
        text = "+Inf" if bound == float("inf") else format(bound, ".12g")
        written = known[bound] = labels([("le", text)])
    return written
