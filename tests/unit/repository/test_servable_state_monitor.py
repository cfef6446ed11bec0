"""Bounded waits for models."""

from __future__ import annotations

import pytest

from seaway import errors
from seaway.repository.ids import ServableId
from seaway.repository.servable_state_monitor import Progress, ServableStateMonitor, outcome, was_tried
from seaway.repository.snapshot import ModelSnapshot, ModelView, VersionSnapshot
from seaway.repository.states import ServableState, State
from seaway.settings.model_config import ModelConfig
from tests.support.fakes import FakeClock, model_config

CONFIG = model_config("m")


def view(
    *versions: tuple[int, State, int, str, bool],
    is_looked_at: bool = True,
    problem: errors.SeawayError | None = None,
) -> ModelView:
    snapshots = tuple(
        VersionSnapshot(ServableState(ServableId("m", number), state, code, message), is_aspired)
        for number, state, code, message, is_aspired in versions
    )
    return ModelView("m", CONFIG, is_looked_at, problem, ModelSnapshot("m", snapshots), {})


AVAILABLE_2 = (2, State.AVAILABLE, 0, "", True)
FAILED_2 = (2, State.END, 15, "corrupt", True)
OLD_1 = (1, State.AVAILABLE, 0, "", False)


@pytest.mark.parametrize(
    ("seen", "progress", "text"),
    [
        pytest.param(view(AVAILABLE_2), Progress.AVAILABLE, None, id="serves"),
        pytest.param(view(FAILED_2, OLD_1), Progress.FAILED, "version 2 of 'm': corrupt", id="old-serves-new-failed"),
        pytest.param(
            view(AVAILABLE_2, (3, State.END, 3, "no such op", True)),
            Progress.FAILED,
            "version 3 of 'm': no such op",
            id="one-of-two-failed",
        ),
        pytest.param(
            view((2, State.LOADING, 14, "worker lost", True)),
            Progress.PENDING,
            "version 2 of 'm' is LOADING (worker lost)",
            id="between-two-attempts",
        ),
        pytest.param(
            view(FAILED_2, (3, State.START, 0, "", True)),
            Progress.PENDING,
            "version 3 of 'm' is START",
            id="one-failed-one-still-to-come",
        ),
        pytest.param(view(OLD_1), Progress.PENDING, "model 'm' has no version yet", id="nothing-aspired-yet"),
        pytest.param(
            view(AVAILABLE_2, is_looked_at=False),
            Progress.PENDING,
            "model 'm' has not been looked at yet",
            id="what-serves-is-from-before-the-change",
        ),
        pytest.param(
            view(problem=errors.NotFound("base path is missing")),
            Progress.FAILED,
            "base path is missing",
            id="nothing-to-find",
        ),
        pytest.param(
            view(problem=errors.Unavailable("being copied")), Progress.PENDING, "being copied", id="still-being-copied"
        ),
        pytest.param(None, Progress.PENDING, "model 'm' has not been looked at yet", id="not-in-the-view-yet"),
    ],
)
def test_outcome(seen: ModelView | None, progress: Progress, text: str | None) -> None:
    found = outcome(CONFIG, CONFIG, seen)

    assert found.progress is progress
    assert (found.error.message if found.error else None) == text


@pytest.mark.parametrize("configured", [None, model_config("m", platform="other")])
def test_model_that_was_configured_anew_meanwhile_is_not_waited_for(configured: ModelConfig | None) -> None:
    found = outcome(CONFIG, configured, view(AVAILABLE_2))

    assert isinstance(found.error, errors.Aborted)
    assert found.progress is Progress.FAILED


def test_change_that_the_view_does_not_show_yet_is_waited_for() -> None:
    changed = model_config("m", version_labels={"stable": 2})

    assert outcome(changed, changed, view(AVAILABLE_2)).progress is Progress.PENDING


def test_wait_ends_with_its_time() -> None:
    clock = FakeClock()
    monitor = ServableStateMonitor(clock)

    assert not monitor.wait_for(lambda seen: "m" in seen, 10.0)

    assert clock.now() == 1010.0


def test_wait_ends_as_soon_as_a_view_satisfies_it() -> None:
    clock = FakeClock()
    monitor = ServableStateMonitor(clock)

    def load_in_three_seconds() -> None:
        clock.advance(3.0)
        monitor.show({"m": view(AVAILABLE_2)})

    clock.on_wait = load_in_three_seconds

    assert monitor.wait_for(lambda seen: "m" in seen, 10.0)
    assert clock.now() == 1003.0


@pytest.mark.parametrize(
    ("seen", "tried"),
    [
        pytest.param(view(AVAILABLE_2), True, id="serves"),
        pytest.param(view((2, State.LOADING, 14, "worker lost", True)), True, id="failed-once-and-tried-again"),
        pytest.param(view((2, State.LOADING, 0, "", True)), False, id="first-attempt"),
        pytest.param(view(AVAILABLE_2, (3, State.LOADING, 0, "", True)), False, id="one-of-two-in-its-first-attempt"),
        pytest.param(view(problem=errors.NotFound("empty")), True, id="nothing-to-serve"),
        pytest.param(view(), False, id="looked-at-and-still-settling"),
        pytest.param(view(AVAILABLE_2, is_looked_at=False), False, id="not-looked-at"),
        pytest.param(None, False, id="never-seen"),
    ],
)
def test_a_start_waits_for_the_first_attempt_of_each_model_only(seen: ModelView | None, tried: bool) -> None:
    assert was_tried(CONFIG, seen) is tried
