"""Values to rows of tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from seaway.clock import utc
from seaway.monitor.alerts.history import HISTORY_STOPPED
from seaway.monitor.order import in_order
from seaway.monitor.page import charts, queries, text
from seaway.monitor.page.reading import Line
from seaway.monitor.store.store import Event
from seaway.monitor.target import TargetStatus
from seaway.monitor.view import AlertState, AlertStatus, Delivery

Row = dict[str, Any]
Values = Mapping[tuple[str, ...], float]
_NOTHING: Values = MappingProxyType({})
GOOD, BAD, WARNING, QUIET = "good", "bad", "warning", "quiet"
_MUCH = 0.01
"""From this share of errors on, a model is marked."""


class Numbers(NamedTuple):
    """What is known of several things now, each by the labels that tell them apart."""

    requests: Values
    failures: Values
    quantiles: Mapping[str, Values]
    queue: Values = _NOTHING
    in_flight: Values = _NOTHING
    memory: Values = _NOTHING
    cpu: Values = _NOTHING

    def errors(self, key: tuple[str, ...]) -> float | None:
        """Return the share of requests that failed; None when there were none."""
        total = self.requests.get(key, 0.0)
        return self.failures.get(key, 0.0) / total if total > 0 else None


def name_cell(name: str, **more: Any) -> Row:
    """Return a cell with a name: shortened, and whole when the pointer rests on it."""
    return {"text": text.visible(name) or "(no name)", "title": text.visible(name, 4000), **more}


def _share_cell(value: float | None) -> Row:
    tone = "" if not value else WARNING if value < _MUCH else BAD
    return {"text": text.share(value), "tone": tone}


def _spark(line: Line | None) -> Row:
    if line is None:
        return {"text": "—"}
    values = [value for _, value in line.points]
    there = [value for value in values if value is not None]
    spoken = f"from {text.rate(min(there, default=None))} to {text.rate(max(there, default=None))}"
    return {"spark": values, "spoken": spoken}


def model_state(name: str, numbers: Numbers, replicas: float | None, alerts: Sequence[AlertStatus]) -> tuple[str, str]:
    """Return a model's state in a word or two, and its tone."""
    firing = sum(alert.state is AlertState.FIRING and dict(alert.labels).get("model") == name for alert in alerts)
    if firing:
        return ("alert" if firing == 1 else f"{firing} alerts"), BAD
    if not replicas:
        return "no replica answers", BAD
    errors = numbers.errors((name,))
    if errors is None:
        return "no requests", QUIET
    return ("errors", WARNING) if errors >= _MUCH else ("serving", GOOD)


def models(
    numbers: Numbers,
    replicas: Values,
    lines: Mapping[str, Line],
    alerts: Sequence[AlertStatus],
    span: str,
) -> list[Row]:
    """Return a row for each model that is served or was asked in this time."""
    names = sorted({*(key[0] for key in replicas), *lines})
    found = []
    for name in names:
        key = (name,)
        state, tone = model_state(name, numbers, replicas.get(key), alerts)
        cells: Row = {
            "model": name_cell(name, href=text.model_address(name, range=span)),
            "state": {"text": state, "tone": f"state {tone}"},
            "requests": text.rate(numbers.requests.get(key)),
            "history": _spark(lines.get(name)),
            "errors": _share_cell(numbers.errors(key)),
            "queue": text.number(numbers.queue.get(key)),
            "in_flight": text.number(numbers.in_flight.get(key)),
            "replicas": text.number(replicas.get(key, 0.0)),
        }
        cells |= {name: text.seconds(values.get(key)) for name, values in numbers.quantiles.items()}
        found.append({"key": name, "cells": cells})
    return found


def target_state(status: TargetStatus) -> Row:
    """Return the cell that says whether a server answers, and why not."""
    if status.is_up:
        return {"text": "up", "tone": f"state {GOOD}"}
    return {
        "text": "down",
        "tone": f"state {BAD}",
        "note": text.visible(status.problem, 120),
        "title": text.visible(status.problem, 2000),
    }


def replicas(targets: Sequence[TargetStatus], numbers: Numbers, lines: Mapping[str, Line], span: str) -> list[Row]:
    """Return a row for each server, with what it does now."""
    found = []
    for status in targets:
        key = (status.instance,)
        cells: Row = {
            "replica": name_cell(
                status.instance, href=text.address("/compare", kind="replica", a=status.instance, range=span)
            ),
            "state": target_state(status),
            "requests": text.rate(numbers.requests.get(key)),
            "history": _spark(lines.get(status.instance)),
            "errors": _share_cell(numbers.errors(key)),
            "memory": text.size(numbers.memory.get(key)),
            "cpu": text.number(numbers.cpu.get(key)),
        }
        cells |= {name: text.seconds(values.get(key)) for name, values in numbers.quantiles.items()}
        found.append({"key": status.instance, "cells": cells})
    return found


