"""A change from the question to the history, on a target made of data."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from seaway.deploy.deployment import Intent, with_model
from seaway.deploy.description.schema import Autoscale
from seaway.deploy.operations import AnyOperation, Clear, StartMonitor, StartReplica, StopMonitor, StopReplica
from seaway.errors import Aborted, FailedPrecondition
from seaway.fleet.published import PublishedModel
from tests.support.deployment_world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_plan_after_a_deploy_is_empty_and_not_written_down_again(world: World) -> None:
    assert len(world.deploy().steps) == 5
    assert not world.deploy()
    assert [(each.command, each.outcome, each.done) for each in world.history()] == [("deploy", "done", 5)]
    assert world.history()[0].who == "ann@desk"
    assert world.history()[0].steps[0] == "prepare the target: nothing is there yet"


def test_who_says_no_changes_nothing(world: World) -> None:
    world.agrees = False
    assert world.deploy().steps
    assert world.target.applied == []
    assert world.history() == ()
    assert world.state.read("lock.json") is None


def test_a_failing_step_is_taken_back_and_ends_the_plan(world: World) -> None:
    world.deploy()
    world.target.failure = lambda operation: (
        FailedPrecondition("no such image") if isinstance(operation, StartReplica) else None
    )
    world.with_server(image="broken")
    world.target.applied.clear()
    with pytest.raises(FailedPrecondition, match="no such image"):
        world.deploy()
    assert [type(each) for each in world.target.applied] == [StartReplica, StopReplica]
    failed = world.history()[-1]
    assert (failed.outcome, failed.error, failed.done) == ("failed", "no such image", 0)
    assert [each.name for each in world.target.observe().replicas] == ["digits-1"]


def test_an_interrupted_deploy_is_finished_by_the_next(world: World) -> None:
    world.target.failure = lambda operation: KeyboardInterrupt() if isinstance(operation, StartReplica) else None
    with pytest.raises(KeyboardInterrupt):
        world.deploy()
    assert world.history()[-1].outcome == "interrupted"
    assert world.state.read("lock.json") is None
    world.target.failure = lambda _: None
    assert [type(step.operation) for step in world.deploy().steps] == [StartReplica, StartMonitor]
    assert not world.deploy()


def test_a_monitor_that_does_not_start_is_taken_back_and_told_and_nothing_else(world: World) -> None:
    world.target.failure = lambda operation: (
        FailedPrecondition("port 8502 is taken") if isinstance(operation, StartMonitor) else None
    )
    deployment = world.deployment
    outcome = deployment.change(Intent("deploy", "a test asks", deployment.described), world.audience())
    assert outcome.failures == ("create monitor on 127.0.0.1:8502: port 8502 is taken",)
    assert [type(each) for each in world.target.applied[-3:]] == [StartReplica, StartMonitor, StopMonitor]
    entry = world.history()[-1]
    assert (entry.outcome, entry.error, entry.done) == ("done", outcome.failures[0], 4)
    assert [each.name for each in world.target.observe().replicas] == ["digits-1"]
    world.change("scale 2", lambda situation: structs.replace(deployment.deployed(situation), replicas=2))
    assert len(world.shown) == 1, "a change of something else does not try again"
    world.target.failure = lambda _: None
    world.with_server(replicas=2)
    assert [type(step.operation) for step in world.deploy().steps] == [StartMonitor]
    assert not world.deploy()


def test_what_the_monitor_has_kept_outlives_a_teardown_that_keeps_the_history(world: World) -> None:
    for keeps in (False, True):
        world.deploy()
        world.deployment.change(Intent("destroy", "a test asks", None, keeps), world.audience())
        assert world.target.applied[-1] == Clear(keeps_records=keeps)


def test_without_its_packages_no_monitor_is_wanted_beside_the_description(world: World) -> None:
    world.lacks = "nicegui"
    assert not any(isinstance(step.operation, StartMonitor) for step in world.deploy().steps)
    assert not world.deploy(), "what cannot be done is in no plan"


def test_a_newer_version_in_the_store_changes_nothing_by_itself(world: World) -> None:
    world.deploy()
    (world.directory / "models" / "mnist" / "2").mkdir()
    assert not world.deploy()


def test_a_change_of_one_model_leaves_what_was_described_meanwhile(world: World) -> None:
    world.deploy()
    world.with_server(image="another", replicas=4)
    deployment = world.deployment
    model = PublishedModel("mnist", "mnist", (2,))
    world.change("rollout", lambda situation: with_model(deployment.deployed(situation), model))
    assert world.shown == ["[1] publish generation 2 to all replicas: mnist: version 1 → version 2"]


def test_what_was_never_deployed_cannot_be_changed(world: World) -> None:
    with pytest.raises(FailedPrecondition, match="'digits' is not deployed; `seaway deploy` does that"):
        world.change("scale 3", world.deployment.deployed)


def test_with_autoscaling_the_replicas_that_run_stay(world: World) -> None:
    world.description = structs.replace(world.description, autoscale=Autoscale(min=1, max=5))
    world.deploy()
    deployment = world.deployment
    world.change("scale", lambda situation: structs.replace(deployment.deployed(situation), replicas=3))
    assert len(world.target.observe().replicas) == 3
    assert not world.deploy()


def test_a_teardown_leaves_nothing(world: World) -> None:
    world.deploy()
    world.change("destroy", None)
    assert world.target.observe().is_nothing


def test_while_one_deploys_another_is_refused(world: World) -> None:
    def meanwhile(operation: AnyOperation) -> BaseException | None:
        with pytest.raises(Aborted, match="has been busy with `deploy`"):
            world.change("scale 3", None)
        return None

    world.target.failure = meanwhile
    assert world.deploy()
