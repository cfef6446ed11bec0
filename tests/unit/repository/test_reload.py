"""What a new list of models changes, and how its failures are summed up."""

from __future__ import annotations

import pytest

from seaway import errors
from seaway.repository.reload import ChangeKind, plan_reload, reload_error
from seaway.repository.servable_state_monitor import Outcome, Progress
from seaway.repository.snapshot import ModelSnapshot, ModelView
from seaway.settings.model_config import EntryProblem, LatestVersions, ModelConfig, ModelList
from tests.support.fakes import model_config

A, B, C = model_config("a"), model_config("b"), model_config("c")
B_TWO = model_config("b", version_policy=LatestVersions(2))
NOT_GIVEN = EntryProblem("b", errors.InvalidArgument("model 'b' has no base_path"))


@pytest.mark.parametrize(
    ("current", "new", "changes", "after"),
    [
        pytest.param([], [A], [(ChangeKind.ADD, A)], [A], id="the-first-list"),
        pytest.param([A], [A], [], [A], id="the-same-list"),
        pytest.param([A, B], [A], [(ChangeKind.REMOVE, B)], [A], id="a-list-replaces-the-whole-set"),
        pytest.param([A, B], [A, B_TWO], [(ChangeKind.CHANGE, B_TWO)], [A, B_TWO], id="another-policy"),
        pytest.param([A], [C], [(ChangeKind.REMOVE, A), (ChangeKind.ADD, C)], [C], id="one-for-another"),
        pytest.param([A], [], [(ChangeKind.REMOVE, A)], [], id="an-empty-list-removes-all"),
    ],
)
def test_changes(
    current: list[ModelConfig],
    new: list[ModelConfig],
    changes: list[tuple[ChangeKind, ModelConfig]],
    after: list[ModelConfig],
) -> None:
    plan = plan_reload({model.name: model for model in current}, ModelList(tuple(new)))

    assert [(change.kind, change.config) for change in plan.changes] == changes
    assert list(plan.models) == after


def test_reload_of_its_own_result_changes_nothing() -> None:
    plan = plan_reload({"a": A}, ModelList((B, C)))
    again = plan_reload({model.name: model for model in plan.models}, ModelList((B, C)))

    assert again.changes == ()


def test_message_without_a_list_changes_nothing() -> None:
    plan = plan_reload({"a": A}, ModelList(is_empty_message=True))

    assert (plan.models, plan.changes) == ((A,), ())


def test_bad_entry_leaves_its_own_model_as_it_is_and_no_other_waits_for_it() -> None:
    plan = plan_reload({"a": A, "b": B}, ModelList((A, C), (NOT_GIVEN,)))

    assert sorted(model.name for model in plan.models) == ["a", "b", "c"]
    assert [(change.kind, change.config) for change in plan.changes] == [(ChangeKind.ADD, C)]
    assert plan.problems == (NOT_GIVEN,)


def test_entry_that_is_listed_twice_leaves_the_model_as_it_is() -> None:
    twice = EntryProblem("b", errors.InvalidArgument("Illegal to list model b multiple times in config list"))

    plan = plan_reload({"b": B}, ModelList((B_TWO,), (twice,)))

    assert plan.models == (B,)
    assert plan.changes == ()


def test_platform_may_not_change() -> None:
    other = EntryProblem("b", errors.InvalidArgument("model_platform 'other'"), platform="other")

    plan = plan_reload({"b": B}, ModelList((), (other,)))

    assert isinstance(plan.problems[0].error, errors.FailedPrecondition)
    assert plan.problems[0].error.message == (
        "model 'b': the platform may not change from 'tensorflow' to 'other'; give the new model another name"
    )


def view(config: ModelConfig, **labels: int) -> ModelView:
    return ModelView(config.name, config, True, None, ModelSnapshot(config.name), labels)


def test_reload_without_failures_has_no_error() -> None:
    plan = plan_reload({}, ModelList((A,)))

    assert reload_error(plan, {"a": Outcome(Progress.AVAILABLE)}, {"a": view(A)}) is None


def test_error_names_every_failure_under_the_code_of_the_first() -> None:
    plan = plan_reload({}, ModelList((A, C), (NOT_GIVEN,)))
    outcomes = {
        "a": Outcome(Progress.AVAILABLE),
        "c": Outcome(Progress.FAILED, errors.DataLoss("version 1 of 'c': corrupt")),
    }

    error = reload_error(plan, outcomes, {"a": view(A), "c": view(C)})

    assert isinstance(error, errors.InvalidArgument)
    assert error.message == "model 'b' has no base_path; version 1 of 'c': corrupt"


def test_label_on_a_version_that_is_not_available_is_a_failed_precondition() -> None:
    labelled = model_config("a", version_labels={"stable": 7})
    plan = plan_reload({}, ModelList((labelled,)))

    error = reload_error(plan, {"a": Outcome(Progress.AVAILABLE)}, {"a": view(labelled)})

    assert isinstance(error, errors.FailedPrecondition)
    assert "Request to assign label to version 7 of model a" in error.message
    assert reload_error(plan, {"a": Outcome(Progress.AVAILABLE)}, {"a": view(labelled, stable=7)}) is None
