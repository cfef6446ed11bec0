"""What counts as a request and as an error, for dashboards and alerts alike. Pure.

One place, so that the error share on a dashboard is the one that wakes somebody up.
"""

from __future__ import annotations

from seaway.monitor.generated.series import Catalogue, Series, Vector

AVAILABILITY = 0.999
# The difference alone is 0.0010000000000000009.
ERROR_BUDGET = round(1 - AVAILABILITY, 9)

# A model with few requests is over any share by its first error, and nobody should be woken up by one. So a share
# counts only when so many requests failed in its long window. It is a number of failures and not of requests: where
# ten requests an hour come and all fail, somebody has to know. A call may be tried five times by gRPC's own policy, so
# ten are two unlucky calls; while the objective is kept, ten failures and a share that alerts come together by chance
# once in decades. Below that number SeawayModelNotAvailable and SeawayTargetDown still tell.
# Source: https://github.com/grpc/proposal/blob/master/A6-client-retries.md (at most five attempts).
ENOUGH_FAILURES = 10

# The model of a request that reached no version.
UNKNOWN_MODEL = "(unknown)"

# Nobody waits for the others: a shadow request's answer is only compared, and an operation's run is tried again when
# the model is not there. What became of operations is counted by seaway_operations_ended_total.
CLIENTS = 'api=~"grpc|rest"'

# The answers that a correct request should never get. Source: crates/plane/src/metrics/measured.rs, is_clients, which
# sorts the codes for rollouts.
# - RESOURCE_EXHAUSTED counts: it is the answer of a full queue, and whether the server was broken or too small is the
#   same to a client. A message over the size limit has that code too, but is refused before a model is found.
# - DEADLINE_EXCEEDED counts, although a client may set a deadline that no model can meet: a server that became slow
#   looks like this and like nothing else.
# - ABORTED counts: only a running model answers it.
# - UNIMPLEMENTED does not, unlike for rollouts: JSON of the wrong type is answered with it, so that any client could
#   wake somebody up.
SERVER_CODES = (
    "UNKNOWN",
    "DEADLINE_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "ABORTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
)


def requests(catalogue: Catalogue, *matchers: str) -> Series:
    """Return the counters of clients' requests."""
    return catalogue.series("seaway_requests_total").where(CLIENTS, *matchers)


def errors(catalogue: Catalogue, *matchers: str) -> Series:
    """Return the counters of clients' requests that the server failed."""
    return requests(catalogue, *matchers, f'code=~"{"|".join(SERVER_CODES)}"')


def error_ratio(catalogue: Catalogue, window: str, by: tuple[str, ...], *matchers: str) -> Vector:
    """Return the share of requests that the server failed: 0 without errors, nothing without requests."""
    total = requests(catalogue, *matchers).rate(window).sum_by(*by)
    failed = errors(catalogue, *matchers).rate(window).sum_by(*by)
    return failed.or_zero_of(total).per(total)


def enough_failures(catalogue: Catalogue, window: str, by: tuple[str, ...], *matchers: str) -> Vector:
    """Return the requests that the server failed, where they are so many that their share means something."""
    failed = errors(catalogue, *matchers).increase(window).sum_by(*by)
    # Sums of what Prometheus extrapolates are seldom whole numbers: 10 may be read as 9.999.
    return failed.compared(f"> {ENOUGH_FAILURES - 0.5:g}")


def latency(catalogue: Catalogue, share: float, window: str, by: tuple[str, ...], *matchers: str) -> Vector:
    """Return a quantile of the time that clients' requests took."""
    buckets = catalogue.series("seaway_request_seconds_bucket").where(CLIENTS, *matchers)
    return buckets.rate(window).sum_by("le", *by).quantile(share)
