"""Plans for Kubernetes: its objects, of which the decision on what is served is one. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from seaway.deploy.desired import Desired
from seaway.deploy.differences import published_changes
from seaway.deploy.monitor_objects import of_monitor, without_monitor
from seaway.deploy.observed import Observed
from seaway.deploy.operations import ApplyObject
from seaway.deploy.plan import Plan, Step
from seaway.deploy.reconcile_objects import WantedObject, reconcile_objects, teardown_objects
from seaway.deploy.targets.kubernetes.manifests import decision_name, manifests
from seaway.fleet.published import Published


def plan(desired: Desired, observed: Observed, before: Published | None) -> Plan:
    """Return what turns the observed objects into the desired ones; empty when nothing does."""
    desired, observed = without_monitor(desired, observed)
    made = reconcile_objects(wanted(desired, observed), observed, of_monitor(desired.project))
    return Plan(tuple(_told(step, desired, before) for step in made.steps))


def teardown(observed: Observed, cause: str, project: str) -> Plan:
    """Return what leaves no object of a deployment; before all else goes what would tell people that it is down."""
    return teardown_objects(observed, cause, of_monitor(project))


def wanted(desired: Desired, observed: Observed) -> list[WantedObject]:
    """Return the wanted objects; the decision keeps its generation unless it says something else now."""
    now = observed.published
    generation = 1 if now is None else now.generation + (now.digest != desired.published.digest)
    found = manifests(desired, generation)
    return [_object(each, desired) for each in found]


def _object(manifest: dict[str, Any], desired: Desired) -> WantedObject:
    timeout_s = desired.start_timeout_s * max(1, desired.replicas)
    return WantedObject(manifest["kind"], manifest["metadata"]["name"], manifest, timeout_s)


def _told(step: Step, desired: Desired, before: Published | None) -> Step:
    """Say of a change of the decision what it means, instead of which text becomes which."""
    operation = step.operation
    if not isinstance(operation, ApplyObject) or operation.name != decision_name(desired.project) or before is None:
        return step
    if before.digest != desired.published.digest:
        return structs.replace(step, cause=published_changes(before, desired.published))
    if operation.old and operation.old != operation.new:
        return structs.replace(step, cause=f"the pace at which {desired.replicas} replicas begin to follow it")
    return step
