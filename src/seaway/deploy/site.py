"""Where a deployment runs: its target, how plans for it are made, and where its state is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from seaway.clock import Clock
from seaway.deploy.description.schema import Description
from seaway.deploy.desire import Source, state_path, store_path
from seaway.deploy.desired import Desired
from seaway.deploy.observed import Observed
from seaway.deploy.plan import Plan
from seaway.deploy.state import StateStore
from seaway.deploy.target import Target
from seaway.fleet.published import Published
from seaway.settings.secret import Secret

Planner: TypeAlias = Callable[[Desired, Observed, Published | None], Plan]
Teardown: TypeAlias = Callable[[Observed, str], Plan]


@dataclass(frozen=True, slots=True)
class Place:
    """What a target is made from."""

    description: Description
    base: Path
    secrets: Mapping[str, Secret]
    clock: Clock
    source: Source | None = None

    @property
    def store(self) -> str:
        """Return where the model store is."""
        return store_path(self.description, self.base)

    @property
    def state(self) -> Path:
        """Return the directory of the state."""
        return state_path(self.description, self.base)


@dataclass(frozen=True, slots=True)
class Site:
    """A target with what belongs to it."""

    target: Target
    state: StateStore
    plan: Planner
    teardown: Teardown
