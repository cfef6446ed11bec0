"""Keeps samples in an SQLite file: appended in transactions, rolled up, forgotten by age and size, read by time.

One thread writes; any thread reads meanwhile (write-ahead log), and a backup may be taken at any time. After a crash
or a power cut the file is as of a whole transaction, the last second or so may be missing. A full disk makes writing
fail, which whoever writes hears as `ResourceExhausted`; what is there can still be read.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from seaway.errors import DataLoss, FailedPrecondition, NotFound, ResourceExhausted
from seaway.monitor.point import Change, Kind, Point, Sample, Series
from seaway.monitor.store.connection import connected
from seaway.monitor.store.pieces import last_look, pieces, rolled_up_to
from seaway.monitor.store.schema import (
    RESOLUTIONS,
    SCHEMA,
    VERSION,
    Resolution,
    point_row,
    read_point,
    read_series,
    series_row,
)
from seaway.monitor.store.seen import Seen, intervals

if TYPE_CHECKING:
    from seaway.monitor.question import Moments, Result
    from seaway.monitor.target import TargetStatus

_LATE_MS = 15_000
"""A step is rolled up so long after its end, when every server that was asked in it has answered."""


class Event(NamedTuple):
    """Something that happened, to be drawn on the time axis. Units: at in milliseconds since the Unix epoch."""

    at: int
    kind: str
    labels: dict[str, str]
    text: str


class Run(NamedTuple):
    """A series and its points, the oldest first.

    `seen` is when it was there, with points or without: (first, last) moments; None when that was not looked for, or
    is not known.
    """

    series: Series
    points: list[Point]
    seen: list[tuple[int, int]] | None = None


class Matcher(NamedTuple):
    """What a label has to be; a label that is not there counts as empty. `is_pattern`: `value` must match it whole."""

    label: str
    value: str
    is_equal: bool = True
    is_pattern: bool = False

    def fits(self, labels: dict[str, str]) -> bool:
        """Tell whether these labels are wanted."""
        have = labels.get(self.label, "")
        found = re.fullmatch(self.value, have) is not None if self.is_pattern else have == self.value
        return found == self.is_equal


class Store:
    """One file. `close` ends it."""

    def __init__(self, path: Path, resolutions: Sequence[Resolution] = RESOLUTIONS) -> None:
        """Open the file, or make it.

        Raises:  DataLoss - it is there and is no store, or is damaged; FailedPrecondition - of a later version;
                 ResourceExhausted - the disk is full or the file cannot be written.
        """
        self._path = path
        self._resolutions = resolutions
        self._lock = threading.RLock()
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._writer = self._open()
            (version,) = self._writer.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise FailedPrecondition(f"{path} was written by a later Seaway (format {version}, known: {VERSION})")
            with self._transaction():
                for statement in SCHEMA:
                    self._writer.execute(statement)
                self._writer.execute(f"PRAGMA user_version = {VERSION}")
        except sqlite3.OperationalError as err:
            raise ResourceExhausted(
                f"{path} cannot be written: {err}; make room on its disk, or name another directory"
            ) from err
        except sqlite3.DatabaseError as err:
            raise DataLoss(
                f"{path} is no store of the monitor, or is damaged: {err}; move it away to begin anew"
            ) from err
        self._ids: dict[Series, int] = {}
        for number, *row in self._writer.execute("SELECT id, name, kind, labels, bounds FROM series"):
            self._ids[read_series(*row)] = number

    # Writing.

    def append(self, samples: Iterable[Sample], changes: Iterable[Change] = (), is_whole: bool = False) -> int:
        """Keep samples and what came and went, all or nothing, and return how many rows the samples made.

        Args:    is_whole - the changes name all that is there: what they do not name was there until the last look.

        Raises:  ResourceExhausted - the disk is full or the file cannot be written.
        """
        rows = [(sample.series, point_row(sample.series.kind, sample.point)) for sample in samples]
        with self._lock:
            new: dict[Series, int] = {}
            try:
                with self._transaction():
                    seen = Seen(self._writer, last_look(self._writer, self._resolutions))
                    there = {seen.note(self._id(each.series, new), each.at, each.is_there) for each in changes}
                    if is_whole:
                        seen.end_others(there)
                    numbered = [(self._id(series, new), *row) for series, row in rows]
                    self._writer.executemany(
                        f"INSERT OR REPLACE INTO {self._resolutions[0].table} VALUES (?,?,?,?,?,?,?)", numbered
                    )
            except sqlite3.OperationalError as err:
                raise ResourceExhausted(f"{self._path} cannot be written: {err}") from err
            self._ids |= new
        return len(rows)

    def note(self, event: Event) -> None:
        """Keep an event. Raises as `append` does."""
        with self._lock:
            try:
                with self._transaction():
                    self._writer.execute(
                        "INSERT INTO events (at, kind, labels, text) VALUES (?,?,?,?)",
                        (event.at, event.kind, json.dumps(event.labels, sort_keys=True), event.text),
                    )
            except sqlite3.OperationalError as err:
                raise ResourceExhausted(f"{self._path} cannot be written: {err}") from err

    def roll_up(self, now: int) -> None:
        """Sum up what is complete in every resolution. Raises as `append` does. Units: milliseconds since the epoch."""
        with self._lock:
            for finer, coarser in zip(self._resolutions, self._resolutions[1:], strict=False):
                try:
                    self._roll(finer, coarser, now)
                except sqlite3.OperationalError as err:
                    raise ResourceExhausted(f"{self._path} cannot be written: {err}") from err

    def forget(self, now: int, max_bytes: int) -> None:
        """Drop what is older than its resolution is kept, then the oldest of the finest until the file is small enough.

        The coarsest is dropped last, so that a small bound shortens detail before it shortens history.
        """
        with self._lock, suppress(sqlite3.OperationalError):
            with self._transaction():
                for each in self._resolutions:
                    self._writer.execute(f"DELETE FROM {each.table} WHERE at < ?", (now - each.keep_ms,))
                self._writer.execute("DELETE FROM events WHERE at < ?", (now - self._resolutions[-1].keep_ms,))
                self._writer.execute("DELETE FROM seen WHERE ended < ?", (now - self._resolutions[-1].keep_ms,))
            for each in self._resolutions:
                while self.used_bytes() > max_bytes and self._drop_oldest(each):
                    pass
            self._writer.execute("PRAGMA incremental_vacuum")

    def forget_series(self) -> int:
        """Drop the names and labels of which nothing is kept any more, and return how many; it reads an index only."""
        kept = [f"EXISTS (SELECT 1 FROM {each.table} WHERE series = id)" for each in self._resolutions]
        kept.append("EXISTS (SELECT 1 FROM seen WHERE series = id AND (ended IS NULL OR ended >= ?))")
        with self._lock:
            try:
                with self._transaction():
                    since = last_look(self._writer, self._resolutions) - self._resolutions[0].keep_ms
                    query = f"SELECT id FROM series WHERE NOT ({' OR '.join(kept)})"
                    gone = {number for (number,) in self._writer.execute(query, (since,))}
                    for table, column in (("series", "id"), ("seen", "series")):
                        numbers = [(number,) for number in gone]
                        self._writer.executemany(f"DELETE FROM {table} WHERE {column} = ?", numbers)
            except sqlite3.OperationalError as err:
                raise ResourceExhausted(f"{self._path} cannot be written: {err}") from err
            self._ids = {series: number for series, number in self._ids.items() if number not in gone}
        return len(gone)

    def _drop_oldest(self, resolution: Resolution) -> bool:
        """Drop a tenth of the time that a resolution covers; False when it is empty."""
        (first, last) = self._writer.execute(f"SELECT min(at), max(at) FROM {resolution.table}").fetchone()
        if first is None:
            return False
        with self._transaction():
            self._writer.execute(f"DELETE FROM {resolution.table} WHERE at <= ?", (first + (last - first) // 10,))
        return True

    def _roll(self, finer: Resolution, coarser: Resolution, now: int) -> None:
        step = coarser.step_ms
        begin = rolled_up_to(self._writer, coarser)
        end = (now - _LATE_MS) // step * step
        if finer.step_ms:  # What it is made from must be complete itself.
            end = min(end, rolled_up_to(self._writer, finer) // step * step)
        if end <= begin:
            return
        with self._transaction():
            # A row belongs to the step that its time ends: (begin, end].
            self._writer.execute(
                f"""INSERT OR REPLACE INTO {coarser.table}
                SELECT series, ((p.at - 1) / {step} + 1) * {step} AS step, SUM(value),
                       CASE kind WHEN {int(Kind.COUNTER)} THEN NULL ELSE SUM(coalesce(count, 1)) END,
                       CASE kind WHEN {int(Kind.GAUGE)} THEN MIN(coalesce(low, value)) END,
                       CASE kind WHEN {int(Kind.GAUGE)} THEN MAX(coalesce(high, value)) END,
                       CASE kind WHEN {int(Kind.HISTOGRAM)} THEN add_buckets(buckets) END
                FROM {finer.table} AS p JOIN series ON series.id = p.series
                WHERE p.at > ? AND p.at <= ? GROUP BY series, step""",
                (begin, end),
            )
            self._writer.execute("INSERT OR REPLACE INTO rolled VALUES (?, ?)", (coarser.name, end))

    # Reading.

    def read(  # noqa: PLR0913, PLR0917 - one question: of what, when, how fine
        self,
        name: str,
        matchers: Sequence[Matcher],
        after: int,
        until: int,
        step_ms: int = 0,
        idle: bool = False,
    ) -> list[Run]:
        """Return what happened in (after, until], series by series, as fine as `step_ms` asks, or as it is kept.

        Args:    idle - say when each series was there, and return also those that were and to which nothing was added.

        Units:   milliseconds since the Unix epoch.
        """
        wanted = {number: series for number, series in self._matching(name, matchers)}
        if not wanted:
            return []
        found: dict[int, list[Point]] = {}
        seen: dict[int, list[tuple[int, int]]] = {}
        connection = self._reader()
        connection.execute("BEGIN")
        try:
            if idle:
                seen = intervals(connection, wanted, last_look(connection, self._resolutions))
            for resolution, begin, end in pieces(connection, self._resolutions, after, until, step_ms):
                for number, *row in self._rows(connection, resolution, list(wanted), begin, end):
                    found.setdefault(number, []).append(read_point(wanted[number], row))
        finally:
            connection.execute("COMMIT")
        idle_ones = {
            number for number, spans in seen.items() if any(begin < until and end > after for begin, end in spans)
        }
        return [
            Run(wanted[number], found.get(number, []), seen.get(number)) for number in sorted(found.keys() | idle_ones)
        ]

    def series(self, name: str, matchers: Sequence[Matcher] = ()) -> list[Series]:
        """Return the series of a name, or of all names when it is empty."""
        return [series for _, series in self._matching(name, matchers)]

    def answer(self, text: str, moments: Moments) -> Result | None:
        """Return the answer of whoever else keeps the samples; None: they are kept here, and `read` returns them."""
        return None

    def targets(self) -> tuple[TargetStatus, ...] | None:
        """Return the servers that whoever else keeps the samples looks at; None: the monitor itself does."""
        return None

    def events(self, after: int, until: int, most: int = 1000) -> list[Event]:
        """Return what happened in (after, until], the newest first."""
        rows = self._reader().execute(
            "SELECT at, kind, labels, text FROM events WHERE at > ? AND at <= ? ORDER BY at DESC, id DESC LIMIT ?",
            (after, until, most),
        )
        return [Event(at, kind, json.loads(labels), text) for at, kind, labels, text in rows]

    def used_bytes(self) -> int:
        """Return how much of the file is in use."""
        connection = self._reader()
        (pages,), (free,), (size,) = (
            connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def back_up(self, to: Path) -> None:
        """Write a copy as of one moment, while others read and write.

        Raises:  FailedPrecondition - the file is there already.
        """
        if to.exists():
            raise FailedPrecondition(f"{to} is there already; name another file")
        target = sqlite3.connect(to)
        try:
            self._reader().backup(target, pages=1000)
        finally:
            target.close()

    def close(self) -> None:
        """End it; the log is folded into the file."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def _matching(self, name: str, matchers: Sequence[Matcher]) -> Iterator[tuple[int, Series]]:
        with self._lock:
            known = list(self._ids.items())
        for series, number in known:
            if name and series.name != name:
                continue
            labels = dict(series.labels)
            if all(matcher.fits(labels) for matcher in matchers):
                yield number, series

    def _rows(
        self, connection: sqlite3.Connection, resolution: Resolution, numbers: list[int], begin: int, end: int
    ) -> Iterator[tuple[int, int, float, float | None, float | None, float | None, bytes | None]]:
        # The numbers travel as JSON: SQLite bounds how many parameters a statement may have.
        yield from connection.execute(
            f"""SELECT series, at, value, count, low, high, buckets FROM {resolution.table}
            WHERE series IN (SELECT value FROM json_each(?)) AND at > ? AND at <= ? ORDER BY series, at""",
            (json.dumps(numbers), begin, end),
        )

    # Connections.

    def _id(self, series: Series, new: dict[Series, int]) -> int:
        number = self._ids.get(series) or new.get(series)
        if number is None:
            cursor = self._writer.execute(
                "INSERT INTO series (name, kind, labels, bounds) VALUES (?,?,?,?)", series_row(series)
            )
            number = new[series] = int(cursor.lastrowid or 0)
        return number

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._open()
        return connection

    def _open(self) -> sqlite3.Connection:
        connection = connected(self._path)
        with self._lock:
            self._connections.append(connection)
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._writer.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # A full disk may have rolled it back already.
                self._writer.execute("ROLLBACK")
            raise


def open_existing(path: Path) -> Store:
    """Open a store that must be there. Raises: NotFound - it is not."""
    if not path.is_file():
        raise NotFound(f"there is no store at {path}; `seaway monitor` makes one")
    return Store(path)
