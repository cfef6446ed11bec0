"""A store with what a report is on, counted by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from seaway.monitor.point import Kind, Point, Sample, Series
from seaway.monitor.store.store import Event, Store

BEGIN_S = 1_700_000_100
"""Ends a step of every resolution."""
HOUR_S = 3600
BOUNDS = (0.1, 0.2, 0.4)
HOSTILE = "\"><script>alert('1')</script><img src=x onerror=alert(2)>\u202e\x00{{ $value }}"


def labelled(**labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def minute(at_s: int, codes: Mapping[str, float], buckets: tuple[float, ...], **labels: str) -> Iterator[Sample]:
    """Yield what one minute of a version's requests leaves behind."""
    own = {"model": "m", "version": "1", "signature": "serving_default", "api": "grpc", "job": "seaway"}
    own |= {"instance": "a:1"} | labels
    for code, number in codes.items():
        series = Series("seaway_requests_total", labelled(**own, code=code), Kind.COUNTER)
        yield Sample(series, Point(at_s * 1000, number))
    seconds = Series("seaway_request_seconds", labelled(**own), Kind.HISTOGRAM, BOUNDS)
    yield Sample(seconds, Point(at_s * 1000, 0.1 * sum(buckets), sum(buckets), buckets=buckets))
    up = Series("up", labelled(job="seaway", instance=own["instance"]), Kind.GAUGE)
    yield Sample(up, Point(at_s * 1000, 1.0, 1.0, 1.0, 1.0))


def filled(path: Path, begin_s: int = BEGIN_S) -> Store:
    """Return a store of two hours: in the first version 1 answers fast, in the second 1 and 2, 2 slower and failing.

    A minute of the first hour has 100 requests. One of the second has 100 of version 1 and 50 of version 2 on another
    server, of which 3 fail by the server's fault in the last half hour, and 2 by the client's.
    """
    store = Store(path)
    for number in range(1, 121):
        at = begin_s + number * 60
        found = list(minute(at, {"OK": 100.0}, (90.0, 10.0, 0.0, 0.0)))
        if number > 60:
            codes = {"OK": 45.0, "INTERNAL": 3.0, "INVALID_ARGUMENT": 2.0} if number > 90 else {"OK": 50.0}
            found += minute(at, codes, (0.0, 20.0, 20.0, 10.0), version="2", instance="b:1", api="rest")
        # Nobody waits for these, and those are another's.
        found += minute(at, {"INTERNAL": 500.0}, (0.0, 0.0, 0.0, 500.0), api="shadow")
        found += minute(at, {"INTERNAL": 7.0}, (0.0, 0.0, 0.0, 7.0), model="other", instance="c:1")
        store.append(found)
    restarts = Series("seaway_worker_restarts_total", labelled(model="m", instance="b:1", job="seaway"), Kind.COUNTER)
    store.append([Sample(restarts, Point((begin_s + 6000) * 1000, 2.0))])
    for at, kind, labels, text in (
        (3660, "version", {"model": "m", "version": "2", "instance": "b:1"}, "version 2 is served (tf)"),
        (5700, "alert", {"model": "m", "rule": "SeawayErrorBudgetBurnsFast"}, "firing: Model m fails"),
        (5800, "alert", {"instance": "c:1", "rule": "SeawayTargetDown"}, "firing: another's server"),
        (5900, "alert", {"instance": "b:1", "rule": "Mine"}, "firing: our server"),
        (6000, "restart", {"model": "m", "instance": "b:1"}, "a worker ended on its own and was started again (2)"),
        (6000, "restart", {"model": "other", "instance": "c:1"}, "another's worker"),
        (6300, "alert", {"model": "m", "rule": "SeawayErrorBudgetBurnsFast"}, "resolved: Model m fails"),
    ):
        store.note(Event((begin_s + at) * 1000, kind, labels, text))
    return store
