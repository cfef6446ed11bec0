"""Tables of the store, its resolutions, and the form of a row. Pure but for the SQL that it names.

A row stands for what happened in the time that ends with `at`: rows of one resolution are the sums of those of the
resolution before, so any of them answers a question that its step allows, with the same numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from seaway.monitor.point import Kind, Point, Series

VERSION = 1


class Resolution(NamedTuple):
    """How fine, and for how long. `step_ms` 0 is as fine as servers are looked at."""

    name: str
    step_ms: int
    keep_ms: int

    @property
    def table(self) -> str:
        """The table of its rows."""
        return f"points_{self.name}"


HOUR_MS = 3_600_000
RESOLUTIONS = (
    Resolution("raw", 0, 3 * HOUR_MS),
    Resolution("10s", 10_000, 24 * HOUR_MS),
    Resolution("1m", 60_000, 15 * 24 * HOUR_MS),
    Resolution("15m", 900_000, 400 * 24 * HOUR_MS),
)

SCHEMA = [
    """CREATE TABLE IF NOT EXISTS series (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind INTEGER NOT NULL, labels TEXT NOT NULL, bounds TEXT NOT NULL,
        UNIQUE (name, labels, kind, bounds))""",
    # When a counter or histogram was there, whether or not anything was added to it; NULL: it still is.
    """CREATE TABLE IF NOT EXISTS seen (
        series INTEGER NOT NULL, began INTEGER NOT NULL, ended INTEGER, PRIMARY KEY (series, began)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS rolled (resolution TEXT PRIMARY KEY, up_to INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS events (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, labels TEXT NOT NULL, text TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS events_at ON events (at)",
    *(
        f"""CREATE TABLE IF NOT EXISTS {each.table} (
        series INTEGER NOT NULL, at INTEGER NOT NULL, value REAL NOT NULL, count REAL, low REAL, high REAL,
        buckets BLOB,
        PRIMARY KEY (series, at)) WITHOUT ROWID"""
        for each in RESOLUTIONS
    ),
    *(f"CREATE INDEX IF NOT EXISTS {each.table}_at ON {each.table} (at)" for each in RESOLUTIONS),
]


def series_row(series: Series) -> tuple[str, int, str, str]:
    """Return the columns that tell a series from all others."""
    return series.name, int(series.kind), json.dumps(series.labels), json.dumps(series.bounds)


def read_series(name: str, kind: int, labels: str, bounds: str) -> Series:
    """Return the series of a row."""
    named = tuple((str(key), str(value)) for key, value in json.loads(labels))
    return Series(name, named, Kind(kind), tuple(json.loads(bounds)))


def point_row(kind: Kind, point: Point) -> tuple[Any, ...]:
    """Return the columns after `series`; what a kind does not need costs a byte."""
    match kind:
        case Kind.COUNTER:
            return point.at, point.value, None, None, None, None
        case Kind.GAUGE:
            single = point.number == 1.0
            return point.at, point.value, *((None,) * 3 if single else (point.number, point.low, point.high)), None
        case Kind.HISTOGRAM:
            return point.at, point.value, point.number, None, None, pack(point.buckets)


def read_point(series: Series, row: Sequence[Any]) -> Point:
    """Return the point of a row's columns after `series`."""
    at, value, count, low, high, buckets = row
    counts = unpack(buckets, len(series.bounds) + 1) if buckets is not None else ()
    return Point(
        at,
        value,
        1.0 if count is None else count,
        value if low is None else low,
        value if high is None else high,
        counts,
    )


def pack(buckets: Iterable[float]) -> bytes:
    """Return counts in few bytes: the numbers of the buckets that have any, each with its count."""
    flat: list[int] = []
    for number, count in enumerate(buckets):
        if count:
            flat += (number, round(count))
    return msgspec.msgpack.encode(flat)


def unpack(packed: bytes, length: int) -> list[float]:
    """Return the counts of all buckets."""
    counts = [0.0] * length
    for number, count in pairs(packed):
        counts[number] = float(count)
    return counts


def pairs(packed: bytes) -> Iterable[tuple[int, int]]:
    """Return the numbers of the buckets that have any, each with its count."""
    flat = msgspec.msgpack.decode(packed, type=list[int])
    return zip(flat[::2], flat[1::2], strict=True)