class VersionFacts(NamedTuple):
    """What is known of versions, by version."""

    engines: Mapping[str, Sequence[str]]
    replicas: Mapping[str, float]
    load_seconds: Values


def versions(name: str, numbers: Numbers, facts: VersionFacts, rows_p50: Values, span: str) -> list[Row]:
    """Return a row for each version and signature of a model; versions that nobody asked have one without signature."""
    asked = set(numbers.requests)
    silent = {(version, "") for version in facts.engines if not any(key[0] == version for key in asked)}
    found = []
    for key in sorted(asked | silent, key=in_order):
        version, signature = key
        cells: Row = {
            "version": name_cell(version, href=text.model_address(name, version=version, range=span)),
            "signature": name_cell(
                signature, href=text.model_address(name, version=version, signature=signature, range=span)
            )
            if signature
            else "—",
            "requests": text.rate(numbers.requests.get(key)),
            "errors": _share_cell(numbers.errors(key)),
            "rows": text.number(rows_p50.get(key)),
            "engine": ", ".join(text.visible(each) for each in facts.engines.get(version, ())) or "—",
            "replicas": text.number(facts.replicas.get(version)),
            "memory": text.size(numbers.memory.get((version,))),
            "cpu": text.number(numbers.cpu.get((version,))),
            "load": text.seconds(facts.load_seconds.get((version,))),
        }
        cells |= {name: text.seconds(values.get(key)) for name, values in numbers.quantiles.items()}
        found.append({"key": f"{version} {signature}", "cells": cells})
    return found


def events(found: Sequence[Event]) -> list[Row]:
    """Return a row for each event, numbered as the marks on the time axis are."""
    return [
        {
            "key": str(number),
            "cells": {
                "number": str(number),
                "at": utc(event.at / 1000),
                "kind": {"text": text.visible(event.kind, 20), "tone": f"kind {_kind(event.kind)}"},
                "what": {
                    "text": text.visible(event.text, 300),
                    "note": text.labels(event.labels) if event.labels else "",
                },
            },
        }
        for number, event in enumerate(found, 1)
    ]


def _kind(kind: str) -> str:
    """Return the class of a kind; an unknown one has none, as it would be whatever somebody wrote."""
    return kind if kind in charts.EVENT_COLORS else ""


SILENCES = (("1 h", 3600.0), ("8 h", 8 * 3600.0), ("24 h", 24 * 3600.0))
END_SILENCE = "end"


def alert_key(alert: AlertStatus) -> str:
    """Return what tells an alert from others, as a row's key."""
    return repr((alert.rule, alert.labels, alert.began_at))


def alerts(found: Sequence[AlertStatus], now_s: float, may_silence: bool) -> list[Row]:
    """Return a row for each alert, the firing first."""
    rank = {AlertState.FIRING: 0, AlertState.PENDING: 1, AlertState.RESOLVED: 2}
    return [
        {
            "key": alert_key(alert),
            "cells": {
                "state": {"text": alert.state.value, "tone": f"state {_alert_tone(alert)}"},
                "alert": {
                    "text": text.visible(alert.rule),
                    "note": text.visible(alert.summary, 300),
                    "title": text.visible(alert.rule, 2000),
                },
                "labels": text.labels(dict(alert.labels)),
                "severity": text.visible(alert.severity, 20),
                "value": text.number(alert.value),
                "began": {"text": text.ago(alert.began_at, now_s), "title": utc(alert.began_at)},
                "until": _until(alert, now_s),
                "silence": {"actions": _silences(alert, now_s)} if may_silence else "—",
            },
        }
        for alert in sorted(found, key=lambda alert: (rank[alert.state], -alert.began_at))
    ]


def _alert_tone(alert: AlertStatus) -> str:
    return {AlertState.FIRING: BAD, AlertState.PENDING: WARNING, AlertState.RESOLVED: GOOD}[alert.state]


def _is_silent(alert: AlertStatus, now_s: float) -> bool:
    return alert.silenced_until is not None and alert.silenced_until > now_s


def _until(alert: AlertStatus, now_s: float) -> Row:
    if alert.ended_at is not None:
        return {"text": f"resolved {text.ago(alert.ended_at, now_s)}", "title": utc(alert.ended_at)}
    if _is_silent(alert, now_s) and alert.silenced_until is not None:
        return {"text": f"silent until {utc(alert.silenced_until)}", "tone": QUIET}
    return {"text": "—"}


