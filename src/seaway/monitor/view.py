"""What there is to see besides the store: servers, alerts, deliveries; for the page, `seaway top` and the HTTP API."""

from __future__ import annotations

import enum
from typing import Protocol

from seaway.fleet.data import Data
from seaway.monitor.store.store import Store
from seaway.monitor.target import TargetStatus


class AlertState(str, enum.Enum):
    """What an alert is: noticed but not for long enough, told, or over."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class AlertStatus(Data, frozen=True):
    """One alert: a rule and a set of labels for which it holds. Units: moments in seconds since the Unix epoch."""

    rule: str
    labels: tuple[tuple[str, str], ...]
    state: AlertState
    severity: str
    summary: str
    value: float
    began_at: float
    ended_at: float | None = None
    silenced_until: float | None = None


class Delivery(Data, frozen=True):
    """One try to tell somebody. Units: at in seconds since the Unix epoch."""

    channel: str
    at: float
    title: str
    outcome: str
    error: str = ""


class View(Protocol):
    """A running monitor, as whoever shows it sees it. May be called from any thread."""

    @property
    def store(self) -> Store:
        """What was kept."""
        ...

    def targets(self) -> tuple[TargetStatus, ...]:
        """Return the servers that are looked at, by name."""
        ...

    def alerts(self) -> tuple[AlertStatus, ...]:
        """Return what is pending or firing, and what was resolved within the last day, the newest first."""
        ...

    def deliveries(self) -> tuple[Delivery, ...]:
        """Return the last tries to tell somebody, the newest first."""
        ...

    def silence(self, rule: str, labels: tuple[tuple[str, str], ...], for_s: float, by: str) -> None:
        """Say nothing of an alert for a time; 0 ends its silence."""
        ...
