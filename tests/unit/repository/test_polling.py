"""The schedule of looks."""

from __future__ import annotations

import logging

import pytest

from seaway import errors
from seaway.repository.options import SourceOptions
from seaway.repository.polling import Poller
from seaway.repository.source import Look
from seaway.settings.model_config import LatestVersions, ModelConfig
from tests.support.fakes import FakeClock, FakeExecutor, FakeSource, model_config


class World:
    """A poller in virtual time."""

    def __init__(self, wait_s: float = 5.0) -> None:
        self.clock, self.executor, self.source = FakeClock(), FakeExecutor(), FakeSource()
        options = SourceOptions(file_system_poll_wait_s=wait_s, settle_s=1.0)
        self.poller = Poller(self.source, options, self.executor, self.clock)
        self.seen: list[tuple[str, Look]] = []

    def tick(self) -> float | None:
        return self.poller.tick(self.note, lambda: None)

    def note(self, config: ModelConfig, look: Look) -> None:
        self.seen.append((config.name, look))

    def pass_time(self, seconds: float) -> float | None:
        self.clock.advance(seconds)
        return self.tick()


def test_every_model_is_looked_at_at_once_and_then_at_its_interval() -> None:
    world = World(wait_s=5.0)
    world.poller.watch([model_config("a"), model_config("b")])

    assert world.tick() == 5.0
    assert world.pass_time(4.0) == 1.0
    assert world.source.looked == ["a", "b"]
    world.pass_time(1.0)

    assert world.source.looked == ["a", "b", "a", "b"]


def test_what_still_settles_is_looked_at_again_soon() -> None:
    world = World(wait_s=60.0)
    world.source.looks["a"] = Look(None, is_settling=True)
    world.poller.watch([model_config("a")])

    assert world.tick() == 1.0


def test_zero_looks_until_everything_has_settled_and_never_again() -> None:
    world = World(wait_s=0.0)
    world.source.looks["a"] = Look(None, is_settling=True)
    world.poller.watch([model_config("a")])
    assert world.tick() == 1.0

    world.source.holds("a", 1)

    assert world.pass_time(1.0) is None
    assert len(world.seen) == 2


def test_negative_never_looks() -> None:
    world = World(wait_s=-1.0)
    world.poller.watch([model_config("a")])

    assert world.tick() is None
    assert world.source.looked == []


def test_look_that_hangs_concerns_its_own_model_only_and_is_not_begun_twice() -> None:
    world = World(wait_s=1.0)
    world.executor.hang("look a")
    world.poller.watch([model_config("a"), model_config("b")])

    for _ in range(3):
        world.tick()
        world.clock.advance(1.0)

    assert world.source.looked == ["b", "b", "b"]
    assert world.executor.submitted.count("look a") == 1
    world.executor.release("look a")
    world.tick()
    assert "a" in [name for name, _ in world.seen]


def test_answer_for_a_model_that_was_removed_meanwhile_is_dropped() -> None:
    world = World()
    world.executor.hang("look a")
    world.poller.watch([model_config("a")])
    world.tick()

    assert world.poller.watch([]) == ["a"]
    world.executor.release("look a")
    world.tick()

    assert world.seen == []
    assert world.source.forgotten == ["a"]


def test_changed_model_is_looked_at_anew_and_an_unchanged_one_is_not() -> None:
    world = World()
    world.poller.watch([model_config("a"), model_config("b")])
    world.tick()

    assert world.poller.watch([model_config("a", version_policy=LatestVersions(2)), model_config("b")]) == []
    assert not world.poller.watched()["a"].is_looked_at
    world.tick()

    assert world.source.looked == ["a", "b", "a"]
    assert world.poller.watched()["a"].is_looked_at


def test_problem_is_logged_once_until_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    world = World(wait_s=1.0)
    world.source.fails("a", errors.NotFound("base path is missing"))
    world.poller.watch([model_config("a")])

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            world.tick()
            world.clock.advance(1.0)

    assert caplog.text.count("base path is missing; it is looked for every 1 s") == 1
    assert caplog.text.count("base path is missing") == 1
    problem = world.poller.watched()["a"].problem
    assert problem is not None
    assert problem.message == "base path is missing"


def test_source_that_breaks_becomes_a_problem_of_that_model() -> None:
    world = World()

    def broken(model: ModelConfig) -> Look:
        raise ZeroDivisionError(model.name)

    world.source.look = broken  # type: ignore[method-assign]
    world.poller.watch([model_config("a")])
    world.tick()

    assert isinstance(world.poller.watched()["a"].problem, errors.Internal)
