"""Requests of a model: in total, over time, by their labels and by server.

It owns these figures and reads them through a `Reader`; of objectives and incidents it knows nothing. Quantiles are
read from buckets that were summed over replicas and time; an average of quantiles is never formed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seaway.fleet.data import Data
from seaway.monitor.order import in_order
from seaway.monitor.query.quote import quoted
from seaway.monitor.report.reader import SERVER_FAULT, Points, Reader

_QUANTILES = (0.5, 0.95, 0.99)


class Totals(Data, frozen=True):
    """All requests of a time. `None` where there were none. Units: seconds."""

    requests: float
    errors: float
    error_ratio: float | None
    per_second: float
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None


class Trend(Data, frozen=True):
    """A figure over time, and over the time before. One point for each of the report's moments."""

    name: str
    unit: str
    now: Points
    before: Points


class Part(Data, frozen=True):
    """Some of the requests, by the labels that tell which. Units: seconds."""

    labels: tuple[str, ...]
    requests: float
    share: float
    error_ratio: float | None
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None


class Replica(Data, frozen=True):
    """One server. `up` is the share of looks at which it answered, None when it was never looked at."""

    part: Part
    up: float | None
    restarts: float


def totals(reader: Reader) -> Totals:
    """Return all requests of a time."""
    requests = reader.counted(()).get((), 0.0)
    errors = reader.counted((), SERVER_FAULT).get((), 0.0)
    p50, p95, p99 = (reader.quantile(share, ()).get(()) for share in _QUANTILES)
    per_second = requests / ((reader.end_ms - reader.start_ms) / 1000)
    return Totals(requests, errors, errors / requests if requests else None, per_second, p50, p95, p99)


def codes(reader: Reader) -> tuple[tuple[str, float], ...]:
    """Return the number of answers of each code, the most frequent first."""
    found = reader.counted(("code",))
    return tuple(sorted(((code, number) for (code,), number in found.items()), key=lambda each: (-each[1], each[0])))


def trends(reader: Reader, before: Reader) -> tuple[Trend, ...]:
    """Return rates, errors and quantiles over a time, each beside those of the time before."""

    def trend(name: str, unit: str, line: Callable[[Reader], Points]) -> Trend:
        return Trend(name, unit, line(reader), line(before))

    def quantile_line(share: float) -> Callable[[Reader], Points]:
        return lambda each: each.line(each.quantile_each(share))

    return (
        trend("Requests per second", "rate", _rates),
        trend("Share of errors", "share", _ratios),
        *(trend(f"p{share * 100:g} of latency", "seconds", quantile_line(share)) for share in _QUANTILES),
    )


def _rates(reader: Reader) -> Points:
    added = reader.line(reader.increase_each(errors=False))
    return tuple(None if each is None else each / (reader.step_ms / 1000) for each in added)


def _ratios(reader: Reader) -> Points:
    errors, all_ = reader.line(reader.increase_each()), reader.line(reader.increase_each(errors=False))
    return tuple((bad or 0.0) / total if total else None for bad, total in zip(errors, all_, strict=True))


def parts(reader: Reader, by: Sequence[str]) -> tuple[Part, ...]:
    """Return the requests by these labels, in the order of the labels' values."""
    requests, errors = reader.counted(by), reader.counted(by, SERVER_FAULT)
    quantiles = [reader.quantile(share, by) for share in _QUANTILES]
    total = sum(requests.values())
    return tuple(
        Part(
            labels,
            number,
            number / total if total else 0.0,
            errors.get(labels, 0.0) / number if number else None,
            *(each.get(labels) for each in quantiles),
        )
        for labels, number in sorted(requests.items(), key=lambda item: in_order(item[0]))
        if number > 0
    )


def replicas(reader: Reader) -> tuple[Replica, ...]:
    """Return the servers that answered requests of the model, by name."""
    up = reader.whole(f"avg by (instance) (avg_over_time(up[{reader.length}]))", ("instance",))
    restarts = reader.whole(
        f"sum by (instance) (increase(seaway_worker_restarts_total{{model={quoted(reader.model)}}}[{reader.length}]))",
        ("instance",),
    )
    return tuple(
        Replica(part, up.get(part.labels), restarts.get(part.labels, 0.0)) for part in parts(reader, ("instance",))
    )
