"""How many more loads (or unloads) may begin now, and when the next thing is due.

A limit keeps fifty models from starting at once. But a load that hangs must not keep the others out, so one that has
been running longer than the patience no longer counts.
"""

from __future__ import annotations

from collections.abc import Iterable

from seaway.repository.options import ManagerOptions
from seaway.repository.record import Record
from seaway.repository.states import State


def free_places(now_s: float, begun_s: Iterable[float], limit: int, patience_s: float) -> int:
    """Return how many more may begin beside those that began at `begun_s`; a limit below 1 means one after another."""
    counted = sum(1 for begun in begun_s if begun + patience_s > now_s)
    return max(0, max(1, limit) - counted)


def busy_since(records: Iterable[Record], state: State) -> list[float]:
    """Return when the loads (LOADING) or unloads (UNLOADING) that run now began."""
    return [each.busy_since_s for each in records if each.state is state and each.busy_since_s is not None]


def ends_at_s(record: Record, options: ManagerOptions) -> float | None:
    """Return when the load or unload that runs is no longer waited for; None when none runs."""
    if record.busy_since_s is None:
        return None
    if record.state is State.LOADING:
        return record.busy_since_s + record.version.fetch_timeout_s + options.load_timeout_s
    return record.busy_since_s + options.unload_timeout_s


def next_due_s(now_s: float, records: Iterable[Record], options: ManagerOptions) -> float | None:
    """Return the seconds until a pause, a time limit or the patience with something runs out; None when none does."""
    moments: list[float | None] = []
    for record in records:
        impatient = None if record.busy_since_s is None else record.busy_since_s + options.patience_s
        moments += [record.due_s, impatient, ends_at_s(record, options)]
    ahead = [moment for moment in moments if moment is not None and moment > now_s]
    return min(ahead) - now_s if ahead else None
