"""What was done to a deployment, by whom, when, why and how it ended.

One document, the newest entry last, kept within bounds. It is changed only by the holder of the lock. An entry is
written before the first operation and completed after the last, so that one that was cut off is seen as such.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import structs

from seaway.deploy.desired import Desired
from seaway.deploy.state import StateStore
from seaway.errors import DataLoss
from seaway.fleet.data import Data

NAME = "history.json"
MOST_ENTRIES = 200
MOST_BYTES = 600_000
"""Below what a Kubernetes object may hold."""

Outcome = Literal["running", "done", "failed", "interrupted"]


class Entry(Data, frozen=True):
    """One change. `steps` are the lines of its plan; `done` says how many of them happened.

    `desired` is what the change led to, without secrets: what `seaway rollback` goes back to.
    """

    id: int
    at: float
    who: str
    command: str
    cause: str = ""
    steps: tuple[str, ...] = ()
    done: int = 0
    outcome: Outcome = "running"
    error: str = ""
    seconds: float = 0.0
    desired: Desired | None = None


def read(state: StateStore) -> tuple[Entry, ...]:
    """Return all entries, the oldest first.

    Raises:  DataLoss - the document cannot be read.
    """
    content = state.read(NAME)
    if content is None:
        return ()
    try:
        return msgspec.json.decode(content, type=tuple[Entry, ...])
    except msgspec.DecodeError as err:
        raise DataLoss(f"the history ({NAME}) cannot be read: {err}") from err


def begin(state: StateStore, entry: Entry) -> Entry:
    """Write down that a change begins, with the next number; one that never ended was interrupted."""
    entries = tuple(
        structs.replace(each, outcome="interrupted") if each.outcome == "running" else each for each in read(state)
    )
    entry = structs.replace(entry, id=entries[-1].id + 1 if entries else 1)
    _write(state, (*entries, entry))
    return entry


def complete(state: StateStore, entry: Entry) -> None:
    """Write down how a change stands or ended, in the place of what was written of it."""
    entries = read(state)
    _write(state, tuple(entry if each.id == entry.id else each for each in entries))


def newest_done(entries: tuple[Entry, ...], before: int | None = None) -> Entry | None:
    """Return the newest change that was carried out whole and knows what it led to, of those before a number. Pure."""
    done = [each for each in entries if each.outcome == "done" and each.desired is not None]
    return next((each for each in reversed(done) if before is None or each.id < before), None)


def previous_deployment(entries: tuple[Entry, ...]) -> Entry | None:
    """Return the change that led to the last other set of servers than the present one. Pure."""
    present = newest_done(entries)
    if present is None or present.desired is None:
        return None
    for entry in reversed(entries[: entries.index(present)]):
        if entry.outcome != "done" or entry.desired is None:
            continue
        if entry.desired.replica != present.desired.replica or entry.desired.ingress != present.desired.ingress:
            return entry
    return None


def _write(state: StateStore, entries: tuple[Entry, ...]) -> None:
    entries = entries[-MOST_ENTRIES:]
    content = msgspec.json.encode(entries)
    while len(content) > MOST_BYTES and len(entries) > 1:
        entries = entries[max(1, len(entries) // 10) :]
        content = msgspec.json.encode(entries)
    state.write(NAME, content)
