"""Rules, in the form of Prometheus' rule files: one file serves both.

Source: https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from seaway.errors import InvalidArgument
from seaway.fleet.data import Data
from seaway.monitor.query.evaluate import parsed

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d|w|y)")


KEEP_S = 60.0
"""Unless a rule says otherwise nothing is over before it was over for so long: an alert that flaps is one alert."""


class Rule(Data, frozen=True):
    """An alert: it holds for every set of labels that the question has an answer for.

    Units:   for_s - so long it is pending first; keep_s - so long it goes on firing after the last answer.
    """

    name: str
    expr: str
    for_s: float = 0.0
    keep_s: float = KEEP_S
    severity: str = "ticket"
    labels: tuple[tuple[str, str], ...] = ()
    summary: str = ""
    description: str = ""


class _Entry(msgspec.Struct, forbid_unknown_fields=True, rename={"for_": "for"}):
    expr: str
    alert: str = ""
    record: str = ""
    for_: str | int = "0s"
    keep_firing_for: str | int | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _Group(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    rules: list[_Entry]
    interval: str = ""
    limit: int = 0
    labels: dict[str, str] = {}


class _File(msgspec.Struct, forbid_unknown_fields=True):
    groups: list[_Group]


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Return the alerts of a rule file.

    Raises:  InvalidArgument - it cannot be read, or says what no rule file may; names the file, the rule and the fix.
    """
    try:
        content: Any = yaml.safe_load(path.read_text())
    except OSError as err:
        raise InvalidArgument(f"{path} cannot be read: {err.strerror}") from err
    except yaml.YAMLError as err:
        raise InvalidArgument(f"{path} is no YAML: {err}") from err
    return rules_of(content, str(path))


def rules_of(content: Any, where: str) -> tuple[Rule, ...]:
    """Return the alerts of a rule file's content. Raises as `read_rules` does. Pure."""
    try:
        file = msgspec.convert(content, _File)
    except msgspec.ValidationError as err:
        raise InvalidArgument(f"{where}: {err}; the form is that of Prometheus' rule files (groups, rules)") from err
    rules = [_rule(entry, group, where) for group in file.groups for entry in group.rules]
    names: set[str] = set()
    for rule in rules:
        if rule.name in names:
            # In Prometheus too two alerts of a name cannot be told apart once they fire.
            rules = _numbered(rules)
            break
        names.add(rule.name)
    return tuple(rules)


def _numbered(rules: Sequence[Rule]) -> list[Rule]:
    """Give rules that share a name, as those of several windows do, numbers to keep their states apart."""
    count: dict[str, int] = {}
    found = []
    for rule in rules:
        count[rule.name] = count.get(rule.name, 0) + 1
        number = count[rule.name]
        found.append(rule if number == 1 else msgspec.structs.replace(rule, name=f"{rule.name} ({number})"))
    return found


def _rule(entry: _Entry, group: _Group, where: str) -> Rule:
    name = entry.alert
    if entry.record or not name:
        raise InvalidArgument(
            f"{where}: group {group.name!r} has a recording rule ({entry.record or 'a rule without `alert`'}); "
            "only alerts are evaluated here, so write its question into the alert"
        )
    try:
        parsed(entry.expr)
        for_s = seconds(entry.for_)
        keep_s = KEEP_S if entry.keep_firing_for is None else seconds(entry.keep_firing_for)
    except InvalidArgument as err:
        raise InvalidArgument(f"{where}: alert {name!r}: {err.message}") from err
    labels = group.labels | entry.labels
    return Rule(
        name,
        entry.expr,
        for_s,
        keep_s,
        labels.get("severity", "ticket"),
        tuple(sorted(labels.items())),
        entry.annotations.get("summary", name),
        entry.annotations.get("description", ""),
    )


def seconds(duration: str | int) -> float:
    """Return a duration as Prometheus writes it, `1h30m`, in seconds.

    Raises:  InvalidArgument - it is none.
    """
    text = str(duration)
    if text in {"0", ""}:
        return 0.0
    pieces = _DURATION.findall(text)
    if not pieces or "".join(number + unit for number, unit in pieces) != text:
        raise InvalidArgument(f"{text!r} is no duration; expected for instance 30s, 5m or 1h30m")
    return sum(int(number) * _UNITS_S[unit] for number, unit in pieces)
