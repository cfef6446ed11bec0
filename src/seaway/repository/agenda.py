"""What may begin now over all models, in the order in which it should: pure functions of the records.

Each model is decided by the policy on its own. Between models, unloads come before loads (the manager asks for them
first), and a model of which nothing serves loads before the next version of one that serves.

Source: tensorflow_serving/core/aspired_versions_manager.cc, GetNextAction, for unloads before loads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeAlias

from seaway.repository.policy import Action, AspiredVersionPolicy, Kind, next_actions
from seaway.repository.record import Record
from seaway.repository.states import State

Models: TypeAlias = Iterable[Collection[Record]]


def unloads(models: Models, policy: AspiredVersionPolicy) -> list[Action]:
    """Return every unload that is due."""
    return [action for records in models for action in _actions(records, policy) if action.kind is Kind.UNLOAD]


def loads(models: Models, policy: AspiredVersionPolicy, now_s: float) -> list[Record]:
    """Return every version whose first load, or whose next attempt, is due."""
    found: list[tuple[bool, Record]] = []
    for records in models:
        serves = any(record.state is State.AVAILABLE for record in records)
        new = {action.id: index for index, action in enumerate(_actions(records, policy)) if action.kind is Kind.LOAD}
        found += [(serves, each) for each in records if each.is_waiting and (each.due_s or 0.0) <= now_s]
        found += [(serves, each) for each in sorted(_of(records, new), key=lambda record: new[record.id])]
    return [record for _, record in sorted(found, key=lambda each: each[0])]


def _actions(records: Iterable[Record], policy: AspiredVersionPolicy) -> list[Action]:
    return next_actions(policy, [record.view() for record in records])


def _of(records: Iterable[Record], ids: Collection[object]) -> list[Record]:
    return [record for record in records if record.id in ids]
