"""The reports of replicas as they leave them in the state directory."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import TypedDict

import msgspec

from seaway.fleet.report import DIRECTORY, Report

FRESH_S = 6.0
"""A replica reports every second; one that has not for so long does not answer."""


class Following(TypedDict):
    """The part of a replica's observation that comes from its report."""

    generation: int
    applied: bool


def following(report: Report | None) -> Following:
    """Return what a replica follows; nothing while it has not reported."""
    if report is None:
        return Following(generation=0, applied=False)
    return Following(generation=report.generation, applied=report.applied)


def read_reports(state: Path, names: Set[str] | None = None) -> tuple[Report, ...]:
    """Return the reports of these replicas, of all unless names are given; one that cannot be read counts as none."""
    directory = state / DIRECTORY
    found = []
    for file in sorted(directory.glob("*.json")) if directory.is_dir() else ():
        try:
            found.append(msgspec.json.decode(file.read_bytes(), type=Report))
        except (OSError, msgspec.MsgspecError):
            continue  # It is just going away, or was written by a server of another time.
    return tuple(report for report in found if names is None or report.replica in names)


def is_fresh(report: Report, now: float) -> bool:
    """Tell whether a report speaks of the present."""
    return now - report.at <= FRESH_S
