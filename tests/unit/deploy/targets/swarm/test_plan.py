"""Plans for Swarm."""

from __future__ import annotations

from msgspec import structs

from seaway.deploy.desired import Desired, GpuRequest, MonitorSpec, Promise, SecretRef
from seaway.deploy.observed import Observed, ObservedObject, PublishedNow
from seaway.deploy.operations import ApplyObject, Clear, Prepare, Publish, RemoveObject
from seaway.deploy.plan import Plan
from seaway.deploy.targets.swarm.monitor import monitor_wanted
from seaway.deploy.targets.swarm.objects import wanted
from seaway.deploy.targets.swarm.plan import plan, teardown
from seaway.fleet.published import Published
from tests.support.simulated_deployment import desired, monitor, published


def carried_out(made: Plan, observed: Observed) -> Observed:
    """What is there after a plan on a Swarm that does everything it is told."""
    objects = {(each.kind, each.name): each for each in observed.objects}
    for step in made.steps:
        match step.operation:
            case Prepare():
                observed = structs.replace(observed, is_prepared=True)
            case Publish(generation, decision):
                observed = structs.replace(observed, published=PublishedNow(generation, decision.digest))
            case ApplyObject(kind, name, digest, new):
                objects[kind, name] = ObservedObject(kind, name, digest, new)
            case RemoveObject(kind, name):
                del objects[kind, name]
            case Clear():
                observed = structs.replace(observed, is_prepared=False)
    return structs.replace(observed, objects=tuple(objects.values()))


def with_secret(fingerprint: str) -> MonitorSpec:
    return structs.replace(
        monitor(),
        image="seaway:1",
        state="/store/.seaway",
        secrets=(SecretRef("monitor-password", fingerprint),),
        promises=(Promise("mnist", 0.01, 50.0),),
    )


def deployed(what: Desired) -> Observed:
    return carried_out(plan(what, Observed(), None), Observed())


def test_golden_plan_of_a_first_deploy_and_the_next_is_empty() -> None:
    assert str(plan(desired(2), Observed(), None)) == (
        "[1] prepare the target: nothing is there yet\n"
        "[2] publish generation 1 to all replicas: no decision on what is served is published yet\n"
        "[3] create network seaway-digits: it is not there yet\n"
        "[4] create service digits-ingress: it is not there yet\n"
        "[5] create service digits: it is not there yet"
    )
    assert not plan(desired(2), deployed(desired(2)), published(1))


def test_each_change_is_the_smallest() -> None:
    there = deployed(desired(2))
    cases: list[tuple[Desired, str]] = [
        (desired(5), "[1] change service digits: Mode.Replicated.Replicas 2 → 5"),
        (desired(2, image="b"), "[1] change service digits: TaskTemplate.ContainerSpec.Image a → b"),
        (desired(2, version=2), "[1] publish generation 2 to all replicas: mnist: version 1 → version 2"),
    ]
    for wanted_now, text in cases:
        made = plan(wanted_now, there, published(1))
        assert str(made) == text
        assert not plan(wanted_now, carried_out(made, there), wanted_now.published)


def test_a_publication_is_taken_back_by_the_decision_before() -> None:
    (step,) = plan(desired(2, version=2), deployed(desired(2)), published(1)).steps
    undo = step.undo
    assert isinstance(undo, Publish)
    assert (undo.generation, undo.published) == (3, published(1))


def test_a_new_token_is_a_new_secret_and_the_old_one_goes_last() -> None:
    def with_token(fingerprint: str) -> Desired:
        spec = structs.replace(desired().replica, secrets=(SecretRef("token-1", fingerprint),))
        return structs.replace(desired(), replica=spec)

    made = plan(with_token("new"), deployed(with_token("old")), published(1))
    kinds = [type(step.operation).__name__ for step in made.steps]
    assert kinds == ["ApplyObject", "ApplyObject", "RemoveObject"]
    assert str(made.steps[0].operation) == "create secret digits-tokens-new"
    assert str(made.steps[-1].operation) == "remove secret digits-tokens-old"


