"""What the repository knows of its models at one moment, as values that any thread may keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from seaway import errors
from seaway.repository.states import ServableState, State
from seaway.settings.model_config import ModelConfig


@dataclass(frozen=True, slots=True)
class VersionSnapshot:
    """One version and whether it should be served."""

    state: ServableState
    is_aspired: bool

    @property
    def version(self) -> int:
        """Return the version number."""
        return self.state.id.version


@dataclass(frozen=True, slots=True)
class ModelSnapshot:
    """The versions of one model, ascending; ended ones stay for a while."""

    name: str
    versions: tuple[VersionSnapshot, ...] = ()

    @property
    def available(self) -> frozenset[int]:
        """Return the version numbers that serve."""
        return frozenset(each.version for each in self.versions if each.state.state is State.AVAILABLE)

    def state_of(self, version: int) -> State:
        """Return the state of a version; UNKNOWN when it was never seen."""
        return next((each.state.state for each in self.versions if each.version == version), State.UNKNOWN)


ManagerSnapshot: TypeAlias = Mapping[str, ModelSnapshot]


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model as configured, as found and as served."""

    name: str
    config: ModelConfig | None
    """None for a model that was removed and whose versions are still ending or remembered."""
    is_looked_at: bool
    """The source has answered for this very configuration."""
    problem: errors.SeawayError | None
    """Why the source found nothing to serve."""
    snapshot: ModelSnapshot
    labels: Mapping[str, int]


RepositoryView: TypeAlias = Mapping[str, ModelView]
