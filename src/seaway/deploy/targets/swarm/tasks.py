"""What the tasks of a service say. Pure.

Source: Docker Engine API v1.41, Task and TaskStatus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seaway.deploy.observed import State
from seaway.deploy.report_files import is_fresh
from seaway.fleet.report import Report

RUNNING = {"running"}
_BEGINS_S = 5.0
"""Far longer than Swarm takes to begin an update; a changed template that replaces no task is done after it."""
ENDED = {"failed", "rejected", "complete", "shutdown", "orphaned", "remove"}


def judged(task: Mapping[str, Any], report: Report | None, now: float) -> tuple[State, str]:
    """Return the state of a task as a replica and why it is not ready. Pure."""
    status = task["Status"]
    if status["State"] not in RUNNING:
        return State.STARTING, str(status.get("Err") or status["State"])
    if report is None or not is_fresh(report, now):
        return State.UNREADY, "it does not report"
    return (State.READY, "") if report.ready else (State.STARTING, report.problem or "it is starting")


def task_name(project: str, task: Mapping[str, Any]) -> str:
    """Return the name of a task as a replica."""
    return f"{project}.{task.get('Slot', 0)}.{task['ID']}"


def is_wanted(task: Mapping[str, Any]) -> bool:
    """Tell whether a task is to run, and may."""
    return task.get("DesiredState") == "running" and task["Status"]["State"] not in ENDED


def runs(task: Mapping[str, Any]) -> bool:
    """Tell whether a task is to run, and does."""
    return task.get("DesiredState") == "running" and task["Status"]["State"] in RUNNING


def has_updated(state: str, is_new_template: bool, waited_s: float) -> bool:
    """Tell whether Swarm has nothing more to update, from the state of its update (empty: it says nothing of one).

    It says nothing where tasks need not be replaced, and for a moment after it was told to replace them: what runs then
    is what ran before.
    """
    if state:
        return state == "completed"
    return not is_new_template or waited_s >= _BEGINS_S


def is_shutting_down(tasks: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether an old task is still draining."""
    return any(task.get("DesiredState") == "shutdown" and task["Status"]["State"] in RUNNING for task in tasks)


def newest_error(tasks: Sequence[Mapping[str, Any]]) -> str:
    """Return what the last failed task said."""
    failed = [task for task in tasks if task["Status"].get("Err")]
    failed.sort(key=lambda task: str(task["Status"]["Timestamp"]))
    return str(failed[-1]["Status"]["Err"]) if failed else ""
