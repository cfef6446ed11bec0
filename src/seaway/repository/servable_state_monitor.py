"""Waits, within a bound, for models to become available or to turn out not to.

What a wait is waiting for is the pure function `outcome`; the monitor only holds the latest view and wakes who waits.

Source: tensorflow_serving/core/servable_state_monitor.h (WaitUntilServablesReachState, which has no time limit).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from seaway import errors
from seaway.clock import Clock
from seaway.repository.snapshot import ModelView, RepositoryView
from seaway.repository.states import ServableState, State
from seaway.settings.model_config import ModelConfig


class Progress(Enum):
    """How far a model has come."""

    PENDING = "pending"
    AVAILABLE = "available"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a model; the error names each version that failed, or what is still missing."""

    progress: Progress
    error: errors.SeawayError | None = None


def outcome(wanted: ModelConfig, configured: ModelConfig | None, view: ModelView | None) -> Outcome:
    """Tell whether every version that the wanted configuration asks for serves, or which one will not.

    `configured` is the model's configuration as of now. The view may lag behind it by a moment, never lead.
    """
    if configured != wanted:
        return Outcome(Progress.FAILED, errors.Aborted(f"model {wanted.name!r} was configured anew meanwhile"))
    if view is None or view.config != wanted or not view.is_looked_at:
        return Outcome(Progress.PENDING, errors.DeadlineExceeded(f"model {wanted.name!r} has not been looked at yet"))
    if view.problem:
        is_passing = isinstance(view.problem, errors.Unavailable)
        return Outcome(Progress.PENDING if is_passing else Progress.FAILED, view.problem)
    return _outcome_of_versions(wanted.name, [each.state for each in view.snapshot.versions if each.is_aspired])


def was_tried(wanted: ModelConfig, view: ModelView | None) -> bool:
    """Tell whether a model serves, or something has gone wrong with it at least once.

    That is as long as a server's start waits: one that is tried again and again must not hold the others back.
    """
    if view is None or view.config != wanted or not view.is_looked_at:
        return False
    aspired = [each.state for each in view.snapshot.versions if each.is_aspired]
    tried = [state.state is State.AVAILABLE or state.code != errors.OK for state in aspired]
    return all(tried) if tried else view.problem is not None


def _outcome_of_versions(name: str, aspired: Sequence[ServableState]) -> Outcome:
    failed = [state for state in aspired if state.is_failed]
    pending = [state for state in aspired if not state.is_failed and state.state is not State.AVAILABLE]
    if pending or not aspired:
        waiting = ", ".join(f"{state.id} is {state.state.name}{_because(state.message)}" for state in pending)
        return Outcome(Progress.PENDING, errors.DeadlineExceeded(waiting or f"model {name!r} has no version yet"))
    if failed:
        text = "; ".join(f"{state.id}: {state.message}" for state in failed)
        return Outcome(Progress.FAILED, errors.from_code(failed[0].code, text))
    return Outcome(Progress.AVAILABLE)


class ServableStateMonitor:
    """The latest view, and a place to wait for a better one."""

    def __init__(self, clock: Clock) -> None:
        """Know nothing yet."""
        self._clock = clock
        self._changed = threading.Condition()
        self._view: RepositoryView = {}

    def show(self, view: RepositoryView) -> None:
        """Replace the view and wake whoever waits."""
        with self._changed:
            self._view = view
            self._changed.notify_all()

    def view(self) -> RepositoryView:
        """Return the latest view."""
        return self._view

    def wait_for(self, is_reached: Callable[[RepositoryView], bool], timeout_s: float) -> bool:
        """Wait until a view satisfies the question, at most `timeout_s`; return whether one did."""
        end_s = self._clock.now() + timeout_s
        with self._changed:
            while not is_reached(self._view):
                left_s = end_s - self._clock.now()
                if left_s <= 0:
                    return False
                self._clock.wait(self._changed, left_s)
        return True


def _because(message: str) -> str:
    return f" ({message})" if message else ""
