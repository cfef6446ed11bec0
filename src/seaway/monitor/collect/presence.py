"""Which counters and histograms a server has, told when that changes. Pure.

What nothing is added to makes no rows, so that it is there at all has to be known otherwise: an idle counter answers 0,
one that is gone answers nothing. Told is only what came and what went, so a fleet that stays as it is costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import NamedTuple

from seaway.monitor.collect.exposition import Exposition, Labels, Who
from seaway.monitor.collect.increase import with_server
from seaway.monitor.point import Change, Kind, Series

MOST_SERIES = 20_000
"""Of one server; the rest is left out, and `scrape_series_left_out` says how many."""


class Present(NamedTuple):
    """The counters and histograms that a server had at its last answer. Units: at in milliseconds since the epoch."""

    series: Mapping[Who, Series]
    at: int


NOTHING = Present({}, 0)


def present(before: Present, said: Exposition, at: int, server: Labels) -> Present:
    """Return what a server has now; the mapping is the one of before when nothing came or went."""
    known = before.series
    if len(known) == len(said.counters) + len(said.histograms) and _are_known(known, said):
        return Present(known, at)
    now: dict[Who, Series] = {}
    for who in islice(chain(said.counters, said.histograms), MOST_SERIES):
        histogram = said.histograms.get(who)
        bounds = histogram.bounds if histogram else ()
        series = known.get(who)
        if series is None or series.bounds != bounds:
            kind = Kind.HISTOGRAM if histogram else Kind.COUNTER
            series = Series(who[0], with_server(who[1], server), kind, bounds)
        now[who] = series
    return Present(now, at)


def changes(before: Present, now: Present) -> Iterator[Change]:
    """Yield what went, as of when it was seen last, and what came."""
    if now.series is before.series:
        return
    for who, series in before.series.items():
        if now.series.get(who) is not series:
            yield Change(series, before.at, is_there=False)
    for who, series in now.series.items():
        if before.series.get(who) is not series:
            yield Change(series, now.at, is_there=True)


def _are_known(known: Mapping[Who, Series], said: Exposition) -> bool:
    if not all(who in known for who in said.counters):
        return False
    return all(
        (own := known.get(who)) is not None and own.bounds == each.bounds for who, each in said.histograms.items()
    )
