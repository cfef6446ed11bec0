"""Which failures are tried again, when, and how the budget ends it."""

from __future__ import annotations

import pytest

from seaway.client.exchange import Refusal
from seaway.client.options import RetryPolicy
from seaway.client.retrying import Attempt, Budget, delay_before_retry
from seaway.errors import DeadlineExceeded, InvalidArgument, ResourceExhausted, Unavailable

POLICY = RetryPolicy(max_attempts=4, initial_backoff_s=0.1, max_backoff_s=0.3, backoff_multiplier=2.0)
GONE = Refusal(Unavailable.code, "gone")
FULL = Refusal(ResourceExhausted.code, "full", retry_after_s=1.0)
LARGE = Refusal(ResourceExhausted.code, "SERVER: Received message larger than max (9 vs. 4)")


@pytest.mark.parametrize(
    ("attempt", "refusal", "delay"),
    [
        pytest.param(Attempt(1, 10), GONE, 0.05, id="back-off"),
        pytest.param(Attempt(2, 10), GONE, 0.1, id="twice-as-long"),
        pytest.param(Attempt(3, 10), GONE, 0.15, id="at-most-the-longest"),
        pytest.param(Attempt(4, 10), GONE, None, id="attempts-used-up"),
        pytest.param(Attempt(1, 10, other_address=True), GONE, 0.0, id="at-once-at-another-address"),
        pytest.param(Attempt(1, 10), FULL, 1.0, id="as-long-as-the-server-asks"),
        pytest.param(Attempt(1, 10, other_address=True), FULL, 0.05, id="another-server-may-have-room"),
        pytest.param(Attempt(1, 0.5), FULL, None, id="not-beyond-the-deadline"),
        pytest.param(Attempt(1, 10), LARGE, None, id="too-large-stays-too-large"),
        pytest.param(Attempt(1, 10), Refusal(InvalidArgument.code, ""), None, id="wrong-stays-wrong"),
        pytest.param(Attempt(1, 10), Refusal(DeadlineExceeded.code, ""), None, id="no-time-left"),
        pytest.param(Attempt(1, 10, may_repeat=False), GONE, None, id="what-changes-something-is-made-once"),
    ],
)
def test_a_failed_call_is_made_again_where_that_may_help(
    attempt: Attempt, refusal: Refusal, delay: float | None
) -> None:
    assert delay_before_retry(attempt, refusal, POLICY, chance=0.5) == delay


def test_the_budget_ends_retries_of_a_server_that_is_down_and_answers_bring_them_back() -> None:
    budget = Budget(RetryPolicy(budget_tokens=4.0, budget_per_success=0.5))
    assert [budget.take() for _ in range(4)] == [True, False, False, False]
    assert not budget.has_room()
    for _ in range(5):
        budget.put_back()
    assert budget.has_room()
    for _ in range(50):
        budget.put_back()
    assert budget.tokens == 4.0


def test_no_attempt_at_all_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="max_attempts cannot be 0"):
        RetryPolicy(max_attempts=0)