def _silences(alert: AlertStatus, now_s: float) -> list[Row]:
    if alert.state is AlertState.RESOLVED:
        return []
    about = f"{text.visible(alert.rule)}, {text.labels(dict(alert.labels))}"
    if _is_silent(alert, now_s):
        return [{"id": END_SILENCE, "text": "End silence", "label": f"End the silence of {about}"}]
    return [{"id": name, "text": name, "label": f"Silence {about} for {name}"} for name, _ in SILENCES]


def deliveries(found: Sequence[Delivery], now_s: float) -> list[Row]:
    """Return a row for each try to tell somebody."""
    return [
        {
            "key": str(number),
            "cells": {
                "at": {"text": text.ago(each.at, now_s), "title": utc(each.at)},
                "channel": text.visible(each.channel),
                "title": text.visible(each.title, 200),
                "outcome": {
                    "text": text.visible(each.outcome, 40),
                    "tone": f"state {BAD if each.error else GOOD}",
                    "note": text.visible(each.error, 200),
                },
            },
        }
        for number, each in enumerate(found)
    ]


def servers(targets: Sequence[TargetStatus], now_s: float) -> list[Row]:
    """Return a row for each server that is looked at."""
    return [
        {
            "key": status.instance,
            "cells": {
                "server": name_cell(status.instance),
                "state": target_state(status),
                "url": text.without_secrets(status.url),
                "at": {"text": text.ago(status.at, now_s), "title": utc(status.at) if status.at else ""},
                "took": text.seconds(status.took_s) if status.at else "—",
                "series": text.number(float(status.series)),
            },
        }
        for status in targets
    ]


def hosts(cpu: Values, used: Values, total: Values) -> list[Row]:
    """Return a row for each machine."""
    found = []
    for key in sorted({*cpu, *used}):
        whole = total.get(key)
        part = used[key] / whole if whole and key in used else None
        cells = {
            "host": name_cell(key[0]),
            "cpu": text.share(cpu.get(key)),
            "memory": {"text": text.size(used.get(key)), "note": f"{text.share(part)} of {text.size(whole)}"},
        }
        found.append({"key": key[0], "cells": cells})
    return found


class Compared(NamedTuple):
    """What one side of a comparison does now."""

    requests: float | None
    errors: float | None
    quantiles: Mapping[str, float | None]
    memory: float | None
    cpu: float | None


def compared(left: Compared, right: Compared) -> list[Row]:
    """Return a row for each measure of two sides, with the second relative to the first."""
    measures: list[tuple[str, Any, float | None, float | None]] = [
        ("Requests", text.rate, left.requests, right.requests),
        ("Errors", text.share, left.errors, right.errors),
        *((name, text.seconds, value, right.quantiles.get(name)) for name, value in left.quantiles.items()),
        ("Memory", text.size, left.memory, right.memory),
        ("CPU cores", text.number, left.cpu, right.cpu),
    ]
    return [
        {"key": name, "cells": {"measure": name, "a": write(a), "b": write(b), "ratio": ratio(a, b)}}
        for name, write, a, b in measures
    ]


def ratio(a: float | None, b: float | None) -> str:
    """Return how much more b is than a, as a percentage."""
    if a is None or b is None or a == 0:
        return "—"
    change = (b / a - 1) * 100
    return "same" if abs(change) < 0.5 else f"{change:+.0f} %"  # noqa: PLR2004


def problem(targets: Sequence[TargetStatus]) -> str:
    """Return what is wrong with all servers together, and what to do about it; empty when one answers."""
    if not targets:
        return "No server is looked at: name one, as in `seaway monitor HOST:8501`."
    if any(status.is_up for status in targets):
        return ""
    if all(status.at == 0 for status in targets):
        return "No server was asked yet: the first answers come within seconds."
    asked = "; ".join(
        f"{text.visible(status.instance, 30)}: {text.visible(status.problem, 120)}" for status in targets[:3]
    )
    more = f" (and {len(targets) - 3} more)" if len(targets) > 3 else ""  # noqa: PLR2004
    return f"No server answers: {asked}{more}. Check that they run, and that this machine reaches their addresses."


def stopped(alerts: Sequence[AlertStatus]) -> str:
    """Return since when and why nothing is kept, and what to do about it; empty while all is kept."""
    for alert in alerts:
        if alert.rule == HISTORY_STOPPED.name and alert.state is AlertState.FIRING:
            return f"Since {utc(alert.began_at)}: {text.visible(alert.summary, 900)}"
    return ""


NO_REQUESTS = "No requests yet: try `seaway predict MODEL …`, or send some to a server that is listed here."


def quantiles_of(values: Mapping[str, Values], key: tuple[str, ...]) -> dict[str, float | None]:
    """Return one thing's quantiles by name."""
    return {name: found.get(key) for name, found in values.items()}


def window_words() -> str:
    """Return how recent what is shown as present is."""
    return f"the last {queries.NOW_WINDOW_MS // 60_000} minutes"
