"""When series were there: one row from the look that saw a series first to the one that saw it last.

A row is written when a series comes and completed when it goes, so it costs nothing while it stays. The end of a row
that is not complete is the store's last look: after a crash too.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

GAP_MS = 300_000
"""A series that was away for no longer was never away: a server that comes and goes must not fill the file."""


class Seen:
    """The rows, for whoever writes, within a transaction. Units: moments in milliseconds since the Unix epoch."""

    def __init__(self, connection: sqlite3.Connection, last: int) -> None:
        """Take the moment of the last look before this one."""
        self._connection = connection
        self._last = last

    def note(self, series: int, at: int, is_there: bool) -> int:
        """Note that a series came, or was there last, at a moment; return its number."""
        if is_there:
            self._come(series, at)
        else:
            self._end(series, at)
        return series

    def end_others(self, there: set[int]) -> None:
        """End with the last look whatever is not among these."""
        rows = self._connection.execute("SELECT series FROM seen WHERE ended IS NULL").fetchall()
        for (series,) in rows:
            if series not in there:
                self._end(series, self._last)

    def _come(self, series: int, at: int) -> None:
        row = self._connection.execute(
            "SELECT began, coalesce(ended, ?) FROM seen WHERE series = ? ORDER BY began DESC LIMIT 1",
            (self._last, series),
        ).fetchone()
        if row is not None and at - row[1] <= GAP_MS:
            self._connection.execute("UPDATE seen SET ended = NULL WHERE series = ? AND began = ?", (series, row[0]))
            return
        self._end(series, self._last)
        self._connection.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, NULL)", (series, at))

    def _end(self, series: int, at: int) -> None:
        self._connection.execute("UPDATE seen SET ended = ? WHERE series = ? AND ended IS NULL", (at, series))


def intervals(connection: sqlite3.Connection, series: Iterable[int], last: int) -> dict[int, list[tuple[int, int]]]:
    """Return when each of these series was there, the oldest first; one of which nothing is known is not among them."""
    rows = connection.execute(
        """SELECT series, began, coalesce(ended, max(began, ?)) FROM seen
        WHERE series IN (SELECT value FROM json_each(?)) ORDER BY series, began""",
        (last, json.dumps(list(series))),
    )
    found: dict[int, list[tuple[int, int]]] = {}
    for number, began, ended in rows:
        found.setdefault(number, []).append((began, ended))
    return found
