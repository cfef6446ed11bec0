"""From what a rule's question answers to the states of its alerts. Pure.

nothing → pending → firing → resolved
↓         ↑↓
nothing    (a gap shorter than `keep_s` is no end: an alert that flaps is one alert)
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import structs

from seaway.fleet.data import Data
from seaway.monitor.alerts.rule import Rule
from seaway.monitor.view import AlertState

Labels = tuple[tuple[str, str], ...]


class Active(Data, frozen=True):
    """An alert that is pending or firing. `is_told`: people were told that it fires.

    Units:   moments in seconds since the Unix epoch.
    """

    rule: str
    labels: Labels
    state: AlertState
    value: float
    began_at: float
    last_at: float
    is_told: bool = False


class Change(NamedTuple):
    """An alert that began to fire, or was resolved."""

    alert: Active
    rule: Rule


def step(
    rule: Rule, before: Mapping[Labels, Active], holds: Mapping[Labels, float], now: float
) -> tuple[dict[Labels, Active], list[Change]]:
    """Return the alerts of a rule after one look, and those that began to fire or ended.

    Args:    before - its alerts after the look before. holds - the sets of labels for which it holds, with the value.
    """
    after: dict[Labels, Active] = {}
    changes: list[Change] = []
    for labels, value in holds.items():
        alert = before.get(labels) or Active(rule.name, labels, AlertState.PENDING, value, now, now)
        alert = structs.replace(alert, value=value, last_at=now)
        if alert.state is AlertState.PENDING and now - alert.began_at >= rule.for_s:
            alert = structs.replace(alert, state=AlertState.FIRING)
            changes.append(Change(alert, rule))
        after[labels] = alert
    for labels, alert in before.items():
        if labels in holds or alert.state is AlertState.PENDING:
            continue
        if now - alert.last_at < rule.keep_s:
            after[labels] = alert
        else:
            changes.append(Change(structs.replace(alert, state=AlertState.RESOLVED), rule))
    return after, changes


_FIELD = re.compile(r"\{\{\s*(?:\$labels\.(?P<label>\w+)|\$value)\s*(?:\|\s*(?P<form>\w+)\s*)?\}\}")


def told(template: str, labels: Mapping[str, str], value: float) -> str:
    """Return an annotation with its labels and its value filled in, as Prometheus does in the common cases.

    A label that is not there is empty, as there; what is no such field stays as it is written.
    """

    def filled(match: re.Match[str]) -> str:
        if match["label"] is not None:
            return labels.get(match["label"], "")
        return _FORMS.get(match["form"] or "", _plain)(value)

    return _FIELD.sub(filled, template)


def _plain(value: float) -> str:
    return repr(value).removesuffix(".0")


def _duration(value: float) -> str:
    if not math.isfinite(value) or value == 0:
        return f"{_plain(value)}s"
    if abs(value) < 1:
        return f"{_short(value)}s"
    rest, sign = abs(value), "-" if value < 0 else ""
    if rest < _MINUTE_S:
        return f"{sign}{rest:.4g}s"
    minutes, seconds = divmod(int(rest), _MINUTE_S)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    pieces = [f"{days}d"] if days else []
    pieces += [f"{hours}h"] if pieces or hours else []
    return sign + " ".join([*pieces, f"{minutes}m", f"{seconds}s"])


def _short(value: float) -> str:
    if value == 0 or not math.isfinite(value):
        return _plain(value)
    for size, letter in _SIZES:
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


_MINUTE_S = 60
_SIZES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"))


_FORMS = {
    "humanizePercentage": lambda value: f"{value * 100:.4g}%",
    "humanizeDuration": _duration,
    "humanize": _short,
}
