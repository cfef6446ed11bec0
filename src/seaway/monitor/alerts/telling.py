"""Tells people of alerts: one message for all changes of a rule in a round, and an event on the time axis for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from seaway.monitor.alerts.transition import Change, told
from seaway.monitor.notify.delivery import Deliveries
from seaway.monitor.notify.message import DEFAULT_TEMPLATES, Notice, Templates, render
from seaway.monitor.store.store import Event
from seaway.monitor.view import AlertState, Delivery

Severity = Literal["page", "ticket", "info"]
_SEVERITIES: dict[str, Severity] = {"page": "page", "critical": "page", "info": "info", "none": "info"}


class Teller:
    """Brings changes to the channels."""

    def __init__(self, deliveries: Deliveries, templates: Templates = DEFAULT_TEMPLATES) -> None:
        """Send nothing before `start`."""
        self._deliveries = deliveries
        self._templates = templates

    def start(self) -> None:
        """Begin to send."""
        self._deliveries.start()

    def stop(self) -> None:
        """Send what is on its way; the rest becomes dead letters."""
        self._deliveries.stop()

    def tell(self, changes: Sequence[Change], now: float) -> list[Event]:
        """Queue a message per rule, and return what happened. Units: now in seconds since the Unix epoch."""
        groups: dict[str, list[Notice]] = {}
        for change in changes:
            notice = noticed(change, now)
            groups.setdefault(notice.group, []).append(notice)
        for notices in groups.values():
            title, body = render(notices, self._templates)
            self._deliveries.send(title, body, notices)
        return [_event(change, now) for change in changes]

    def deliveries(self) -> tuple[Delivery, ...]:
        """Return the last tries, the newest first."""
        return tuple(
            Delivery(each.channel, each.at, each.title, each.outcome, each.error) for each in self._deliveries.records()
        )


def noticed(change: Change, now: float) -> Notice:
    """Return what is told of a change. Pure."""
    alert, rule = change
    is_over = alert.state is AlertState.RESOLVED
    return Notice(
        rule=alert.rule,
        state="resolved" if is_over else "firing",
        severity=_SEVERITIES.get(rule.severity, "ticket"),
        labels=dict(alert.labels),
        summary=told(rule.summary, dict(alert.labels), alert.value),
        value=alert.value,
        began_at=alert.began_at,
        ended_at=now if is_over else None,
        group=alert.rule,
    )


def _event(change: Change, now: float) -> Event:
    notice = noticed(change, now)
    return Event(
        round(now * 1000), "alert", {**notice.labels, "rule": notice.rule}, f"{notice.state}: {notice.summary}"
    )
