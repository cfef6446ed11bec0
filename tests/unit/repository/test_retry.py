"""Pauses between attempts."""

from __future__ import annotations

import pytest

from seaway import errors
from seaway.repository.options import RetryOptions
from seaway.repository.retry import deaths_in_a_row, load_pause_s, may_pass, restart_pause_s

UNAVAILABLE = errors.Unavailable.code


def test_pauses_double_up_to_the_interval_and_end_after_the_last_retry() -> None:
    options = RetryOptions(max_num_load_retries=5, load_retry_interval_s=6.0)

    assert [load_pause_s(n, UNAVAILABLE, options) for n in range(1, 7)] == [1.0, 2.0, 4.0, 6.0, 6.0, None]


def test_no_retries_means_the_first_failure_is_final() -> None:
    assert load_pause_s(1, UNAVAILABLE, RetryOptions(max_num_load_retries=0)) is None


def test_interval_of_zero_retries_at_once() -> None:
    assert load_pause_s(3, UNAVAILABLE, RetryOptions(load_retry_interval_s=0.0)) == 0.0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.InvalidArgument, False),
        (errors.NotFound, False),
        (errors.PermissionDenied, False),
        (errors.FailedPrecondition, False),
        (errors.Unimplemented, False),
        (errors.DataLoss, False),
        (errors.Unavailable, True),
        (errors.DeadlineExceeded, True),
        (errors.ResourceExhausted, True),
        (errors.Internal, True),
        (errors.Unknown, True),
    ],
)
def test_only_failures_that_may_pass_are_tried_again(error: type[errors.SeawayError], expected: bool) -> None:
    assert may_pass(error.code) is expected
    assert (load_pause_s(1, error.code, RetryOptions()) is not None) is expected


def test_restarts_never_end_and_their_pause_is_bounded() -> None:
    options = RetryOptions(restart_first_s=0.5, restart_longest_s=4.0)

    assert [restart_pause_s(n, options) for n in (1, 2, 3, 4, 5, 1000)] == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_a_long_life_makes_the_next_death_a_first_one() -> None:
    options = RetryOptions(restart_forget_s=60.0)

    assert deaths_in_a_row(3, 59.9, options) == 4
    assert deaths_in_a_row(3, 60.0, options) == 1
