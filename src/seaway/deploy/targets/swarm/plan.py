"""Plans for Swarm: what is published, then its objects. Pure."""

from __future__ import annotations

from seaway.deploy.desired import Desired
from seaway.deploy.differences import published_changes
from seaway.deploy.monitor_objects import of_monitor, without_monitor
from seaway.deploy.observed import Observed
from seaway.deploy.operations import Clear, Prepare, Publish
from seaway.deploy.plan import Plan, Step
from seaway.deploy.reconcile_objects import reconcile_objects, teardown_objects
from seaway.deploy.targets.swarm.monitor import monitor_wanted
from seaway.deploy.targets.swarm.objects import wanted
from seaway.fleet.published import Published


def plan(desired: Desired, observed: Observed, before: Published | None) -> Plan:
    """Return what turns the observed deployment into the desired one; empty when nothing does."""
    steps = []
    if not observed.is_prepared:
        steps.append(Step(Prepare(), "nothing is there yet" if observed.is_nothing else "its surroundings are gone"))
    steps += _publication(desired, observed, before)
    desired, observed = without_monitor(desired, observed)
    made = [*wanted(desired), *monitor_wanted(desired)]
    return Plan((*steps, *reconcile_objects(made, observed, of_monitor(desired.project)).steps))


def teardown(observed: Observed, cause: str, project: str) -> Plan:
    """Return what leaves nothing of a deployment; before all else goes what would tell people that it is down."""
    steps = list(teardown_objects(observed, cause, of_monitor(project)).steps)
    if observed.is_prepared or steps:
        steps.append(Step(Clear(), cause))
    return Plan(tuple(steps))


def _publication(desired: Desired, observed: Observed, before: Published | None) -> list[Step]:
    """Publish to everyone: tasks have no names beforehand, so each begins at a moment of its own instead."""
    now, timeout_s = observed.published, desired.start_timeout_s * max(1, desired.replicas)
    if now is None:
        cause = "no decision on what is served is published yet"
        return [Step(Publish(1, desired.published, None, (), timeout_s), cause)]
    if now.digest == desired.published.digest:
        return []
    cause = published_changes(before, desired.published) if before is not None else "what is served has changed"
    undo = Publish(now.generation + 2, before, None, (), timeout_s) if before is not None else None
    return [Step(Publish(now.generation + 1, desired.published, None, (), timeout_s), cause, undo)]
