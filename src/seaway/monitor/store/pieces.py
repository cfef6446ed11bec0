"""Which resolution has which piece of a time: what is new is not rolled up yet, what is old is kept coarse only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from seaway.monitor.store.schema import Resolution


def pieces(
    connection: sqlite3.Connection, resolutions: Sequence[Resolution], after: int, until: int, step_ms: int
) -> Iterator[tuple[Resolution, int, int]]:
    """Cut a time into pieces, each with the resolution that has it.

    That is the coarsest allowed one; a finer one for what is too new to be rolled up, and a coarser one for what is
    too old to be kept as fine.
    """
    begin = after
    for number, each in reversed(list(enumerate(resolutions))):
        end = min(until, rolled_up_to(connection, each)) if each.step_ms else until
        if each.step_ms > step_ms:
            end = min(end, _begin_of(connection, resolutions[number - 1], each.step_ms, end))
        if end > begin:
            yield each, begin, end
            begin = end


def rolled_up_to(connection: sqlite3.Connection, resolution: Resolution) -> int:
    """Return until when a resolution is complete, 0 for not at all."""
    row = connection.execute("SELECT up_to FROM rolled WHERE resolution = ?", (resolution.name,)).fetchone()
    return int(row[0]) if row else 0


def last_look(connection: sqlite3.Connection, resolutions: Sequence[Resolution]) -> int:
    """Return when the last look was, as well as it is still kept; 0 before the first."""
    for each in resolutions:
        (last,) = connection.execute(f"SELECT max(at) FROM {each.table}").fetchone()
        if last is not None:
            return int(last)
    return 0


def _begin_of(connection: sqlite3.Connection, finer: Resolution, step_ms: int, otherwise: int) -> int:
    """Return the end of the first step that a finer resolution may not have whole."""
    (oldest,) = connection.execute(f"SELECT min(at) FROM {finer.table}").fetchone()
    return otherwise if oldest is None else -(-(oldest - finer.step_ms) // step_ms) * step_ms
