"""Carries out a plan, one operation at a time. It decides nothing.

An operation that fails is taken back and ends the plan, unless its step says that the rest can do without.

What was done stays done: the next plan is made from what is there then, so a plan that was cut off needs no memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seaway.deploy.plan import Plan, Step
from seaway.deploy.target import Target, Tell
from seaway.errors import SeawayError


@dataclass(frozen=True, slots=True)
class Watch:
    """Who follows an execution: `begun` and `done` by the number of the step, `tell` in between."""

    begun: Callable[[int, Step], None]
    done: Callable[[int, Step], None]
    tell: Tell


def execute(plan: Plan, target: Target, watch: Watch) -> tuple[str, ...]:
    """Do every step of a plan in its order; return what failed of the dispensable ones, for a person.

    Raises:  what the first other failing operation raises, after its step was taken back.
    """
    failures = []
    for number, step in enumerate(plan.steps, start=1):
        watch.begun(number, step)
        try:
            target.apply(step.operation, watch.tell)
        except SeawayError as err:
            _take_back(step, target, watch.tell, err)
            if not step.dispensable:
                raise
            failures.append(f"{step.operation}: {err.message}")
            continue
        watch.done(number, step)
    return tuple(failures)


def _take_back(step: Step, target: Target, tell: Tell, cause: SeawayError) -> None:
    if step.undo is None:
        return
    tell(f"failed: {cause.message}")
    tell(f"taking back: {step.undo}")
    try:
        target.apply(step.undo, tell)
    except SeawayError as err:
        tell(f"could not be taken back: {err.message}; the next deploy repairs it")
