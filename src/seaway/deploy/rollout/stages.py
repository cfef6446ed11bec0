"""The stages of a rollout, and what is published in each. Pure.

shadow   the live version answers everything; a share of requests is run on the candidate too and compared
canary   the candidate answers a share, growing from stage to stage
bake     the candidate answers everything; the version before stays loaded, so that going back loads nothing
done     the candidate is live, and what is loaded beside it is as described
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from seaway.deploy.description.schema import Rollout
from seaway.fleet.data import Data
from seaway.fleet.published import PublishedModel, Traffic

Keep = Callable[[int], tuple[int, ...]]
"""The versions that are loaded while one is live."""


class Stage(Data, frozen=True):
    """One stage. `seconds` is its least time."""

    name: str
    seconds: float
    canary: float = 0.0
    shadow: float = 0.0

    def __str__(self) -> str:
        """Name it as a person does, for instance `canary 10%`."""
        if self.name == "canary":
            return f"canary {self.canary * 100:.3g}%"
        return f"shadow {self.shadow:.0%}" if self.name == "shadow" else self.name


def stages(settings: Rollout) -> tuple[Stage, ...]:
    """Return the stages that the settings ask for, in order."""
    shadow = (Stage("shadow", settings.shadow_s, shadow=settings.shadow),) if settings.shadow else ()
    canaries = tuple(Stage("canary", settings.stage_s, canary=share) for share in settings.canary)
    bake = (Stage("bake", settings.bake_s),)
    return (*shadow, *canaries, *bake)


def at_stage(model: PublishedModel, versions: tuple[int, int], stage: Stage, sticky_header: str) -> PublishedModel:
    """Return what is published of a model while its rollout from one version to another is at a stage."""
    live, candidate = versions
    loaded = tuple(sorted({*model.versions, live, candidate}))
    if stage.name == "bake":
        traffic = Traffic(candidate, live)
    else:
        traffic = Traffic(live, candidate, stage.canary, sticky_header, stage.shadow)
    return structs.replace(model, versions=loaded, traffic=traffic)


def settled(model: PublishedModel, version: int, keep: Keep) -> PublishedModel:
    """Return what is published of a model once a version is live and no rollout is under way."""
    labelled = set(model.labels.values())
    loaded = tuple(sorted({*keep(version), *(labelled & set(model.versions))}))
    return structs.replace(model, versions=loaded, traffic=Traffic(version))
