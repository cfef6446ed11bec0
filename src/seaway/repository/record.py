"""What the manager keeps of one version, and the questions it asks about it.

A record is changed by the manager's thread only. `attempt` tells the current load or unload from earlier ones: an
answer that arrives for an earlier attempt (a load that was given up, a worker that was replaced) is no news any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seaway import errors
from seaway.repository.admission import estimate_bytes
from seaway.repository.ids import ServableId
from seaway.repository.loader import Loader
from seaway.repository.policy import VersionView
from seaway.repository.snapshot import VersionSnapshot
from seaway.repository.source import AspiredVersion
from seaway.repository.states import ServableState, State


@dataclass(slots=True)
class Record:
    """One version in the manager's hands."""

    version: AspiredVersion
    is_aspired: bool = True
    state: State = State.START
    error: errors.SeawayError | None = None
    attempt: int = 0
    failures: int = 0
    is_restarting: bool = False
    loader: Loader | None = None
    busy_since_s: float | None = None
    due_s: float | None = None
    available_since_s: float = 0.0

    @property
    def id(self) -> ServableId:
        """Return which version this is."""
        return self.version.id

    @property
    def is_waiting(self) -> bool:
        """Tell whether it is between two attempts to load."""
        return self.state is State.LOADING and self.busy_since_s is None

    @property
    def is_loading_now(self) -> bool:
        """Tell whether a load runs."""
        return self.state is State.LOADING and self.busy_since_s is not None

    def held_bytes(self) -> int:
        """Return the memory that it is counted with: what is loading, serving or not yet gone."""
        holds = self.is_loading_now or self.state in {State.AVAILABLE, State.UNLOADING}
        return estimate_bytes(self.version.size_bytes) if holds else 0

    def servable_state(self) -> ServableState:
        """Return the state as others see it."""
        if self.error is None:
            return ServableState(self.id, self.state)
        return ServableState(self.id, self.state, self.error.code, self.error.message)

    def view(self) -> VersionView:
        """Return what a policy may know."""
        return VersionView(self.id, self.state, self.is_aspired)

    def snapshot(self) -> VersionSnapshot:
        """Return what other threads may know."""
        return VersionSnapshot(self.servable_state(), self.is_aspired)


def is_needed(record: Record, siblings: Iterable[Record]) -> bool:
    """Tell whether a version that is not serving right now should be brought back.

    An aspired one should. One that only serves until its successor is there should too, as long as nobody else serves.
    """
    siblings = list(siblings)
    model_is_wanted = any(each.is_aspired for each in siblings)
    others_serve = any(each.state is State.AVAILABLE for each in siblings if each is not record)
    return record.is_aspired or (record.is_restarting and model_is_wanted and not others_serve)


def must_begin_anew(record: Record, update: AspiredVersion) -> bool:
    """Tell whether an aspired version that had ended gets another life: it was let go, or its files changed."""
    return record.state is State.END and (not record.is_aspired or record.version.fingerprint != update.fingerprint)


def forgettable(records: Iterable[Record], kept: int) -> list[Record]:
    """Return the ended records beyond the newest `kept`, oldest version first."""
    ended = sorted(
        (record for record in records if record.state is State.END and not record.is_aspired),
        key=lambda each: each.id.version,
    )
    return ended[: max(0, len(ended) - kept)]
