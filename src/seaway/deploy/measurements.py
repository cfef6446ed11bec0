"""What a monitor knows beyond the replicas' own reports: values of PromQL questions, and alerts that fire.

Asked over the HTTP API that `seaway monitor` and Prometheus have in common, so a platform's own Prometheus serves as
well. It knows nothing of rollouts or scaling, and decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from seaway import prometheus_api

_TIMEOUT_S = 5.0
_FRACTION = re.compile(r"\.[0-9]+")
_DESCRIBED = ("summary", "description", "message")


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fires; `since` is the moment at which its condition became true, in seconds since the epoch."""

    name: str
    labels: Mapping[str, str]
    since: float
    summary: str = ""


class Measurements(Protocol):
    """Whoever can be asked."""

    def values(self, question: str) -> tuple[float, ...]:
        """Return the values of a PromQL question now, one of each series; none where nothing is known.

        Raises:  InvalidArgument - it is no question; Unavailable - nobody answers.
        """

    def firing(self) -> tuple[Firing, ...]:
        """Return the alerts that fire. Raises:  Unavailable - nobody answers."""


class Unmeasured:
    """Nobody to ask."""

    def values(self, question: str) -> tuple[float, ...]:
        """Return nothing."""
        del question
        return ()

    def firing(self) -> tuple[Firing, ...]:
        """Return nothing."""
        return ()


class MonitorApi:
    """The monitor, or the Prometheus, at a URL."""

    def __init__(self, url: str) -> None:
        """Ask nothing yet."""
        self._url = url.rstrip("/")

    def values(self, question: str) -> tuple[float, ...]:
        """Return the values of a PromQL question now, one of each series; none where nothing is known.

        Raises:  InvalidArgument - it is no question; Unavailable - nobody answers.
        """
        data = self._ask("query", query=question)
        if data["resultType"] == "scalar":
            found = [float(data["result"][1])]
        else:
            found = [float(each["value"][1]) for each in data["result"]]
        return tuple(value for value in found if value == value)  # noqa: PLR0124 - not a number means nothing is known

    def firing(self) -> tuple[Firing, ...]:
        """Return the alerts that fire. Raises:  Unavailable - nobody answers."""
        return tuple(_firing(each) for each in self._ask("alerts")["alerts"] if each["state"] == "firing")

    def _ask(self, path: str, **values: str) -> Any:
        return prometheus_api.ask(self._url, path, _TIMEOUT_S, **values)


def _firing(alert: Mapping[str, Any]) -> Firing:
    labels = {str(name): str(value) for name, value in alert["labels"].items()}
    summary = next((alert["annotations"][name] for name in _DESCRIBED if alert["annotations"].get(name)), "")
    # Prometheus writes nanoseconds and `Z`, which Python before 3.11 does not read; seconds are enough.
    since = datetime.fromisoformat(_FRACTION.sub("", alert["activeAt"]).replace("Z", "+00:00")).timestamp()
    return Firing(labels.pop("alertname", ""), labels, since, summary)
