"""What the load per replica was at one moment, from two looks at all replicas. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from seaway.fleet.data import Data
from seaway.fleet.report import Report


class Sample(Data, frozen=True):
    """The load of all replicas together, and how many of them it is known of."""

    at: float
    total: float
    replicas: int


def sample(metric: str, cpu: float, before: Sequence[Report], now: Sequence[Report]) -> Sample | None:
    """Return the load by a metric; `cpu` is the processors of one replica. None when nothing can be said.

    Units:   in_flight in requests, queue_ms in milliseconds (a mean over replicas times their number, so that it can be
             divided like the others), cpu in percent of one replica's processors.
    """
    measure = _MEASURES[metric]
    earlier = {(report.replica, report.started_at): report for report in before}
    values = [measure(earlier.get((each.replica, each.started_at)), each, cpu) for each in now]
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Sample(max(report.at for report in now), sum(known), len(known))


def answered(values: Sequence[float], at: float, replicas: int) -> Sample | None:
    """Return the load that the monitor's answer means: its series together. None when it has no answer."""
    return Sample(at, sum(values), replicas) if values and replicas else None


def _in_flight(_: Report | None, now: Report, cpu: float) -> float | None:
    del cpu
    return float(now.in_flight + now.queued)


def _queue_ms(before: Report | None, now: Report, cpu: float) -> float | None:
    del cpu
    if before is None or now.at <= before.at:
        return None
    requests = _requests(now) - _requests(before)
    seconds = _queue_seconds(now) - _queue_seconds(before)
    if requests < 0 or seconds < 0:
        return None  # A version was unloaded in between, and took its counts along.
    return 1000.0 * seconds / requests if requests else 0.0


def _cpu(before: Report | None, now: Report, cpu: float) -> float | None:
    if before is None or now.at <= before.at or not cpu:
        return None
    used = now.cpu_seconds - before.cpu_seconds
    return None if used < 0 else 100.0 * used / (now.at - before.at) / cpu


def _requests(report: Report) -> int:
    return sum(each.ok + each.server_errors for each in report.series if each.kind == "live")


def _queue_seconds(report: Report) -> float:
    return sum(each.queue_seconds_sum for each in report.series if each.kind == "live")


_MEASURES: Mapping[str, Callable[[Report | None, Report, float], float | None]] = {
    "in_flight": _in_flight,
    "queue_ms": _queue_ms,
    "cpu": _cpu,
}
