"""What is known of a rollout between two looks at it, as a document of the state store: one for each model.

Whoever finds a rollout that nobody drives can go on with it: all that is needed stands here, the reports from the
beginning of the stage too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import structs

from seaway.deploy.rollout.stages import Stage
from seaway.deploy.state import StateStore
from seaway.errors import DataLoss
from seaway.fleet.data import Data
from seaway.fleet.report import ModelReport, Report

Outcome = Literal["", "promoted", "rolled back"]


class Note(Data, frozen=True):
    """Something that happened."""

    at: float
    stage: str
    text: str


class Rollout(Data, frozen=True):
    """One rollout. `stage` counts from 0; `baseline` is what replicas reported when it began. No outcome: under way."""

    id: str
    model: str
    live: int
    candidate: int
    who: str
    begun_at: float
    stages: tuple[Stage, ...]
    stage: int = 0
    stage_begun_at: float = 0.0
    baseline: tuple[Report, ...] = ()
    notes: tuple[Note, ...] = ()
    outcome: Outcome = ""

    @property
    def versions(self) -> tuple[int, int]:
        """The live version and the candidate."""
        return self.live, self.candidate

    @property
    def now(self) -> Stage:
        """The stage it is at."""
        return self.stages[self.stage]

    @property
    def is_under_way(self) -> bool:
        """Tell whether it has not ended."""
        return not self.outcome


def read(state: StateStore, model: str) -> Rollout | None:
    """Return the last rollout of a model, None when there was none.

    Raises:  DataLoss - its document cannot be read.
    """
    content = state.read(document(model))
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=Rollout)
    except msgspec.DecodeError as err:
        raise DataLoss(f"the rollout of {model!r} ({document(model)}) cannot be read: {err}") from err


def write(state: StateStore, rollout: Rollout) -> None:
    """Put a rollout in the place of what was known of it."""
    state.write(document(rollout.model), msgspec.json.encode(rollout))


def document(model: str) -> str:
    """Return the name of a model's document; a model's name may hold what a file's may not."""
    safe = "".join(each if each.isalnum() or each in "-_." else f"%{ord(each):02x}" for each in model)
    return f"rollout-{safe}.json"


def at_stage(rollout: Rollout, stage: int, now: float, reports: Sequence[Report]) -> Rollout:
    """Return a rollout at the beginning of a stage. Pure."""
    baseline = tuple(about(report, rollout.model) for report in reports)
    return structs.replace(rollout, stage=stage, stage_begun_at=now, baseline=baseline)


def noted(rollout: Rollout, now: float, text: str, outcome: Outcome = "") -> Rollout:
    """Return a rollout of which something more is known. Pure."""
    note = Note(now, str(rollout.now), text)
    return structs.replace(rollout, notes=(*rollout.notes, note), outcome=outcome or rollout.outcome)


def about(report: Report, model: str) -> Report:
    """Return what a report says of one model. Pure."""
    models: tuple[ModelReport, ...] = tuple(each for each in report.models if each.name == model)
    series = tuple(each for each in report.series if each.model == model)
    comparisons = tuple(each for each in report.comparisons if each.model == model)
    return structs.replace(report, models=models, series=series, comparisons=comparisons)
