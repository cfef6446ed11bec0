"""A store whose questions a Prometheus-compatible server answers: Prometheus, Thanos, Mimir, VictoriaMetrics.

Events and alerts' states stay in the file beside; what servers say is neither collected nor kept a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from seaway import prometheus_api
from seaway.monitor.point import Kind, Series
from seaway.monitor.query.quote import quoted
from seaway.monitor.question import Labels, Moments, Result
from seaway.monitor.store.store import Matcher, Store
from seaway.monitor.target import TargetStatus

_TIMEOUT_S = 20.0
_NAME = "__name__"


class PrometheusStore(Store):
    """The server at a URL, and a file for the rest."""

    def __init__(self, url: str, path: Path) -> None:
        """Ask nothing yet. Raises as `Store` does."""
        super().__init__(path)
        self._url = url.rstrip("/")

    def answer(self, text: str, moments: Moments) -> Result:
        """Return the answer at these moments.

        Raises:  InvalidArgument - the server says that the question is wrong; Unavailable - it does not answer.
        """
        first, last = int(moments.times[0]), int(moments.times[-1])
        if not moments.step_ms:
            data = self._get("query", query=text, time=first / 1000)
            if data["resultType"] == "scalar":
                return float(data["result"][1])
            rows = [(each["metric"], [each["value"]]) for each in data["result"]]
        else:
            data = self._get(
                "query_range", query=text, start=first / 1000, end=last / 1000, step=moments.step_ms / 1000
            )
            rows = [(each["metric"], each["values"]) for each in data["result"]]
        return {_labels(metric): _values(pairs, moments) for metric, pairs in rows}

    def series(self, name: str, matchers: Sequence[Matcher] = ()) -> list[Series]:
        """Return the series of a name; of all names, without labels, when it is empty."""
        if not name:
            return [Series(each, (), Kind.GAUGE) for each in self._get(f"label/{_NAME}/values")]
        wanted = ",".join([f"{_NAME}={quoted(name)}", *(_matcher(each) for each in matchers)])
        return [Series(name, _labels(each), Kind.GAUGE) for each in self._get("series", **{"match[]": f"{{{wanted}}}"})]

    def targets(self) -> tuple[TargetStatus, ...]:
        """Return the servers that are scraped under a job whose name begins with `seaway`."""
        found = self._get("targets", state="active")["activeTargets"]
        ours = [each for each in found if each["labels"].get("job", "").startswith("seaway")]
        return tuple(sorted((_status(each) for each in ours), key=lambda each: each.instance))

    def _get(self, path: str, **values: object) -> Any:
        return prometheus_api.ask(self._url, path, _TIMEOUT_S, **values)


def _labels(metric: dict[str, str]) -> Labels:
    return tuple(sorted((name, value) for name, value in metric.items() if name != _NAME))


def _values(pairs: Sequence[tuple[float, str]], moments: Moments) -> Any:
    found = np.full(len(moments.times), np.nan)
    for at, value in pairs:
        number = round((at * 1000 - moments.times[0]) / moments.step_ms) if moments.step_ms else 0
        if 0 <= number < len(found):
            found[number] = float(value)
    return found


def _matcher(matcher: Matcher) -> str:
    sign = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}
    return f"{matcher.label}{sign[matcher.is_equal, matcher.is_pattern]}{quoted(matcher.value)}"


def _status(target: dict[str, Any]) -> TargetStatus:
    is_up = target["health"] == "up"
    problem = "" if is_up else target.get("lastError") or "it was not asked yet"
    try:
        at = datetime.fromisoformat(target["lastScrape"][:19] + "+00:00").timestamp()
    except ValueError:
        at = 0.0
    return TargetStatus(
        target["labels"].get("instance", ""),
        target["scrapeUrl"],
        is_up,
        problem,
        at,
        float(target.get("lastScrapeDuration", 0.0)),
    )
