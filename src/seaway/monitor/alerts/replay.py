"""Which alerts rules would have fired over what a monitor recorded.

The rules go through the same steps as in the running monitor (`transition.step`), with moments that are given instead
of the time of day. Nobody is told of what is found here, and nothing of it is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from seaway.errors import InvalidArgument
from seaway.fleet.data import Data
from seaway.monitor.alerts.book import holding
from seaway.monitor.alerts.rule import Rule
from seaway.monitor.alerts.transition import Active, Labels, step, told
from seaway.monitor.query.evaluate import query_range
from seaway.monitor.store.store import Store
from seaway.monitor.view import AlertState

_MOMENTS_AT_ONCE = 1440
"""A question is answered for so many moments together."""


class Firing(Data, frozen=True):
    """An alert that would have been told. Units: seconds since the Unix epoch; ended_at None while it fires."""

    rule: str
    severity: str
    labels: Labels
    summary: str
    value: float
    began_at: float
    fired_at: float
    ended_at: float | None

    def lasted_s(self, until: float) -> float:
        """Return for how long it fired, until a moment at most."""
        return (until if self.ended_at is None else self.ended_at) - self.fired_at


class Replayed(NamedTuple):
    """Alerts by the moment that they fired, and the rules that could not be answered, each with the reason."""

    firings: list[Firing]
    problems: dict[str, str]


def replay(store: Store, rules: Sequence[Rule], start_s: float, end_s: float, every_s: float) -> Replayed:
    """Return which alerts would have fired in a time, looked at every so often.

    An alert that ended before `start_s` is left out; one that began before and goes on is not. A rule that cannot be
    answered costs the others nothing.

    Raises:  InvalidArgument - the times are none.

    Units:   seconds since the Unix epoch, and seconds.
    """
    if every_s <= 0 or end_s <= start_s:
        raise InvalidArgument(f"{start_s:g} to {end_s:g} every {every_s:g} s is no time: the end is after the start")
    found = Replayed([], {})
    for rule in rules:
        try:
            found.firings.extend(_firings(store, rule, start_s, end_s, every_s))
        except InvalidArgument as err:
            found.problems[rule.name] = err.message
    found.firings.sort(key=lambda each: (each.fired_at, each.rule, each.labels))
    return found


def _firings(store: Store, rule: Rule, start_s: float, end_s: float, every_s: float) -> list[Firing]:
    # What was pending or firing as the time began is known only from before it.
    lead_s = max(rule.for_s + rule.keep_s, every_s)
    first_ms = round((start_s - lead_s) // every_s * every_s * 1000)
    states: dict[Labels, Active] = {}
    firing: dict[Labels, Firing] = {}
    ended: list[Firing] = []
    for now_s, holds in held(store, rule, first_ms, round(end_s * 1000), round(every_s * 1000)):
        states, changes = step(rule, states, holds, now_s)
        for alert, _ in changes:
            if alert.state is AlertState.FIRING:
                firing[alert.labels] = _firing(rule, alert, now_s)
            elif alert.labels in firing:
                ended.append(msgspec.structs.replace(firing.pop(alert.labels), ended_at=now_s))
    return [each for each in (*ended, *firing.values()) if each.ended_at is None or each.ended_at > start_s]


def _firing(rule: Rule, alert: Active, now_s: float) -> Firing:
    summary = told(rule.summary, dict(alert.labels), alert.value)
    return Firing(rule.name, rule.severity, alert.labels, summary, alert.value, alert.began_at, now_s, None)


def held(
    store: Store, rule: Rule, start_ms: int, end_ms: int, step_ms: int
) -> Iterator[tuple[float, dict[Labels, float]]]:
    """Yield each moment, in seconds, with the labels for which a rule held then, and the value.

    Many moments are asked for together, and rolled-up rows answer where they suffice: a week is thousands of looks,
    each at hours of data.

    Raises:  InvalidArgument - the rule cannot be asked.
    """
    for first in range(start_ms, end_ms + 1, step_ms * _MOMENTS_AT_ONCE):
        last = min(end_ms, first + step_ms * (_MOMENTS_AT_ONCE - 1))
        try:
            moments, answer = query_range(store, rule.expr, first, last, step_ms)
        except InvalidArgument:
            # Series that are alike in hours together may be there one at a time: then it can be asked by moment.
            for at in range(first, last + 1, step_ms):
                yield at / 1000, holding(store, rule, at / 1000)
            continue
        times = [int(at) for at in moments.times]
        if isinstance(answer, float):
            raise InvalidArgument(f"{rule.expr!r} is a number; a rule asks for series, as in vector(1) > 0")
        holds: dict[int, dict[Labels, float]] = {at: {} for at in times}
        for labels, column in answer.items():
            for at, value in zip(times, column, strict=True):
                if not math.isnan(value):
                    holds[at][labels] = float(value)
        yield from ((at / 1000, found) for at, found in holds.items())
