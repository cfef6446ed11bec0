"""The states of a servable and the moves between them.

              ┌──────────────── refused, failed or no longer wanted ────────────────┐
              │        ┌──────────────────────────────────────────────────────────┐ │
              │        │                                                          ▼ ▼
    (seen) ─► START ─► LOADING ─► AVAILABLE ─► UNLOADING ─────────────────────────► END
               ▲        │  ▲          │            ▲                                 │
               │        │  └──────────┘            │                                 │
               │        │   its worker died        │                                 │
               │        └── no longer wanted ──────┘                                 │
               └──────────── aspired again, or its files changed ────────────────────┘

AVAILABLE is announced only after the load has returned; UNLOADING is announced before the unload begins. Whoever routes
by these events therefore never sends a request to a version that is not there.

Source: tensorflow_serving/core/servable_state.h, apis/get_model_status.proto for names and numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from seaway import errors
from seaway.repository.ids import ServableId


class State(IntEnum):
    """Where a version is in its life; numbers and names as on the wire."""

    UNKNOWN = 0
    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


_NEXT: dict[State, frozenset[State]] = {
    State.UNKNOWN: frozenset({State.START}),
    State.START: frozenset({State.LOADING, State.END}),
    State.LOADING: frozenset({State.LOADING, State.AVAILABLE, State.UNLOADING, State.END}),
    State.AVAILABLE: frozenset({State.LOADING, State.UNLOADING, State.END}),
    State.UNLOADING: frozenset({State.END}),
    State.END: frozenset({State.START}),
}


def is_legal(before: State, after: State) -> bool:
    """Tell whether the drawing above has an arrow; LOADING to itself is the next attempt of the same load."""
    return after in _NEXT[before]


@dataclass(frozen=True, slots=True)
class ServableState:
    """What is known of one version at one moment; a code other than 0 says why it is not (yet) serving."""

    id: ServableId
    state: State
    code: int = errors.OK
    message: str = ""

    @property
    def is_failed(self) -> bool:
        """Tell whether this life ended in an error."""
        return self.state is State.END and self.code != errors.OK
