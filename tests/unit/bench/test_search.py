"""The search for the highest rate as a table: trials so far, next step."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seaway.bench.search import Found, Limits, NotFound, Trial, Try, best_so_far, decide

LIMITS = Limits(start=100.0, lowest=10.0, highest=10_000.0, precision=0.05)


def kept(*rates: float) -> list[Trial]:
    return [Trial(rate, True) for rate in rates]


def broken(*rates: float) -> list[Trial]:
    return [Trial(rate, False) for rate in rates]


@pytest.mark.parametrize(
    ("trials", "step"),
    [
        pytest.param([], Try(100.0, "start"), id="starts-where-told"),
        pytest.param(kept(100), Try(200.0, "kept: twice as much"), id="doubles-while-kept"),
        pytest.param(kept(100) + broken(200), Try(200.0, "broken once: again"), id="one-hiccup-decides-nothing"),
        pytest.param(
            kept(100) + broken(200) + kept(200), Try(400.0, "kept: twice as much"), id="a-hiccup-is-forgotten"
        ),
        pytest.param(kept(100) + broken(200, 200), Try(141.0, "between 100 and 200"), id="bisects-by-ratio"),
        pytest.param(kept(100, 141) + broken(200, 200), Try(168.0, "between 141 and 200"), id="bisects-upwards"),
        pytest.param(broken(100, 100), Try(50.0, "broken: half of it"), id="halves-until-kept"),
        pytest.param(broken(100, 100, 50, 50, 15, 15), Try(10.0, "broken: half of it"), id="not-below-the-lowest"),
        pytest.param(broken(100, 100, 10, 10), NotFound(10.0), id="nothing-is-slow-enough"),
        pytest.param(kept(100) + broken(104, 104), Try(100, "confirm"), id="narrow-is-confirmed"),
        pytest.param(kept(100, 100) + broken(104, 104), Found(100), id="kept-twice-is-found"),
        pytest.param(
            kept(90, 100) + broken(104, 104, 100), Try(100, "confirm"), id="a-confirmation-that-broke-is-tried-again"
        ),
        pytest.param(
            kept(90, 100) + broken(104, 104, 100, 100),
            Try(94.9, "between 90 and 100"),
            id="a-rate-that-broke-twice-is-broken-though-it-was-kept-once",
        ),
        pytest.param(kept(100, 300) + broken(200, 200), Try(141.0, "between 100 and 200"), id="luck-above-is-ignored"),
        pytest.param(kept(10_000), Try(10_000.0, "confirm"), id="the-highest-is-confirmed"),
        pytest.param(kept(10_000, 10_000), Found(10_000.0), id="the-highest-is-the-answer"),
    ],
)
def test_the_next_step_follows_from_the_trials(trials: list[Trial], step: Try | Found | NotFound) -> None:
    assert decide(trials, LIMITS) == step
    assert decide(list(trials), LIMITS) == step


@pytest.mark.parametrize(
    ("trials", "answer"),
    [
        pytest.param(kept(100, 200, 200), Found(200.0), id="kept-twice"),
        pytest.param(kept(100, 200) + broken(400), Found(200.0, confirmed=False), id="kept-once"),
        pytest.param(broken(100, 50), NotFound(50.0), id="never-kept"),
        pytest.param([], NotFound(10.0), id="no-time-at-all"),
    ],
)
def test_when_time_is_up_the_best_so_far_is_told(trials: list[Trial], answer: Found | NotFound) -> None:
    assert best_so_far(trials, LIMITS) == answer


def search(keeps: Callable[[float, int], bool], limits: Limits) -> tuple[Found | NotFound, int]:
    trials: list[Trial] = []
    while isinstance(step := decide(trials, limits), Try):
        trials.append(Trial(step.rate, keeps(step.rate, len(trials))))
        assert len(trials) < 60, "the search does not end"
    return step, len(trials)


@pytest.mark.parametrize("capacity", [11.0, 99.0, 100.0, 101.0, 777.0, 5000.0, 9999.0])
def test_a_search_ends_within_the_precision_below_the_capacity(capacity: float) -> None:
    answer, _ = search(lambda rate, _: rate <= capacity, LIMITS)
    assert isinstance(answer, Found)
    assert capacity / 1.06 <= answer.rate <= capacity


def test_a_search_ends_though_every_third_trial_has_a_hiccup() -> None:
    answer, trials = search(lambda rate, index: rate <= 777.0 and index % 3 != 0, LIMITS)
    assert isinstance(answer, Found)
    assert 600.0 <= answer.rate <= 777.0
    assert trials <= 40


def test_a_server_without_a_limit_reaches_the_highest_rate() -> None:
    assert search(lambda *_: True, LIMITS)[0] == Found(10_000.0)
