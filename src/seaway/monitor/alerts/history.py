"""The alert on the monitor itself: what it sees is not kept. Pure.

Its rule has a question like any other, which a receiver of remote write can answer. The monitor's own store cannot:
while nothing is kept it answers as of before. So the monitor says itself whether the rule holds, and everything that
shows or tells alerts, the banner of the page too, has it without knowing where the answer came from.
"""

from __future__ import annotations

from dataclasses import dataclass

from seaway.monitor.alerts.rule import Rule
from seaway.monitor.alerts.transition import Labels

STOPPED_METRIC = "monitor_history_stopped"
HISTORY_STOPPED = Rule(
    "SeawayMonitorHistoryStopped",
    f"{STOPPED_METRIC} > 0",
    keep_s=15.0,  # Who freed a little room sees it work at once, and is not told of each round that fits or does not.
    severity="page",
    summary=(
        "History stopped: {{ $labels.problem }}. Nothing is kept, and no other alert sees what happens, until there is "
        "room again: free some on that disk, or let the monitor write there. It goes on by itself."
    ),
)


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why nothing is kept, as of the first time; `lost` samples were not kept since the monitor began."""

    problem: str
    lost: int


def held(stopped: Stopped | None) -> dict[Labels, float]:
    """Return the labels for which the rule holds, with the samples lost as its value."""
    return {} if stopped is None else {(("problem", stopped.problem),): float(stopped.lost)}
