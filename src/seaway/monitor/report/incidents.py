"""Alerts and changes that concern a model: what was recorded, and what the default rules find in the same data.

It owns which of them concern a model, and how a recorded beginning and its end are joined. What requests did meanwhile
it does not ask.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from seaway.fleet.data import Data
from seaway.monitor.alerts.defaults import default_rules
from seaway.monitor.alerts.replay import replay
from seaway.monitor.report.asked import Asked
from seaway.monitor.store.store import Event, Store

_REPLAY_LOOKS = 10_800
"""Of the rules: once a minute in a week and a bit."""
_CHANGES = frozenset({"version", "restart", "load", "rollout", "deployment"})


class Incident(Data, frozen=True):
    """An alert. `source` is recorded (the monitor told of it) or replayed (the default rules over the same data).

    Units:   seconds since the Unix epoch; ended_at None when it goes on, or its end was not recorded.
    """

    source: str
    rule: str
    severity: str
    summary: str
    labels: tuple[tuple[str, str], ...]
    began_at: float
    ended_at: float | None


class Happening(Data, frozen=True):
    """A version that came or went, a worker that was started again, and the like. Units: at as above."""

    at: float
    kind: str
    text: str
    labels: tuple[tuple[str, str], ...]


def replayed(store: Store, asked: Asked, servers: frozenset[str]) -> tuple[tuple[Incident, ...], tuple[str, ...]]:
    """Return the alerts that the default rules find, and a remark for each rule that could not be asked."""
    length_s = (asked.end_ms - asked.start_ms) / 1000
    every_s = 60.0 * math.ceil(length_s / 60 / _REPLAY_LOOKS)
    found = replay(store, default_rules(), asked.start_ms / 1000, asked.end_ms / 1000, every_s)
    incidents = tuple(
        Incident("replayed", each.rule, each.severity, each.summary, each.labels, each.fired_at, each.ended_at)
        for each in found.firings
        if concerns(dict(each.labels), asked.model, servers)
    )
    return incidents, tuple(f"Rule {name} could not be replayed: {why}" for name, why in found.problems.items())


def recorded(events: Sequence[Event], model: str, servers: frozenset[str], start_s: float) -> tuple[Incident, ...]:
    """Join what was told as an alert began and ended. Pure. The events are the newest first."""
    severities = {rule.name: rule.severity for rule in default_rules()}
    open_: dict[tuple[tuple[str, str], ...], Incident] = {}
    found: list[Incident] = []
    for event in reversed(events):
        if event.kind != "alert" or not concerns(event.labels, model, servers):
            continue
        state, _, summary = event.text.partition(": ")
        who, rule, at = tuple(sorted(event.labels.items())), event.labels.get("rule", ""), event.at / 1000
        labels = tuple(pair for pair in who if pair[0] != "rule")
        one = Incident("recorded", rule, severities.get(rule, ""), summary, labels, at, None)
        if state == "firing":
            open_[who] = one
        elif state == "resolved":
            # Without a beginning it fired already as the time began.
            begun = open_.pop(who, msgspec.structs.replace(one, began_at=start_s))
            found.append(msgspec.structs.replace(begun, ended_at=at))
    return (*found, *open_.values())


def happened(events: Sequence[Event], model: str) -> tuple[Happening, ...]:
    """Return the changes of a model, the oldest first. Pure. The events are the newest first."""
    return tuple(
        Happening(event.at / 1000, event.kind, event.text, tuple(sorted(event.labels.items())))
        for event in reversed(events)
        if event.kind in _CHANGES and event.labels.get("model") == model
    )


def concerns(labels: Mapping[str, str], model: str, servers: frozenset[str]) -> bool:
    """Tell whether an alert is of a model, or of no model but of a server that it ran on. Pure."""
    if "model" in labels:
        return labels["model"] == model
    return labels.get("instance", "") in servers
