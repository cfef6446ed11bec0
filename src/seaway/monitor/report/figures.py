"""A whole report on a model, put together from what the store holds.

It owns what a report has and how much of it is listed. How each part is counted is of the modules beside it: `traffic`,
`budget` and `incidents`. What counts as a request and as an error is `generated.objective`'s, so that a report, a
dashboard and an alert agree.
"""

from __future__ import annotations

from seaway.errors import NotFound
from seaway.fleet.data import Data
from seaway.monitor.page.reading import known
from seaway.monitor.report.asked import Asked, Latency, check
from seaway.monitor.report.budget import Budget, LatencyBudget, budget, budget_over_time, latency_budget
from seaway.monitor.report.incidents import Happening, Incident, happened, recorded, replayed
from seaway.monitor.report.reader import Points, Reader
from seaway.monitor.report.traffic import Part, Replica, Totals, Trend, codes, parts, replicas, totals, trends
from seaway.monitor.store.store import Store

_MOST_EVENTS = 20_000
_MOST_LISTED = 500


class Figures(Data, frozen=True):
    """A whole report. Units: start, end and moments in seconds since the Unix epoch."""

    model: str
    start: float
    end: float
    availability: Budget
    latency: LatencyBudget | None
    totals: Totals
    before: Totals
    codes: tuple[tuple[str, float], ...]
    moments: tuple[float, ...]
    trends: tuple[Trend, ...]
    budget_left: Points
    parts: tuple[Part, ...]
    replicas: tuple[Replica, ...]
    incidents: tuple[Incident, ...]
    happened: tuple[Happening, ...]
    remarks: tuple[str, ...]


def figures(store: Store, asked: Asked) -> Figures:
    """Return the report on a model.

    Raises:  NotFound - nothing was recorded of it in this time; names the models that there are. InvalidArgument - an
             objective or a time is out of bounds.
    """
    check(asked)
    reader = Reader(store, asked.model, asked.start_ms, asked.end_ms)
    before = reader.before()
    total = totals(reader)
    if total.requests <= 0:
        raise NotFound(_nothing(store, asked))
    servers = replicas(reader)
    names = frozenset(each.part.labels[0] for each in servers)
    events = store.events(asked.start_ms, asked.end_ms, _MOST_EVENTS)
    found, remarks = replayed(store, asked, names)
    incidents = (*recorded(events, asked.model, names, asked.start_ms / 1000), *found)
    changes = happened(events, asked.model)
    return Figures(
        asked.model,
        asked.start_ms / 1000,
        asked.end_ms / 1000,
        budget(total.requests, total.errors, asked.objective),
        _latency(reader, asked.latency) if asked.latency is not None else None,
        total,
        totals(before),
        codes(reader),
        tuple(at / 1000 for at in reader.moments()),
        trends(reader, before),
        budget_over_time(
            reader.line(reader.increase_each(errors=False)), reader.line(reader.increase_each()), asked.objective
        ),
        parts(reader, ("version", "signature")),
        servers,
        tuple(sorted(incidents, key=lambda each: each.began_at))[-_MOST_LISTED:],
        changes[-_MOST_LISTED:],
        (
            *remarks,
            *_left_out(len(incidents), "alerts"),
            *_left_out(len(changes), "changes"),
            *([f"Only the last {_MOST_EVENTS} recorded events were looked at."] if len(events) == _MOST_EVENTS else []),
        ),
    )


def models(store: Store) -> tuple[str, ...]:
    """Return the names of all models that a store knows of."""
    return tuple(name for (name,) in known(store, "model"))


def _nothing(store: Store, asked: Asked) -> str:
    hours = (asked.end_ms - asked.start_ms) / 3_600_000
    there = ", ".join(map(repr, models(store))) or "none"
    return (
        f"no requests of clients for model {asked.model!r} were recorded in these {hours:.3g} hours; models that were "
        f"recorded at any time: {there}. Name one of them, or choose an earlier --since"
    )


def _latency(reader: Reader, wanted: Latency) -> LatencyBudget | None:
    buckets = reader.whole(
        f"sum by (le) (increase({reader.selector('seaway_request_seconds_bucket')}[{reader.length}]))", ("le",)
    )
    return latency_budget({float(le): number for (le,), number in buckets.items()}, wanted)


def _left_out(number: int, what: str) -> tuple[str, ...]:
    return (f"Only the last {_MOST_LISTED} of {number} {what} are listed.",) if number > _MOST_LISTED else ()
