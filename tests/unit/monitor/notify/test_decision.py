"""Tables of what is decided about a message."""

from __future__ import annotations

import pytest

from seaway import errors
from seaway.monitor.notify.decision import Again, Dead, RetryPolicy, Sent, Turn, what_next, whose_turn

POLICY = RetryPolicy(max_tries=4, first_s=2.0, longest_s=10.0)
DOWN = errors.Unavailable("down")


@pytest.mark.parametrize(
    ("tries", "failure", "jitter", "step"),
    [
        (1, None, 0.5, Sent()),
        (4, None, 0.5, Sent()),
        (1, DOWN, 0.0, Again(0.0)),
        (1, DOWN, 0.5, Again(1.0)),
        (1, DOWN, 1.0, Again(2.0)),
        (2, DOWN, 1.0, Again(4.0)),
        (3, DOWN, 1.0, Again(8.0)),
        (4, DOWN, 1.0, Dead("tried 4 times, at last: down")),
        (9, DOWN, 1.0, Dead("tried 9 times, at last: down")),
        (1, ValueError("odd"), 1.0, Again(2.0)),
        (1, errors.InvalidArgument("bad"), 1.0, Dead("trying again would not help: bad")),
        (1, errors.NotFound("bad"), 1.0, Dead("trying again would not help: bad")),
        (1, errors.PermissionDenied("bad"), 1.0, Dead("trying again would not help: bad")),
        (1, errors.Unauthenticated("bad"), 1.0, Dead("trying again would not help: bad")),
    ],
)
def test_what_next(tries: int, failure: Exception | None, jitter: float, step: object) -> None:
    assert what_next(POLICY, tries, failure, jitter) == step


@pytest.mark.parametrize("tries", [4, 60, 5000])
def test_a_pause_has_a_bound(tries: int) -> None:
    assert what_next(RetryPolicy(10_000, 2.0, 10.0), tries, DOWN, 1.0) == Again(10.0)


@pytest.mark.parametrize("numbers", [(0, 1.0, 2.0), (1, 0.0, 2.0), (1, 3.0, 2.0), (1, 1.0, float("inf"))])
def test_a_policy_that_never_sends_or_never_pauses_is_refused(numbers: tuple[int, float, float]) -> None:
    with pytest.raises(errors.InvalidArgument):
        RetryPolicy(*numbers)


@pytest.mark.parametrize(
    ("waiting", "turn"),
    [
        ([], (None, None)),
        ([("a", 0)], (0, None)),
        ([("a", 100)], (0, None)),
        ([("a", 130)], (None, 30)),
        ([("a", 130), ("b", 110)], (None, 10)),
        ([("a", 110), ("b", 130)], (None, 10)),
        ([("a", 130), ("b", 0)], (1, None)),
        ([("a", 130), ("a", 0)], (None, 30)),
        ([("a", 130), ("a", 0), ("b", 0)], (2, None)),
        ([("a", 0), ("b", 0)], (0, None)),
    ],
)
def test_whose_turn_at_100(waiting: list[tuple[str, float]], turn: tuple[int | None, float | None]) -> None:
    assert whose_turn([Turn(*each) for each in waiting], 100.0) == turn
