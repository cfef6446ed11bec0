"""When a load is tried again, and when a dead worker is started again.

Pure arithmetic. A failure that lies in the files (not a model, an unknown op, variables missing) is not tried again
until the files change; one that may pass (memory, a lost worker, time) is, with growing pauses.

Source: tensorflow_serving/core/basic_manager.h (max_num_load_retries, load_retry_interval_micros), which pauses for the
whole interval each time and retries every kind of failure.
"""

from __future__ import annotations

from seaway import errors
from seaway.repository.options import RetryOptions

FIRST_PAUSE_S = 1.0

_MAY_PASS = frozenset(
    error.code
    for error in (
        errors.Cancelled,
        errors.Unknown,
        errors.DeadlineExceeded,
        errors.ResourceExhausted,
        errors.Aborted,
        errors.Internal,
        errors.Unavailable,
    )
)


def may_pass(code: int) -> bool:
    """Tell whether the same load could succeed later with the same files."""
    return code in _MAY_PASS


def load_pause_s(failures: int, code: int, options: RetryOptions) -> float | None:
    """Return the pause after the `failures`-th failed load in a row, None when it was the last try."""
    if failures > options.max_num_load_retries or not may_pass(code):
        return None
    return min(_doubled(FIRST_PAUSE_S, failures), options.load_retry_interval_s)


def restart_pause_s(deaths: int, options: RetryOptions) -> float:
    """Return the pause before a worker is started again after its `deaths`-th death in a row."""
    return min(_doubled(options.restart_first_s, deaths), options.restart_longest_s)


def deaths_in_a_row(before: int, lived_s: float, options: RetryOptions) -> int:
    """Count this death; one that lived long enough starts the count anew."""
    return 1 if lived_s >= options.restart_forget_s else before + 1


def _doubled(first_s: float, count: int) -> float:
    return first_s * 2.0 ** min(max(count, 1) - 1, 32)
