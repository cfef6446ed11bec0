"""Properties of plans that run replicas themselves: they end in what was wanted, never with less service."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seaway.deploy.desired import Desired
from seaway.deploy.observed import Observed, ObservedIngress, ObservedMonitor, PublishedNow, Replica, State
from seaway.deploy.reconcile import reconcile, teardown
from tests.support.simulated_deployment import SimulatedTarget, desired, monitor, published

SPECS = {image: desired(image=image).replica.digest for image in "ab"}
desired_deployments = st.builds(
    desired,
    replicas=st.integers(0, 5),
    image=st.sampled_from("ab"),
    version=st.integers(1, 3),
    port=st.sampled_from([8500, 9500]),
    monitor=st.none() | st.builds(monitor, st.sampled_from([8502, 9502])),
    leaves_monitor=st.booleans(),
)


@st.composite
def observed_deployments(draw: st.DrawFn) -> tuple[Observed, int | None]:
    """Anything that a stopped, broken or half-done deployment may have left."""
    names = draw(st.lists(st.integers(1, 8), unique=True, max_size=6))
    replicas = tuple(
        Replica(
            f"digits-{number}",
            SPECS[draw(st.sampled_from("ab"))],
            draw(st.sampled_from(State)),
            applied=draw(st.booleans()),
        )
        for number in names
    )
    version = draw(st.none() | st.integers(1, 3))
    now = None
    if version is not None:
        first = draw(st.none() | st.lists(st.sampled_from([f"digits-{number}" for number in range(1, 9)]), unique=True))
        before = published(draw(st.integers(1, 3))).digest if first is not None else ""
        now = PublishedNow(draw(st.integers(1, 50)), published(version).digest, tuple(first) if first else None, before)
    ingress = draw(st.none() | st.builds(ObservedIngress, st.just(desired().ingress.digest), st.booleans()))
    prepared = bool(replicas) or now is not None or ingress is not None or draw(st.booleans())
    looking = draw(st.none() | st.builds(ObservedMonitor, st.just(monitor().digest), st.booleans()))
    return Observed(prepared, ingress, replicas, now, monitor=looking), version


@given(desired_deployments, observed_deployments())
def test_after_a_plan_is_carried_out_the_next_one_is_empty(wanted: Desired, seen: tuple[Observed, int | None]) -> None:
    observed, version = seen
    target = SimulatedTarget(observed, published(version) if version else None)
    for step in reconcile(wanted, observed, target.decision).steps:
        target.apply(step.operation)
    assert str(reconcile(wanted, target.observed, target.decision)) == "nothing to do"


@given(desired_deployments, observed_deployments())
def test_no_step_leaves_fewer_ready_replicas_than_there_were_or_are_wanted(
    wanted: Desired, seen: tuple[Observed, int | None]
) -> None:
    observed, version = seen
    target = SimulatedTarget(observed, published(version) if version else None)
    enough = min(wanted.replicas, _ready(observed))
    for step in reconcile(wanted, observed, target.decision).steps:
        target.apply(step.operation)
        assert _ready(target.observed) >= enough, f"{step} leaves too few"


@given(desired_deployments, observed_deployments(), st.data())
def test_a_plan_that_was_cut_short_is_finished_by_the_next(
    wanted: Desired, seen: tuple[Observed, int | None], data: st.DataObject
) -> None:
    observed, version = seen
    target = SimulatedTarget(observed, published(version) if version else None)
    plan = reconcile(wanted, observed, target.decision)
    for step in plan.steps[: data.draw(st.integers(0, len(plan.steps)))]:
        target.apply(step.operation)
    for step in reconcile(wanted, target.observed, target.decision).steps:
        target.apply(step.operation)
    assert not reconcile(wanted, target.observed, target.decision)


@given(observed_deployments())
def test_a_teardown_leaves_nothing(seen: tuple[Observed, int | None]) -> None:
    target = SimulatedTarget(seen[0])
    for step in teardown(seen[0], "destroy").steps:
        target.apply(step.operation)
    assert target.observed.is_nothing


def _ready(observed: Observed) -> int:
    return sum(replica.state is State.READY for replica in observed.replicas)
