"""The states of all alerts: looked after at each round, kept over a restart, silenced by hand."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import structs

from seaway.errors import InvalidArgument, NotFound, SeawayError
from seaway.fleet.data import Data
from seaway.monitor.alerts.rule import Rule
from seaway.monitor.alerts.transition import Active, Change, Labels, step, told
from seaway.monitor.query.evaluate import query
from seaway.monitor.store.store import Store
from seaway.monitor.view import AlertState, AlertStatus

_REMEMBER_S = 86_400.0
_MOST_RESOLVED = 500
_MOST_ACTIVE = 2000
Known = Mapping[str, Mapping[Labels, float]]
"""For rules, by name, that need not be asked: the labels for which they hold, with the value."""
_NOTHING: Known = MappingProxyType({})


class Silence(Data, frozen=True):
    """Nobody is told of an alert until then. Units: until in seconds since the Unix epoch."""

    rule: str
    labels: Labels
    until: float
    by: str


class _Kept(Data, frozen=True):
    active: tuple[Active, ...] = ()
    resolved: tuple[AlertStatus, ...] = ()
    silences: tuple[Silence, ...] = ()


class Round(NamedTuple):
    """What one look at the rules brought: changes that people are to be told, and rules that cannot be answered."""

    changes: list[Change]
    problems: dict[str, str]


class AlertBook:
    """All rules and their alerts. `look` by one thread; the rest by any."""

    def __init__(self, rules: Sequence[Rule], file: Path) -> None:
        """Go on where the file says it was; a file that cannot be read counts as none."""
        self._rules = {rule.name: rule for rule in rules}
        self._file = file
        self._lock = threading.Lock()
        kept = _Kept()
        with suppress(OSError, msgspec.MsgspecError):
            kept = msgspec.json.decode(file.read_bytes(), type=_Kept)
        self._active: dict[str, dict[Labels, Active]] = {}
        for each in kept.active:
            if each.rule in self._rules:
                self._active.setdefault(each.rule, {})[each.labels] = each
        self._resolved = list(kept.resolved)
        self._silences = {(each.rule, each.labels): each for each in kept.silences}
        self._written = b""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What is looked at."""
        return tuple(self._rules.values())

    def look(self, store: Store, now: float, known: Known = _NOTHING) -> Round:
        """Ask every other rule's question and return what changed; one that cannot be answered keeps its alerts.

        Units:   now in seconds since the Unix epoch.
        """
        found = Round([], {})
        for rule in self._rules.values():
            try:
                holds = known[rule.name] if rule.name in known else holding(store, rule, now)
            except SeawayError as err:
                found.problems[rule.name] = err.message
                continue
            with self._lock:
                self._active[rule.name], changes = step(rule, self._active.get(rule.name, {}), holds, now)
                self._note(changes, now)
                found.changes.extend(self._to_tell(rule, changes, now))
        self._keep(now)
        return found

    def all(self) -> tuple[AlertStatus, ...]:
        """Return what is pending or firing, and what was resolved within a day, the newest first."""
        with self._lock:
            active = [self._status(each) for alerts in self._active.values() for each in alerts.values()]
            found = active + self._resolved
        return tuple(sorted(found, key=lambda each: each.ended_at or each.began_at, reverse=True))

    def silence(self, rule: str, labels: Labels, until: float, by: str) -> None:
        """Tell nobody of an alert until then.

        Raises:  NotFound - there is no rule of that name.
        """
        if rule not in self._rules:
            raise NotFound(f"there is no rule {rule!r}; there are {', '.join(sorted(self._rules)) or 'none'}")
        with self._lock:
            self._silences[rule, labels] = Silence(rule, labels, until, by)

    def _to_tell(self, rule: Rule, changes: Sequence[Change], now: float) -> list[Change]:
        """Return what people are to be told: once what fires and is not silenced, and the end of what they know."""
        alerts = self._active[rule.name]
        found = [each for each in changes if each.alert.state is AlertState.RESOLVED and each.alert.is_told]
        found = [each for each in found if not self._is_silenced(each.alert, now)]
        for labels, alert in alerts.items():
            if alert.state is AlertState.FIRING and not alert.is_told and not self._is_silenced(alert, now):
                alerts[labels] = structs.replace(alert, is_told=True)
                found.append(Change(alerts[labels], rule))
        return found

    def _is_silenced(self, alert: Active, now: float) -> bool:
        silence = self._silences.get((alert.rule, alert.labels))
        return silence is not None and silence.until > now

    def _note(self, changes: Sequence[Change], now: float) -> None:
        ended = [self._status(each.alert, now) for each in changes if each.alert.state is AlertState.RESOLVED]
        kept = [each for each in self._resolved if (each.ended_at or 0.0) > now - _REMEMBER_S]
        self._resolved = (kept + ended)[-_MOST_RESOLVED:]

    def _status(self, alert: Active, ended_at: float | None = None) -> AlertStatus:
        rule = self._rules[alert.rule]
        silence = self._silences.get((alert.rule, alert.labels))
        return AlertStatus(
            alert.rule,
            alert.labels,
            alert.state,
            rule.severity,
            told(rule.summary, dict(alert.labels), alert.value),
            alert.value,
            alert.began_at,
            ended_at,
            silence.until if silence else None,
        )

    def _keep(self, now: float) -> None:
        with self._lock:
            self._silences = {who: each for who, each in self._silences.items() if each.until > now}
            active = tuple(each for alerts in self._active.values() for each in alerts.values())
            content = msgspec.json.encode(_Kept(active, tuple(self._resolved), tuple(self._silences.values())))
        if content == self._written:
            return
        # A full disk costs the memory of a restart, nothing else.
        with suppress(OSError):
            scratch = self._file.with_suffix(".tmp")
            scratch.write_bytes(content)
            os.replace(scratch, self._file)
            self._written = content


def holding(store: Store, rule: Rule, now: float) -> dict[Labels, float]:
    """Return the labels for which a rule holds, with the value. Raises: InvalidArgument - it cannot be asked."""
    answer = query(store, rule.expr, round(now * 1000))
    if isinstance(answer, float):
        raise InvalidArgument(f"{rule.expr!r} is a number; a rule asks for series, as in vector(1) > 0")
    found: dict[Labels, float] = {}
    for labels, values in answer.items():
        if not np.isnan(values[0]) and len(found) < _MOST_ACTIVE:
            found[labels] = float(values[0])
    return found
