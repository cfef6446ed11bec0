"""What two versions of a model did between two moments, over all replicas. Pure.

Counts of a replica are differences between two of its reports; one that restarted in between began again at 0, so
what it says now is the difference. Latencies are histograms, which add up over replicas: a percentile is read from
the sum, and is exact to the bucket that it falls into (the upper bound is taken, so a p99 is never shown smaller
than it was).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from seaway.fleet.data import Data
from seaway.fleet.report import Comparison, Report, Series

LIVE, SHADOW = "live", "shadow"


class Requests(Data, frozen=True):
    """Requests of one version and kind. `buckets` has one more than `bounds_s`, for what is longer."""

    ok: int = 0
    client_errors: int = 0
    server_errors: int = 0
    bounds_s: tuple[float, ...] = ()
    buckets: tuple[int, ...] = ()

    @property
    def judged(self) -> int:
        """Requests that say something of the version: a client's mistake does not."""
        return self.ok + self.server_errors

    @property
    def error_rate(self) -> float:
        """Share of judged requests that failed."""
        return self.server_errors / self.judged if self.judged else 0.0

    def quantile_ms(self, share: float) -> float | None:
        """Return the latency that a share of all requests stays within; None without any, inf beyond the last bound."""
        total = sum(self.buckets)
        if not total:
            return None
        rank, seen = share * total, 0
        for bound, count in zip(self.bounds_s, self.buckets, strict=False):
            seen += count
            if seen >= rank:
                return bound * 1000.0
        return float("inf")


class Compared(Data, frozen=True):
    """Copies of requests that ran on the candidate too."""

    agreed: int = 0
    differed: int = 0
    failed: int = 0
    dropped: int = 0

    @property
    def judged(self) -> int:
        """Copies that were answered."""
        return self.agreed + self.differed


class Window(Data, frozen=True):
    """What live version and candidate did; `gone` says why the candidate no longer serves on some replica.

    `broken` is what the monitor has to say against the candidate.
    """

    seconds: float
    live: Requests
    candidate: Requests
    shadow: Requests
    compared: Compared
    candidate_memory_bytes: int = 0
    gone: str = ""
    broken: str = ""


def window(model: str, versions: tuple[int, int], before: Sequence[Report], now: Sequence[Report]) -> Window:
    """Return what live version and candidate (in this order) did between two looks at all replicas."""
    earlier = {(report.replica, report.started_at): report for report in before}
    pairs = [(earlier.get((report.replica, report.started_at)), report) for report in now]
    live, candidate = versions
    return Window(
        seconds=max((report.at for report in now), default=0.0) - max((report.at for report in before), default=0.0),
        live=_requests(pairs, model, live, LIVE),
        candidate=_requests(pairs, model, candidate, LIVE),
        shadow=_requests(pairs, model, candidate, SHADOW),
        compared=_compared(pairs, model, versions),
        candidate_memory_bytes=max((_memory(report, model, candidate) for report in now), default=0),
        gone=_gone(now, model, candidate),
    )


def added(parts: Iterable[Requests]) -> Requests:
    """Return the sum of requests that were counted with the same bounds; others are left out of the latencies."""
    ok = client = server = 0
    bounds: tuple[float, ...] = ()
    buckets: list[int] = []
    for part in parts:
        ok, client, server = ok + part.ok, client + part.client_errors, server + part.server_errors
        if part.buckets and not buckets:
            bounds, buckets = part.bounds_s, list(part.buckets)
        elif part.bounds_s == bounds:
            buckets = [mine + theirs for mine, theirs in zip(buckets, part.buckets, strict=False)]
    return Requests(ok, client, server, bounds, tuple(buckets))


def _requests(pairs: Sequence[tuple[Report | None, Report]], model: str, version: int, kind: str) -> Requests:
    parts = []
    for before, now in pairs:
        key = (model, version, kind)
        parts.append(_difference(_series(before).get(key), _series(now).get(key)))
    return added(parts)


def _series(report: Report | None) -> Mapping[tuple[str, int, str], Series]:
    return {(each.model, each.version, each.kind): each for each in (report.series if report is not None else ())}


def _difference(before: Series | None, now: Series | None) -> Requests:
    if now is None:
        return Requests()
    if before is None or _began_again(before, now):
        return Requests(now.ok, now.client_errors, now.server_errors, now.bounds_s, now.buckets)
    buckets = tuple(late - early for early, late in zip(before.buckets, now.buckets, strict=False))
    return Requests(
        now.ok - before.ok,
        now.client_errors - before.client_errors,
        now.server_errors - before.server_errors,
        now.bounds_s,
        buckets if len(before.buckets) == len(now.buckets) else now.buckets,
    )


def _began_again(before: Series, now: Series) -> bool:
    """Tell whether a version was unloaded and loaded again: its series ended and began at 0."""
    return now.ok < before.ok or now.server_errors < before.server_errors or now.client_errors < before.client_errors


def _compared(pairs: Sequence[tuple[Report | None, Report]], model: str, versions: tuple[int, int]) -> Compared:
    total = Compared()
    for before, now in pairs:
        early = _comparison(before, model, versions) or Comparison(model, *versions)
        late = _comparison(now, model, versions) or Comparison(model, *versions)
        if late.agreed < early.agreed or late.differed < early.differed:
            early = Comparison(model, *versions)
        total = Compared(
            total.agreed + late.agreed - early.agreed,
            total.differed + late.differed - early.differed,
            total.failed + max(0, late.failed - early.failed),
            total.dropped + max(0, late.dropped - early.dropped),
        )
    return total


def _comparison(report: Report | None, model: str, versions: tuple[int, int]) -> Comparison | None:
    found = report.comparisons if report is not None else ()
    return next((each for each in found if (each.model, each.live, each.candidate) == (model, *versions)), None)


def _memory(report: Report, model: str, version: int) -> int:
    return max(
        (
            each.memory_bytes
            for reported in report.models
            if reported.name == model
            for each in reported.versions
            if each.version == version
        ),
        default=0,
    )


def _gone(now: Sequence[Report], model: str, version: int) -> str:
    for report in now:
        for reported in report.models:
            for each in reported.versions:
                if reported.name == model and each.version == version and each.error and each.state != "AVAILABLE":
                    return f"on {report.replica}: {each.error}"
    return ""
