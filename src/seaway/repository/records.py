"""All records of a manager, and the only place where a record changes state.

Each move is checked against the drawing in `states`, then shown in the snapshot, then published: a listener that asks
for the snapshot sees the state it was just told of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from seaway import errors
from seaway.repository.event_bus import EventBus
from seaway.repository.ids import ServableId
from seaway.repository.record import Record, forgettable
from seaway.repository.snapshot import ManagerSnapshot, ModelSnapshot
from seaway.repository.states import ServableState, State, is_legal


class Records:
    """The versions of every model. For the manager's thread, apart from `snapshot`."""

    def __init__(self, bus: EventBus[ServableState]) -> None:
        """Hold nothing yet."""
        self._bus = bus
        self._models: dict[str, dict[int, Record]] = {}
        self._snapshot: dict[str, ModelSnapshot] = {}

    def __iter__(self) -> Iterator[Record]:
        """Go over a copy, so that records may come and go meanwhile."""
        return iter([record for records in self._models.values() for record in records.values()])

    def snapshot(self) -> ManagerSnapshot:
        """Return all models as of the latest change; for any thread."""
        return self._snapshot

    def models(self) -> list[Collection[Record]]:
        """Return the records of each model."""
        return [records.values() for records in self._models.values()]

    def of(self, model: str) -> Collection[Record]:
        """Return the records of one model."""
        return self._models.get(model, {}).values()

    def find(self, servable: ServableId) -> Record | None:
        """Return the record of a version."""
        return self._models.get(servable.name, {}).get(servable.version)

    def at(self, servable: ServableId) -> Record:
        """Return the record of a version that is there."""
        return self._models[servable.name][servable.version]

    def current(self, servable: ServableId, attempt: int) -> Record | None:
        """Return the record of a version if this is still its attempt; None when the news is from an earlier one."""
        record = self.find(servable)
        return record if record is not None and record.attempt == attempt else None

    def add(self, record: Record) -> None:
        """Take in a version that starts its life, in place of an earlier life of the same."""
        self._models.setdefault(record.id.name, {})[record.id.version] = record
        self._announce(record)

    def move(
        self,
        record: Record,
        state: State,
        error: errors.SeawayError | None = None,
        busy_since_s: float | None = None,
    ) -> None:
        """Change the state of a record and tell everyone."""
        assert is_legal(record.state, state), f"{record.id}: {record.state.name} -> {state.name}"
        record.state, record.error, record.busy_since_s = state, error, busy_since_s
        self._announce(record)

    def refresh(self, model: str) -> None:
        """Show in the snapshot what changed without a change of state."""
        records = sorted(self.of(model), key=lambda record: record.id.version)
        rest = {name: shown for name, shown in self._snapshot.items() if name != model}
        shown = {model: ModelSnapshot(model, tuple(record.snapshot() for record in records))} if records else {}
        self._snapshot = rest | shown

    def prune(self, kept: int, kept_in_all: int) -> None:
        """Forget ended versions beyond the newest `kept` of a model and `kept_in_all` of all models."""
        for name in list(self._models):
            self._forget(forgettable(self.of(name), kept))
        self._forget(forgettable(self, kept_in_all))

    def _forget(self, gone: list[Record]) -> None:
        for record in gone:
            del self._models[record.id.name][record.id.version]
            self.refresh(record.id.name)
            if not self._models[record.id.name]:
                del self._models[record.id.name]

    def _announce(self, record: Record) -> None:
        self.refresh(record.id.name)
        self._bus.publish(record.servable_state())
