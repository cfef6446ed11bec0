"""From what should be and what is to a plan, for targets that run each replica themselves. Pure.

    nothing there         →  prepare, publish, ingress, replicas
    models changed        →  publish to one replica after another, or to all at once where nothing has to be loaded
    spec changed          →  a new replica is ready before an old one drains, one at a time
    replicas changed      →  start or stop the difference
    the monitor           →  last, and dispensable: servers are deployed whether it runs or not
    a replica is lost     →  a new one, then what is left of the lost one goes

Never fewer ready replicas than there were, or than are wanted if that is less. Where models and spec change
together, the new replicas are made with the new models and the old ones keep theirs until they go.

Source: the shape (observed, reconcile, plan, executor) is that of docker/compose, pkg/compose/reconcile.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from seaway.deploy.desired import Desired
from seaway.deploy.differences import published_changes
from seaway.deploy.observed import Observed, PublishedNow, Replica, State
from seaway.deploy.operations import (
    Clear,
    Prepare,
    Publish,
    StartIngress,
    StartMonitor,
    StartReplica,
    StopIngress,
    StopMonitor,
    StopReplica,
)
from seaway.deploy.plan import Plan, Step
from seaway.fleet.published import Published, PublishedModel

_NUMBER = re.compile(r"-([0-9]+)$")
_ORDER = {State.LOST: 0, State.UNREADY: 1, State.STARTING: 2, State.READY: 3}


def reconcile(desired: Desired, observed: Observed, before: Published | None = None) -> Plan:
    """Return what turns the observed deployment into the desired one; empty when nothing does.

    `before` is the decision that is in force, for the causes and for taking a publication back; it matters only
    when the observed deployment has one.
    """
    fleet = _Fleet(desired, observed)
    steps: list[Step] = []
    if not observed.is_prepared:
        steps.append(Step(Prepare(), "nothing is there yet" if observed.is_nothing else "its surroundings are gone"))
    publications = _publications(fleet, before)
    steps += publications
    steps += _ingress(desired, observed)
    steps += _replicas(fleet)
    steps += _for_everyone(fleet, publications, before)
    steps += _monitor(desired, observed)
    return Plan(tuple(steps))


def teardown(observed: Observed, cause: str, drain_timeout_s: float = 30.0) -> Plan:
    """Return what leaves nothing of a deployment: clients lose it first, then replicas drain.

    Before all of it the monitor goes, which would tell people that the servers are down.
    """
    steps: list[Step] = []
    if observed.monitor is not None:
        steps.append(Step(StopMonitor(), cause))
    if observed.ingress is not None:
        steps.append(Step(StopIngress(), cause))
    steps += [Step(StopReplica(replica.name, drain_timeout_s), cause) for replica in observed.replicas]
    if observed.is_prepared:
        steps.append(Step(Clear(), cause))
    return Plan(tuple(steps))


class _Fleet:
    """The replicas by what is to become of them, and the names of those to come."""

    def __init__(self, desired: Desired, observed: Observed) -> None:
        self.desired = desired
        self.observed = observed
        self.spec = desired.replica.digest
        fitting = [replica for replica in observed.replicas if self._fits(replica)]
        fitting.sort(key=lambda replica: (-_ORDER[replica.state], _number(replica.name)))
        self.kept = sorted(fitting[: desired.replicas], key=lambda replica: _number(replica.name))
        self.surplus = fitting[desired.replicas :][::-1]
        stale = [replica for replica in observed.replicas if not self._fits(replica)]
        self.stale = sorted(stale, key=lambda replica: (_ORDER[replica.state], _number(replica.name)))
        self.new = tuple(self._new_names(desired.replicas - len(self.kept)))

    def _fits(self, replica: Replica) -> bool:
        return replica.spec == self.spec and replica.state is not State.LOST

    def _new_names(self, count: int) -> Iterator[str]:
        taken = {replica.name for replica in self.observed.replicas}
        number = 0
        while count > 0:
            number += 1
            name = f"{self.desired.project}-{number}"
            if name not in taken:
                count -= 1
                yield name


def _publications(fleet: _Fleet, before: Published | None) -> list[Step]:
    """Publish what is new: to the replicas that stay one after another, and to those to come."""
    wanted, now = fleet.desired.published, fleet.observed.published
    if now is None:
        return [_publish(fleet, 1, None, (), "no decision on what is served is published yet")]
    if now.digest == wanted.digest and now.first is None:
        return []
    cause = _publish_cause(wanted, now, before)
    if not fleet.observed.replicas or (now.first is not None and now.before_digest == wanted.digest):
        # Nobody is disturbed, or those that follow something else go back to what the others never left.
        return [_publish(fleet, now.generation + 1, None, (), cause)]
    if now.first is None and before is not None and not must_load(before, wanted) and not fleet.new:
        return [_at_once(fleet, now, cause, before)]
    return _waves(fleet, now, cause, before)


def must_load(before: Published, after: Published) -> bool:
    """Tell whether a replica that serves one decision has to load anything to serve the other."""
    return any(_must_load(before.model(model.name), model) for model in after.models)


def _must_load(before: PublishedModel | None, after: PublishedModel) -> bool:
    if before is None or (before.path, before.engine) != (after.path, after.engine):
        return True
    return not set(after.versions) <= set(before.versions)


def _at_once(fleet: _Fleet, now: PublishedNow, cause: str, before: Published) -> Step:
    """Publish to everyone: nothing is loaded, so nobody gets slower, and traffic moves everywhere at the same time."""
    ready = tuple(replica.name for replica in fleet.kept if replica.state is State.READY)
    step = _publish(fleet, now.generation + 1, None, ready, cause)
    back = Publish(now.generation + 2, before, None, (), fleet.desired.start_timeout_s)
    return Step(step.operation, step.cause, back)


def _waves(fleet: _Fleet, now: PublishedNow, cause: str, before: Published | None) -> list[Step]:
    reached = set(now.first or ()) if now.digest == fleet.desired.published.digest else set()
    done = [replica.name for replica in fleet.kept if replica.name in reached and replica.applied]
    waves = [replica.name for replica in fleet.kept if replica.name not in done]
    first = (*done, *fleet.new)
    steps = []
    if fleet.new and not waves and not set(fleet.new) <= reached:
        steps.append(_publish(fleet, now.generation + 1, first, (), cause))
    for number, name in enumerate(waves, start=1):
        first = (*first, name)
        # The last one to follow, with nobody left who must keep the decision before: everyone may.
        is_everyone = number == len(waves) and not fleet.stale and not fleet.new and not fleet.surplus
        steps.append(_publish(fleet, now.generation + number, None if is_everyone else first, (name,), cause))
    if before is None:
        return steps
    back = Publish(now.generation + len(steps) + 1, before, None, (), fleet.desired.start_timeout_s)
    return [Step(step.operation, step.cause, back) for step in steps]


def _for_everyone(fleet: _Fleet, publications: list[Step], before: Published | None) -> list[Step]:
    """Let everyone follow, once those that had to keep the decision before are gone."""
    now, wanted = fleet.observed.published, fleet.desired.published
    if publications:
        last = publications[-1].operation
        assert isinstance(last, Publish)
        if last.first is None:
            return []
        return [_publish(fleet, last.generation + 1, None, (), "no replica has to keep the decision before")]
    if now is None or (now.first is None and now.digest == wanted.digest):
        return []
    return [_publish(fleet, now.generation + 1, None, (), _publish_cause(wanted, now, before))]


def _publish(fleet: _Fleet, generation: int, first: tuple[str, ...] | None, wait: tuple[str, ...], cause: str) -> Step:
    desired = fleet.desired
    return Step(Publish(generation, desired.published, first, wait, desired.start_timeout_s), cause)


def _publish_cause(wanted: Published, now: PublishedNow, before: Published | None) -> str:
    if now.digest == wanted.digest:
        return f"generation {now.generation} reached only {', '.join(now.first or ())}"
    return published_changes(before, wanted) if before is not None else "what is served has changed"


def _ingress(desired: Desired, observed: Observed) -> Iterator[Step]:
    there, wanted = observed.ingress, desired.ingress
    if there is None:
        yield Step(StartIngress(wanted), "clients have no way in yet")
    elif there.spec != wanted.digest:
        yield Step(StartIngress(wanted), "address, ports or certificate have changed")
    elif not there.is_running:
        yield Step(StartIngress(wanted), there.reason or "it is not running")


def _monitor(desired: Desired, observed: Observed) -> Iterator[Step]:
    there, wanted = observed.monitor, desired.monitor
    if desired.leaves_monitor:
        return
    if wanted is None:
        if there is not None:
            yield Step(StopMonitor(), "none is wanted", dispensable=True)
    elif there is None:
        yield _start_monitor(StartMonitor(wanted, "create"), "nothing looks at the replicas yet")
    elif there.spec != wanted.digest:
        cause = f"it was made from {there.spec}, not {wanted.digest}"
        yield _start_monitor(StartMonitor(wanted, "replace"), cause)
    elif not there.is_running:
        yield _start_monitor(StartMonitor(wanted, "start"), there.reason or "it is not running")


def _start_monitor(operation: StartMonitor, cause: str) -> Step:
    return Step(operation, cause, StopMonitor(), dispensable=True)


def _replicas(fleet: _Fleet) -> Iterator[Step]:
    """Start what is missing and stop what is too many, a new one always before an old one."""
    desired, stale = fleet.desired, list(fleet.stale)
    for replica in fleet.kept:
        if replica.state is not State.READY:
            cause = replica.reason or f"it is {replica.state.value}"
            yield Step(StartReplica(replica.name, desired.replica, desired.start_timeout_s), cause)
    present = len(fleet.kept) + len(stale)
    for name in fleet.new:
        start = StartReplica(name, desired.replica, desired.start_timeout_s)
        undo = StopReplica(name, desired.replica.drain_timeout_s)
        yield Step(start, _start_cause(fleet, stale), undo)
        present += 1
        while stale and present > desired.replicas:
            present -= 1
            yield _stop(fleet, stale.pop(0))
    for replica in stale:
        yield _stop(fleet, replica)
    for replica in fleet.surplus:
        yield Step(
            StopReplica(replica.name, desired.replica.drain_timeout_s),
            _counts(len(fleet.kept) + len(fleet.surplus), desired.replicas),
        )


def _start_cause(fleet: _Fleet, stale: Sequence[Replica]) -> str:
    if stale:
        return f"takes the place of {stale[0].name}, {_why_stale(fleet, stale[0])}"
    return _counts(len(fleet.kept) + len(fleet.stale), fleet.desired.replicas)


def _counts(running: int, wanted: int) -> str:
    run = "1 replica runs" if running == 1 else f"{running} replicas run"
    return f"{run}, {wanted} {'is' if wanted == 1 else 'are'} wanted"


def _stop(fleet: _Fleet, replica: Replica) -> Step:
    return Step(
        StopReplica(replica.name, fleet.desired.replica.drain_timeout_s),
        f"another has its place, {_why_stale(fleet, replica)}",
    )


def _why_stale(fleet: _Fleet, replica: Replica) -> str:
    if replica.state is State.LOST and replica.spec == fleet.spec:
        return f"which is lost: {replica.reason}" if replica.reason else "which is lost"
    return f"which was made from {replica.spec}, not {fleet.spec}"


def _number(name: str) -> int:
    match = _NUMBER.search(name)
    return int(match[1]) if match else 0
