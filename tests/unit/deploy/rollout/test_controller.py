"""Driving a rollout in virtual time, with replicas that report what a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from seaway.deploy.description.schema import Objective, Rollout
from seaway.deploy.measurements import Firing
from seaway.deploy.rollout import record
from seaway.deploy.rollout.controller import Alter, Hands, RolloutController, Rules
from seaway.deploy.state import StateDirectory
from seaway.errors import Aborted, FailedPrecondition, Unavailable
from seaway.fleet.published import PublishedModel, Traffic
from seaway.fleet.report import Comparison, Report, Series
from tests.support.fakes import FakeClock

SETTINGS = Rollout(shadow=1.0, shadow_s=10, canary=[0.5], stage_s=10, bake_s=10, min_samples=50, patience_s=100)


class World:
    """One model on one replica that answers a hundred requests a second, spread as it is told."""

    def __init__(self, directory: Path) -> None:
        self.state = StateDirectory(directory)
        self.clock = FakeClock()
        self.model = PublishedModel("m", "m", (6,), traffic=Traffic(6))
        self.changes: list[str] = []
        self.candidate_fails = False
        self.refusal: Callable[[], Exception | None] = lambda: None
        self.counts = {(6, "live"): 0, (7, "live"): 0, (7, "shadow"): 0}
        self.failed = 0
        self.agreed = 0
        self.settings = SETTINGS
        self.monitor_is_up = True
        self.alerts: tuple[Firing, ...] = ()
        self._last = self.clock.now()

    def controller(self) -> RolloutController:
        hands = Hands(self.state, self.reports, self.change, self.clock, self)
        return RolloutController(hands, Rules(self.settings, Objective(), lambda live: (live,)), "m")

    def values(self, question: str) -> tuple[float, ...]:
        raise AssertionError(question)

    def firing(self) -> tuple[Firing, ...]:
        if not self.monitor_is_up:
            raise Unavailable("no monitor answers")
        return self.alerts

    def change(self, command: str, cause: str, alter: Alter) -> None:
        refusal = self.refusal()
        if refusal is not None:
            raise refusal
        self._answer()
        self.model = alter(self.model)
        self.changes.append(f"{command} ({cause})")

    def reports(self) -> tuple[Report, ...]:
        self._answer()
        bounds = (0.01,)
        series = [
            Series("m", version, kind, ok, 0, 0, bounds, (ok, 0)) for (version, kind), ok in self.counts.items() if ok
        ]
        if self.failed:
            series = [each for each in series if (each.version, each.kind) != (7, "live")]
            ok = self.counts[7, "live"]
            series.append(Series("m", 7, "live", ok, 0, self.failed, bounds, (ok + self.failed, 0)))
        comparisons = (Comparison("m", 6, 7, self.agreed),)
        return (Report("a-1", self.clock.wall(), 1.0, series=tuple(series), comparisons=comparisons),)

    def _answer(self) -> None:
        requests = int(100 * (self.clock.now() - self._last))
        self._last = self.clock.now()
        traffic = self.model.traffic
        assert traffic is not None
        on_candidate = int(requests * traffic.canary) if traffic.live == 6 else requests
        if self.candidate_fails:
            self.failed += on_candidate
        else:
            self.counts[7, "live"] += on_candidate
        self.counts[6, "live"] += requests - on_candidate
        if traffic.live == 6 and traffic.shadow:
            self.counts[7, "shadow"] += requests - on_candidate
            self.agreed += requests - on_candidate


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_good_version_walks_through_all_stages_and_is_promoted(world: World) -> None:
    controller, told = world.controller(), []
    controller.begin(6, 7, "ann")
    ended = controller.run(threading.Event(), lambda rollout, text: told.append(f"{rollout.now}: {text}"))
    assert ended.outcome == "promoted"
    assert world.model == PublishedModel("m", "m", (7,), traffic=Traffic(7))
    assert [change.partition(":")[0] for change in world.changes] == [
        "rollout m 7 (shadow 100%",
        "rollout m 7 (canary 50%",
        "rollout m 7 (bake",
        "rollout m 7 (promote",
    ]
    assert [note.stage for note in ended.notes] == ["shadow 100%", "canary 50%", "bake"]


def test_a_bad_version_goes_back_by_itself_with_its_reason(world: World) -> None:
    controller = world.controller()
    controller.begin(6, 7, "ann")
    world.candidate_fails = True
    ended = controller.run(threading.Event(), lambda *_: None)
    assert ended.outcome == "rolled back"
    assert "requests failed, allowed are 1.00%" in ended.notes[-1].text
    assert world.model == PublishedModel("m", "m", (6,), traffic=Traffic(6))


def test_an_alert_that_begins_to_fire_takes_the_version_back(world: World) -> None:
    world.settings = replace(SETTINGS, alerts=["Slow"])
    controller = world.controller()
    controller.begin(6, 7, "ann")
    world.alerts = (Firing("Slow", {"model": "m"}, world.clock.wall() + 1),)
    ended = controller.run(threading.Event(), lambda *_: None)
    assert (ended.outcome, ended.notes[-1].text) == ("rolled back", "alert Slow fires")


def test_without_the_monitor_that_it_asks_a_rollout_stays_where_it_is(world: World) -> None:
    world.settings = replace(SETTINGS, alerts=["Slow"])
    controller = world.controller()
    controller.begin(6, 7, "ann")
    world.monitor_is_up = False
    stop, told = threading.Event(), []

    def tell(_: record.Rollout, text: str) -> None:
        told.append(text)
        if len(told) == 100:
            stop.set()

    stage = controller.run(stop, tell).now
    assert (stage.name, set(told)) == ("shadow", {"waiting: no monitor answers"})


def test_a_version_that_cannot_be_loaded_ends_its_rollout(world: World) -> None:
    world.refusal = lambda: FailedPrecondition("a-1 cannot serve it: an unknown op")
    with pytest.raises(FailedPrecondition):
        world.controller().begin(6, 7, "ann")
    found = record.read(world.state, "m")
    assert found is not None
    assert (found.outcome, found.notes[-1].text) == ("rolled back", "a-1 cannot serve it: an unknown op")
    world.refusal = lambda: None
    world.controller().begin(6, 7, "ann")


def test_one_rollout_of_a_model_at_a_time(world: World) -> None:
    world.controller().begin(6, 7, "ann")
    with pytest.raises(FailedPrecondition, match="m 7 is being rolled out by ann, at shadow 100%"):
        world.controller().begin(6, 8, "bob")


def test_another_process_goes_on_where_one_stopped(world: World) -> None:
    stop = threading.Event()
    first = world.controller()
    first.begin(6, 7, "ann")
    stop.set()
    assert first.run(stop, lambda *_: None).is_under_way
    assert world.controller().run(threading.Event(), lambda *_: None).outcome == "promoted"


def test_a_rollback_by_hand_stops_whoever_drives(world: World) -> None:
    controller = world.controller()
    controller.begin(6, 7, "ann")
    by_hand = world.controller().roll_back("bob")
    assert (by_hand.outcome, by_hand.notes[-1].text) == ("rolled back", "by hand, bob")
    changes = list(world.changes)
    assert controller.run(threading.Event(), lambda *_: None).outcome == "rolled back"
    assert world.changes == changes, "nothing more was changed"
    assert world.model.versions == (6,)


def test_a_step_that_was_decided_before_a_rollback_by_hand_is_not_made(world: World) -> None:
    controller = world.controller()
    controller.begin(6, 7, "ann")
    world.clock.advance(11)
    world.reports()
    refusals = iter([None])

    def hand_is_quicker() -> Exception | None:
        next(refusals, None)
        world.refusal = lambda: None
        world.controller().roll_back("bob")
        return None

    world.refusal = hand_is_quicker
    assert controller.run(threading.Event(), lambda *_: None).outcome == "rolled back"
    assert world.model == PublishedModel("m", "m", (6,), traffic=Traffic(6))


@pytest.mark.parametrize("error", [Aborted("ann is busy"), Unavailable("the engine is away")])
def test_what_passes_is_waited_for(world: World, error: Exception) -> None:
    controller, told = world.controller(), []
    controller.begin(6, 7, "ann")
    failures = [error, error]
    world.refusal = lambda: failures.pop() if failures else None
    ended = controller.run(threading.Event(), lambda _, text: told.append(text))
    assert ended.outcome == "promoted"
    assert f"waiting: {error}" in told


@pytest.mark.parametrize(("model", "name"), [("m", "rollout-m.json"), ("a/b c", "rollout-a%2fb%20c.json")])
def test_a_model_of_any_name_has_a_document(model: str, name: str) -> None:
    assert record.document(model) == name
