"""What a new list of models changes, and what is said about it in the end.

Pure functions. A list replaces the whole set of models; an entry that cannot be used leaves its own model as it is.

Source: tensorflow_serving/model_servers/server_core.cc, ReloadConfig; core/server_core_test.cc for what is illegal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from seaway import errors
from seaway.repository.labels import unassigned_label
from seaway.repository.servable_state_monitor import Outcome
from seaway.repository.snapshot import RepositoryView
from seaway.settings.model_config import EntryProblem, ModelConfig, ModelList
from seaway.stores.url import shown


class ChangeKind(Enum):
    """What happens to a model."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Change:
    """One model that a list changes; `config` is the new one, or the old one of a removal."""

    kind: ChangeKind
    config: ModelConfig

    def __str__(self) -> str:
        """Name it for the log."""
        return f"{self.kind.value} model {self.config.name!r} ({shown(self.config.base_path)})"


@dataclass(frozen=True, slots=True)
class ReloadPlan:
    """The models afterwards, what differs from before, and the entries that were left out."""

    models: tuple[ModelConfig, ...]
    changes: tuple[Change, ...]
    problems: tuple[EntryProblem, ...] = ()

    @property
    def awaited(self) -> tuple[ModelConfig, ...]:
        """Return the models that are new or different: the ones worth waiting for."""
        return tuple(change.config for change in self.changes if change.kind is not ChangeKind.REMOVE)


def plan_reload(current: Mapping[str, ModelConfig], new: ModelList) -> ReloadPlan:
    """Compare a list with what is configured now; models that stay the same are in no change."""
    if new.is_empty_message:
        return ReloadPlan(tuple(current.values()), ())
    kept = {problem.name: current[problem.name] for problem in new.problems if problem.name in current}
    after = {**kept, **{model.name: model for model in new.models if model.name not in kept}}
    changes = [Change(ChangeKind.REMOVE, model) for name, model in current.items() if name not in after]
    for name, model in after.items():
        if name not in current:
            changes.append(Change(ChangeKind.ADD, model))
        elif current[name] != model:
            changes.append(Change(ChangeKind.CHANGE, model))
    problems = tuple(_as_transition(problem, current) for problem in new.problems)
    return ReloadPlan(tuple(after.values()), tuple(changes), problems)


def reload_error(plan: ReloadPlan, outcomes: Mapping[str, Outcome], view: RepositoryView) -> errors.SeawayError | None:
    """Sum up what went wrong, under the code of the first failure; None when all is as the list asks."""
    failures: list[errors.SeawayError] = [problem.error for problem in plan.problems]
    failures += [each.error for _, each in sorted(outcomes.items()) if each.error is not None]
    failures += _label_errors(plan.awaited, view)
    if not failures:
        return None
    return errors.from_code(failures[0].code, "; ".join(failure.message for failure in failures))


def _label_errors(models: Iterable[ModelConfig], view: RepositoryView) -> list[errors.SeawayError]:
    found: list[errors.SeawayError] = []
    for model in models:
        assigned = view[model.name].labels if model.name in view else {}
        error = unassigned_label(model.name, model.version_labels, assigned)
        if error:
            found.append(error)
    return found


def _as_transition(problem: EntryProblem, current: Mapping[str, ModelConfig]) -> EntryProblem:
    known = current.get(problem.name)
    if known is None or not problem.platform or problem.platform == known.platform:
        return problem
    text = (
        f"model {problem.name!r}: the platform may not change from {known.platform!r} to {problem.platform!r}; "
        "give the new model another name"
    )
    return EntryProblem(problem.name, errors.FailedPrecondition(text), problem.platform)
