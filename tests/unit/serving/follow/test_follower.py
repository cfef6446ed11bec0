"""Following a decision, step by step in virtual time."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from seaway.errors import FailedPrecondition
from seaway.fleet.published import FILE_NAME, Generation, Published, PublishedModel, Traffic
from seaway.repository.snapshot import RepositoryView
from seaway.serving.follow.decision import DecisionFile
from seaway.serving.follow.follower import Follower, Hands
from seaway.serving.follow.model_configs import Places
from seaway.settings.model_config import ModelList
from tests.support.fakes import FakeClock


class World:
    """A state directory, and hands that remember what they were told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = FakeClock()
        self.applied: list[ModelList] = []
        self.told: list[str] = []
        self.engine_error: FailedPrecondition | None = None
        hands = Hands(
            self.applied.append,
            self.view,
            lambda model, parameters: self.told.append(f"batching {model} {parameters}"),
            lambda model: self.told.append(f"batching {model} forgotten"),
            self.switch,
        )
        self.follower = Follower(
            "a-1", Places(Path("/store"), Path("/logs")), DecisionFile(directory), hands, self.clock
        )

    def view(self) -> RepositoryView:
        return {}

    def switch(self, model: str, engine: str) -> None:
        self.told.append(f"engine {model} {engine}")
        if self.engine_error is not None:
            raise self.engine_error

    def publish(self, generation: Generation) -> None:
        partial = self.directory / "partial"
        partial.write_bytes(msgspec.json.encode(generation))
        partial.replace(self.directory / FILE_NAME)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def decision(version: int, **fields: object) -> Published:
    return Published((PublishedModel("m", "m", (version,), **fields),))  # type: ignore[arg-type]


def versions(world: World) -> list[set[int]]:
    return [set(list_.models[0].version_policy.versions) for list_ in world.applied]  # type: ignore[union-attr]


def test_each_generation_is_followed_once(world: World) -> None:
    world.follower.look()
    assert world.follower.followed().generation == 0
    world.publish(Generation(1, decision(1)))
    world.follower.look()
    world.follower.look()
    world.publish(Generation(2, decision(2)))
    world.follower.look()
    assert versions(world) == [{1}, {2}]
    assert world.follower.followed().generation == 2


def test_who_is_not_among_the_first_keeps_the_decision_before(world: World) -> None:
    world.publish(Generation(2, decision(2), first=("a-2",), before=decision(1)))
    world.follower.look()
    world.publish(Generation(3, decision(2), first=("a-2", "a-1"), before=decision(1)))
    world.follower.look()
    assert versions(world) == [{1}, {2}]


def test_a_staggered_generation_is_begun_at_this_replicas_moment(world: World) -> None:
    world.publish(Generation(1, decision(1), stagger_s=1000.0))
    world.follower.look()
    assert versions(world) == [{1}], "nobody is disturbed by the first one"
    world.publish(Generation(2, decision(2), stagger_s=1000.0))
    world.follower.look()
    assert versions(world) == [{1}]
    world.clock.advance(1000.0)
    world.follower.look()
    assert versions(world) == [{1}, {2}]


@pytest.mark.parametrize("content", [b"", b'{"generation": 1', b'{"generation": "x", "published": {}}'])
def test_what_cannot_be_read_changes_nothing(world: World, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    world.publish(Generation(1, decision(1)))
    world.follower.look()
    (world.directory / FILE_NAME).write_bytes(content)
    world.follower.look()
    world.follower.look()
    assert versions(world) == [{1}]
    assert sum("cannot be read, what is served stays" in each.message for each in caplog.records) == 1


def test_batching_is_set_changed_and_forgotten(world: World) -> None:
    for number, batching in enumerate([{"max_batch_size": 8}, {"max_batch_size": 8}, {"enabled": False}, {}], start=1):
        world.publish(Generation(number, decision(1, batching=batching)))
        world.follower.look()
    assert world.told == [
        'batching m {"max_batch_size": 8}',
        'batching m {"enabled": false}',
        "batching m forgotten",
    ]


def test_an_engine_that_does_not_take_a_model_is_a_problem_of_that_generation(world: World) -> None:
    world.publish(Generation(1, decision(1)))
    world.follower.look()
    world.engine_error = FailedPrecondition("engine onnx does not take it")
    world.publish(Generation(2, decision(1, engine="onnx")))
    world.follower.look()
    assert world.told == ["engine m onnx"]
    assert world.follower.followed().standing.problem == "engine onnx does not take it"
    world.publish(Generation(3, decision(1, traffic=Traffic(1))))
    world.follower.look()
    assert world.follower.followed().standing.problem == ""
    assert world.applied[-1].models[0].traffic == Traffic(1)
