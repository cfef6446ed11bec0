"""Only one scales a deployment at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from msgspec import structs

from seaway.cli.deploy.scaling import LOCK, alone, autoscaler, check, keep_scaling
from seaway.deploy.deployment import Deployment
from seaway.deploy.description.schema import Autoscale
from seaway.errors import Aborted, InvalidArgument
from tests.support.deployment_world import World


def scaled(directory: Path, **settings: object) -> tuple[World, Deployment]:
    world = World(directory)
    world.description = structs.replace(world.description, autoscale=Autoscale(min=2, max=5, **settings))  # type: ignore[arg-type] # keys of the description
    return world, world.deployment


@pytest.mark.parametrize(
    ("target", "most", "said"),
    [("process", 0, "autoscaling is off"), ("kubernetes", 4, "the HorizontalPodAutoscaler scales")],
)
def test_what_cannot_be_scaled_is_refused(tmp_path: Path, target: str, most: int, said: str) -> None:
    description = structs.replace(World(tmp_path).description, target=target, autoscale=Autoscale(max=most))
    with pytest.raises(InvalidArgument, match=said):
        check(description)


def test_the_number_is_changed_by_a_plan_that_leaves_the_monitor_alone(tmp_path: Path) -> None:
    world, _ = scaled(tmp_path)
    world.deploy()
    assert len(world.target.observe().replicas) == 2
    world.description = structs.replace(world.description, autoscale=Autoscale(min=3, max=5))
    changed: list[tuple[int, str]] = []
    autoscaler(world.deployment, world.audience(), lambda *each: changed.append(each)).tick()
    assert changed == [(3, "2 is outside of 3 to 5")]
    assert world.history()[-1].command == "autoscale 3"
    assert len(world.target.observe().replicas) == 3


def test_while_one_scales_another_is_refused_and_says_who(tmp_path: Path) -> None:
    _, deployment = scaled(tmp_path)
    with (
        alone(deployment, "autoscale"),
        pytest.raises(Aborted, match="has been busy with `autoscale`"),
        alone(deployment, "autoscale"),
    ):
        raise AssertionError("two scale")
    assert deployment.site.state.read(LOCK) is None


def test_who_waits_for_another_to_end_says_so_once(tmp_path: Path) -> None:
    _, deployment = scaled(tmp_path)
    stop, told, waits = threading.Event(), [], []

    def waited() -> None:
        if threading.current_thread() is threading.main_thread():  # whoever holds a lock renews it in another
            waits.append(True)
            if len(waits) == 3:
                stop.set()

    deployment.clock.on_wait = waited  # type: ignore[attr-defined] # a fake clock
    with alone(deployment, "autoscale"):
        keep_scaling(deployment, stop, told.append)
    assert len(told) == 1
    assert "not scaling: ann@desk" in told[0]
