"""Connections to the store's file, all alike: they read while another writes, and can add up packed buckets in SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from seaway.monitor.store.schema import pack, pairs


def connected(path: Path) -> sqlite3.Connection:
    """Return a connection for any one thread at a time; whoever writes begins and ends transactions."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    # typeshed wants a protocol that a class with these methods fits in all but the type of its argument.
    add: Callable[[], object] = _AddBuckets
    connection.create_aggregate("add_buckets", 1, add)  # type: ignore[arg-type]
    return connection


class _AddBuckets:
    """The sum of packed buckets, for SQL."""

    def __init__(self) -> None:
        self._counts: dict[int, float] = {}

    def step(self, packed: bytes | None) -> None:
        if packed is None:
            return
        for number, count in pairs(packed):
            self._counts[number] = self._counts.get(number, 0.0) + count

    def finalize(self) -> bytes:
        length = max(self._counts, default=-1) + 1
        return pack([self._counts.get(number, 0.0) for number in range(length)])
