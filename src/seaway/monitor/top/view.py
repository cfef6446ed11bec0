"""What is shown of models and servers, and in which order. Pure values.

They know neither the store that they were read from nor the terminal that they are drawn on; `seaway top --json` writes
them down as they are.
"""

from __future__ import annotations

import math

import msgspec

from seaway.monitor.order import place

STAGES = ("queue", "decode", "run", "encode")
SORTS = ("requests", "p99", "errors", "memory")


class Value(msgspec.Struct, frozen=True):
    """A value of the view; it is written down with its defaults, so that whoever reads it finds every field."""


class Row(Value, frozen=True):
    """A model's version, or one of its signatures. None is what is not known. Units: seconds, bytes, per second.

    `stages` are mean times of successful requests, by name.
    """

    model: str
    version: str
    signature: str = ""
    rate: float = 0.0
    error_share: float | None = None
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    queued: float | None = None
    in_flight: float | None = None
    batch_rows: float | None = None
    memory_bytes: float | None = None
    engine: str = ""
    stages: dict[str, float] = {}


class Slow(Value, frozen=True):
    """Where a server is slower than its peers. Units: seconds."""

    model: str
    version: str
    p99_s: float
    others_p99_s: float


class Server(Value, frozen=True):
    """A server. `cpu_cores` and `memory_bytes` are those of its workers. Units: seconds, bytes, per second."""

    instance: str
    is_up: bool
    problem: str = ""
    rate: float = 0.0
    error_share: float | None = None
    p99_s: float | None = None
    cpu_cores: float | None = None
    memory_bytes: float | None = None
    scrape_s: float = 0.0
    slow: tuple[Slow, ...] = ()


class View(Value, frozen=True):
    """All that is shown; `looks` were taken so far, those within `window_s` count.

    Units:   at in seconds since the Unix epoch, seconds, per second.
    """

    at: float
    window_s: float
    looks: int
    up: int = 0
    rate: float = 0.0
    error_share: float | None = None
    models: tuple[Row, ...] = ()
    signatures: tuple[Row, ...] = ()
    servers: tuple[Server, ...] = ()
    notice: str = ""


def ordered(of: View, by: str) -> View:
    """Return the view with the largest first; servers that need attention before all others. Pure."""
    key = {"requests": "rate", "p99": "p99_s", "errors": "error_share", "memory": "memory_bytes"}[by]

    def size(row: Row | Server) -> float:
        value = getattr(row, key)
        return math.inf if value is None else -value

    def of_row(row: Row) -> tuple[object, ...]:
        return (size(row), row.model, place(row.version), row.signature)

    return msgspec.structs.replace(
        of,
        models=tuple(sorted(of.models, key=of_row)),
        signatures=tuple(sorted(of.signatures, key=of_row)),
        servers=tuple(sorted(of.servers, key=lambda each: (each.is_up, not each.slow, size(each), each.instance))),
    )
