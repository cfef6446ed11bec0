"""In which order versions are loaded and unloaded: pure functions from a snapshot of one model to actions.

Both policies are stateless and idempotent. `step` names the one next action; `next_actions` repeats it as if each
action had already begun, so that what it returns may be started together.

Source: tensorflow_serving/core/{aspired_version,availability_preserving,resource_preserving}_policy.{h,cc}.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from seaway.repository.ids import ServableId
from seaway.repository.states import State


class Kind(Enum):
    """What to do with a version."""

    UNLOAD = "unload"
    LOAD = "load"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, and why."""

    kind: Kind
    id: ServableId
    cause: str


@dataclass(frozen=True, slots=True)
class VersionView:
    """What a policy may know of a version. END stands for both, unloaded and failed."""

    id: ServableId
    state: State
    is_aspired: bool

    @property
    def is_ready(self) -> bool:
        """Tell whether it serves."""
        return self.state is State.AVAILABLE


class AspiredVersionPolicy(Protocol):
    """Decides for one model at a time."""

    def step(self, versions: Sequence[VersionView]) -> Action | None:
        """Return the next thing to do for this model, None when there is nothing."""
        ...


class AvailabilityPreservingPolicy:
    """Load the new before unloading the old: at least one version keeps serving, at the price of memory for both."""

    def step(self, versions: Sequence[VersionView]) -> Action | None:
        """Unload what is superseded, unless it is the last that serves while a wanted one is not there yet."""
        aspired = [view for view in versions if view.is_aspired]
        superseded = [view for view in versions if view.is_ready and not view.is_aspired]
        cause = _why_unload(aspired, len(superseded))
        if cause and superseded:
            return Action(Kind.UNLOAD, min(view.id for view in superseded), cause)
        return _load_highest_new(aspired)


class ResourcePreservingPolicy:
    """Unload the old before loading the new: memory for one version, at the price of a gap."""

    def step(self, versions: Sequence[VersionView]) -> Action | None:
        """Unload what is not aspired, wait until it is gone, then load."""
        for view in versions:
            if view.is_ready and not view.is_aspired:
                return Action(Kind.UNLOAD, view.id, "no longer aspired")
        if any(not view.is_aspired and view.state is not State.END for view in versions):
            return None
        return _load_highest_new(view for view in versions if view.is_aspired)


def next_actions(policy: AspiredVersionPolicy, versions: Sequence[VersionView]) -> list[Action]:
    """Return everything that may begin now, in order; once it has begun, the same call returns nothing."""
    actions: list[Action] = []
    views = {view.id: view for view in versions}
    while action := policy.step(list(views.values())):
        actions.append(action)
        begun = State.LOADING if action.kind is Kind.LOAD else State.UNLOADING
        views[action.id] = replace(views[action.id], state=begun)
    return actions


def _why_unload(aspired: Sequence[VersionView], superseded: int) -> str:
    if not aspired:
        return "no version of the model is aspired any more"
    ready = [view.id.version for view in aspired if view.is_ready]
    if ready:
        return f"superseded by version {max(ready)}, which is available"
    if superseded > 1:
        return "another version that is no longer aspired still serves"
    return ""


def _load_highest_new(aspired: Iterable[VersionView]) -> Action | None:
    new = [view.id for view in aspired if view.state is State.START]
    return Action(Kind.LOAD, max(new), "aspired and not loaded") if new else None
