"""How far a replica is with what it was told to serve. A pure function of what its repository knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seaway.repository.snapshot import ModelView, RepositoryView, VersionSnapshot
from seaway.repository.states import State
from seaway.settings.model_config import ModelConfig, ModelList, SpecificVersions


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether all that was asked for is served, and why it is not; `problem` is empty while it may come yet."""

    is_applied: bool
    problem: str = ""


def standing(wanted: ModelList, view: RepositoryView) -> Standing:
    """Return how far a view is from what is wanted.

    The first failure of a load counts as a problem, although the server goes on trying: whoever waits for it had better
    look.
    """
    problems = [each.error.message for each in wanted.problems]
    problems += [problem for model in wanted.models for problem in _problems(model, view.get(model.name))]
    is_applied = not problems and all(_is_served(model, view.get(model.name)) for model in wanted.models)
    return Standing(is_applied, problems[0] if problems else "")


def _is_served(model: ModelConfig, view: ModelView | None) -> bool:
    if view is None or view.config != model:
        return False
    return _wanted(model) <= view.snapshot.available and dict(view.labels) == dict(model.version_labels)


def _problems(model: ModelConfig, view: ModelView | None) -> Iterator[str]:
    if view is None:
        return
    for version in view.snapshot.versions:
        if version.version in _wanted(model) and _has_failed(version):
            yield f"version {version.version} of {model.name!r}: {version.state.message}"


def _has_failed(version: VersionSnapshot) -> bool:
    return version.is_aspired and bool(version.state.code) and version.state.state in {State.LOADING, State.END}


def _wanted(model: ModelConfig) -> frozenset[int]:
    policy = model.version_policy
    assert isinstance(policy, SpecificVersions), "a decision names its versions"
    return policy.versions
