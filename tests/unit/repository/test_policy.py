"""Both load policies as tables of snapshots. Source: core/{availability,resource}_preserving_policy_test.cc."""

from __future__ import annotations

import pytest

from seaway.repository.ids import ServableId
from seaway.repository.policy import (
    AvailabilityPreservingPolicy,
    Kind,
    ResourcePreservingPolicy,
    VersionView,
    next_actions,
)
from seaway.repository.states import State

START, LOADING, AVAILABLE, UNLOADING, END = State.START, State.LOADING, State.AVAILABLE, State.UNLOADING, State.END
ASPIRED, NOT_ASPIRED = True, False


def views(*versions: tuple[int, State, bool]) -> list[VersionView]:
    return [VersionView(ServableId("m", number), state, is_aspired) for number, state, is_aspired in versions]


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        pytest.param(
            [(1, UNLOADING, False), (2, END, False), (3, AVAILABLE, True), (4, START, True), (5, START, True)],
            (Kind.LOAD, 5),
            id="loads-the-highest-new-aspired",
        ),
        pytest.param(
            [(1, UNLOADING, False), (2, END, False), (3, AVAILABLE, False), (4, AVAILABLE, True), (5, START, True)],
            (Kind.UNLOAD, 3),
            id="unloads-non-aspired-first",
        ),
        pytest.param(
            [(1, END, False), (2, AVAILABLE, False), (3, END, False)],
            (Kind.UNLOAD, 2),
            id="unloads-when-nothing-is-aspired",
        ),
        pytest.param(
            [(1, AVAILABLE, True), (2, END, True), (3, LOADING, True), (4, UNLOADING, False), (5, END, False)],
            None,
            id="no-action-when-none-is-due",
        ),
        pytest.param([(1, AVAILABLE, False), (2, LOADING, True)], None, id="does-not-unload-when-other-is-not-ready"),
        pytest.param([(1, AVAILABLE, False), (2, END, True)], None, id="does-not-unload-when-other-is-in-error"),
        pytest.param(
            [(1, AVAILABLE, False), (2, LOADING, True), (3, AVAILABLE, True)],
            (Kind.UNLOAD, 1),
            id="unloads-if-other-is-ready-even-if-one-loads",
        ),
        pytest.param(
            [(1, AVAILABLE, False), (2, END, True), (3, AVAILABLE, True)],
            (Kind.UNLOAD, 1),
            id="unloads-if-other-is-ready-even-if-one-failed",
        ),
        pytest.param(
            [(2, AVAILABLE, False), (1, AVAILABLE, False), (3, END, True), (4, LOADING, True)],
            (Kind.UNLOAD, 1),
            id="keeps-one-of-several-superseded",
        ),
        pytest.param(
            [(2, AVAILABLE, False), (1, START, True)], (Kind.LOAD, 1), id="reverting-loads-the-smaller-version-first"
        ),
        pytest.param([], None, id="nothing-at-all"),
    ],
)
def test_availability_preserving_step(
    versions: list[tuple[int, State, bool]], expected: tuple[Kind, int] | None
) -> None:
    action = AvailabilityPreservingPolicy().step(views(*versions))

    assert (action and (action.kind, action.id.version)) == expected


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        pytest.param(
            [
                (1, UNLOADING, False),
                (2, AVAILABLE, True),
                (3, AVAILABLE, False),
                (4, START, True),
                (5, AVAILABLE, False),
            ],
            (Kind.UNLOAD, 3),
            id="unloads-the-first-non-aspired",
        ),
        pytest.param(
            [(1, AVAILABLE, True), (2, LOADING, True), (3, START, True), (4, END, False), (5, START, True)],
            (Kind.LOAD, 5),
            id="loads-the-highest-aspired-when-none-is-to-unload",
        ),
        pytest.param(
            [(1, AVAILABLE, True), (2, END, True), (3, LOADING, True), (4, UNLOADING, False), (5, END, False)],
            None,
            id="no-action-when-none-is-due",
        ),
        pytest.param([(1, UNLOADING, False), (2, START, True)], None, id="does-not-load-while-another-unloads"),
        pytest.param([(1, END, False), (2, START, True)], (Kind.LOAD, 2), id="loads-if-the-unaspired-has-ended"),
        pytest.param(
            [(1, END, False), (2, UNLOADING, False), (3, START, True)], None, id="one-ended-and-one-unloading-wait"
        ),
        pytest.param(
            [(1, END, False), (2, END, False), (3, START, True)], (Kind.LOAD, 3), id="loads-when-all-others-ended"
        ),
    ],
)
def test_resource_preserving_step(versions: list[tuple[int, State, bool]], expected: tuple[Kind, int] | None) -> None:
    action = ResourcePreservingPolicy().step(views(*versions))

    assert (action and (action.kind, action.id.version)) == expected


def test_everything_that_may_begin_together_is_returned_in_order_with_its_cause() -> None:
    snapshot = views((1, AVAILABLE, False), (2, AVAILABLE, False), (3, AVAILABLE, True), (4, START, True))

    actions = next_actions(AvailabilityPreservingPolicy(), snapshot)

    assert [(action.kind, action.id.version) for action in actions] == [
        (Kind.UNLOAD, 1),
        (Kind.UNLOAD, 2),
        (Kind.LOAD, 4),
    ]
    assert actions[0].cause == "superseded by version 3, which is available"
    assert actions[2].cause == "aspired and not loaded"