def test_the_monitor_comes_last_and_may_fail_and_other_changes_leave_it_alone() -> None:
    first = plan(desired(2, monitor=with_secret("a")), Observed(), None)
    assert [str(step.operation) for step in first.steps[-2:]] == [
        "create secret digits-monitor-password-a",
        "create service digits-monitor",
    ]
    assert [step.dispensable for step in first.steps] == [False] * 5 + [True] * 2
    there = carried_out(first, Observed())
    assert not plan(desired(2, monitor=with_secret("a")), there, published(1))
    changed = plan(desired(2, monitor=with_secret("b")), there, published(1))
    assert [str(step.operation) for step in changed.steps] == [
        "create secret digits-monitor-password-b",
        "change service digits-monitor",
        "remove secret digits-monitor-password-a",
    ]
    assert all(step.dispensable for step in changed.steps)
    scaled = plan(desired(3, monitor=with_secret("b"), leaves_monitor=True), there, published(1))
    assert str(scaled) == "[1] change service digits: Mode.Replicated.Replicas 2 → 3"
    assert [str(step.operation) for step in plan(desired(2), there, published(1)).steps] == [
        "remove service digits-monitor",
        "remove secret digits-monitor-password-a",
    ]


def test_the_monitor_has_no_rights_and_finds_tasks_by_their_name() -> None:
    *_, service = monitor_wanted(desired(2, monitor=with_secret("a")))
    container = service.body["TaskTemplate"]["ContainerSpec"]
    assert (container["ReadOnly"], container["CapabilityDrop"]) == (True, ["ALL"])
    assert "docker.sock" not in str(container)
    words = " ".join([*container["Command"], *container["Args"]])
    assert "-m seaway monitor --state /seaway/state --dns tasks.digits:8501" in words
    assert "--objective mnist:error_rate=0.01,p99_ms=50.0" in words
    assert "--password-file /seaway/secrets/monitor-password" in words
    assert service.body["UpdateConfig"]["Order"] == "stop-first"
    assert service.body["TaskTemplate"]["Placement"] == {"Constraints": ["node.role == manager"]}


def test_an_update_that_swarm_paused_is_tried_again() -> None:
    there = deployed(desired(2))
    paused = tuple(
        structs.replace(each, problem="its update was paused") if each.name == "digits" else each
        for each in there.objects
    )
    made = plan(desired(2), structs.replace(there, objects=paused), published(1))
    assert str(made) == "[1] change service digits: its update was paused"


def test_a_teardown_takes_the_monitor_first_and_services_before_what_they_need() -> None:
    there = deployed(desired(2, monitor=with_secret("a")))
    lines = [str(step.operation) for step in teardown(there, "asked by hand", "digits").steps]
    assert lines == [
        "remove service digits-monitor",
        "remove secret digits-monitor-password-a",
        "remove service digits",
        "remove service digits-ingress",
        "remove network seaway-digits",
        "remove what is left of the deployment",
    ]
    assert not teardown(Observed(), "asked by hand", "digits")


def test_updates_never_take_a_replica_away_and_fail_back() -> None:
    service = wanted(desired(2))[-1].body
    assert service["UpdateConfig"]["Order"] == "start-first"
    assert service["UpdateConfig"]["FailureAction"] == "rollback"
    assert service["EndpointSpec"] == {"Mode": "dnsrr"}
    assert service["TaskTemplate"]["ContainerSpec"]["ReadOnly"] is True


def test_gpus_are_a_resource_of_nodes() -> None:
    spec = structs.replace(desired().replica, gpu=GpuRequest(count=2))
    service = wanted(structs.replace(desired(), replica=spec))[-1].body
    generic = service["TaskTemplate"]["Resources"]["Reservations"]["GenericResources"]
    assert generic == [{"DiscreteResourceSpec": {"Kind": "NVIDIA-GPU", "Value": 2}}]


def test_what_was_published_before_is_no_matter_when_nothing_was() -> None:
    assert plan(desired(2), Observed(is_prepared=True), Published()).steps[0].operation == Publish(
        1, published(1), None, (), 240.0
    )
