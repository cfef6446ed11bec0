"""How many replicas there should be, and what the controller makes of it in virtual time."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from seaway.deploy.autoscale.controller import Autoscaler, Hands
from seaway.deploy.autoscale.decision import decide
from seaway.deploy.autoscale.sample import Sample, answered, sample
from seaway.deploy.description.schema import Autoscale
from seaway.deploy.measurements import Firing
from seaway.fleet.report import Report, Series
from tests.support.fakes import FakeClock

SETTINGS = Autoscale(min=1, max=10, target=8.0, up_window_s=15, down_window_s=60)


def samples(*loads: float, replicas: int = 2, every_s: float = 5.0) -> list[Sample]:
    """Loads per replica, one after another."""
    return [Sample(1000 + every_s * number, load * replicas, replicas) for number, load in enumerate(loads)]


@pytest.mark.parametrize(
    ("seen", "replicas", "wanted"),
    [
        pytest.param(samples(*[8.0] * 20), 2, 2, id="at-the-target"),
        pytest.param(samples(*[8.7] * 20), 2, 2, id="within-the-tolerance"),
        pytest.param(samples(*[16.0] * 4), 2, 4, id="twice-the-load-twice-the-replicas"),
        pytest.param(samples(16.0, 16.0, 16.0), 2, 2, id="not-for-long-enough"),
        pytest.param(samples(16.0, 16.0, 8.0, 16.0), 2, 2, id="a-lull-in-between"),
        pytest.param(samples(24.0, 16.0, 12.0, 16.0), 2, 3, id="the-least-of-the-window"),
        pytest.param(samples(*[80.0] * 4), 2, 4, id="at-most-twice-as-many-at-once"),
        pytest.param(samples(*[80.0] * 4, replicas=8), 8, 10, id="at-most-the-most"),
        pytest.param(samples(*[2.0] * 13), 2, 1, id="less-load-fewer-replicas"),
        pytest.param(samples(*[2.0] * 12), 2, 2, id="not-for-long-enough-either"),
        pytest.param(samples(*[2.0] * 6, 8.0, *[2.0] * 6), 2, 2, id="a-burst-in-between"),
        pytest.param(samples(*[0.0] * 13, replicas=1), 1, 1, id="never-below-the-least"),
        pytest.param(samples(*[2.0] * 13, replicas=1), 2, 2, id="nothing-is-stopped-while-one-is-unheard-of"),
        pytest.param([], 2, 2, id="nothing-known"),
        pytest.param([], 12, 10, id="too-many-by-description"),
        pytest.param([], 0, 1, id="too-few-by-description"),
    ],
)
def test_decision(seen: list[Sample], replicas: int, wanted: int) -> None:
    assert decide(seen, replicas, SETTINGS).replicas == wanted


def report(
    name: str, at: float, in_flight: int = 0, requests: int = 0, queued_s: float = 0.0, cpu: float = 0.0
) -> Report:
    series = (Series("m", 1, ok=requests, queue_seconds_sum=queued_s),)
    return Report(name, at, 1.0, in_flight=in_flight, queued=1, cpu_seconds=cpu, series=series)


def test_loads_by_each_metric() -> None:
    before = [report("a", 10), report("b", 10)]
    now = [report("a", 20, 3, 100, 0.5, cpu=5.0), report("b", 20, 5, 50, 0.0, cpu=15.0)]
    assert sample("in_flight", 0, before, now) == Sample(20, 10.0, 2), "what waits counts too"
    assert sample("queue_ms", 0, before, now) == Sample(20, 5.0, 2)
    assert sample("cpu", 2.0, before, now) == Sample(20, 100.0, 2), "25 % and 75 % of two processors"
    assert sample("cpu", 2.0, [], now) is None
    assert sample("in_flight", 0, [], []) is None


def test_the_load_that_the_monitor_knows_is_that_of_all_replicas_together() -> None:
    assert answered((3.0, 4.5), 20, 3) == Sample(20, 7.5, 3)
    assert answered((), 20, 3) is None, "nothing is known"
    assert answered((3.0,), 20, 0) is None, "nobody to divide it by"


class Fleet:
    """Replicas that share a load which a test gives as a function of time."""

    def __init__(self, load: Callable[[float], float]) -> None:
        self.clock = FakeClock(now_s=0.0, wall_s=0.0)
        self.load = load
        self.count = 1
        self.history: list[tuple[float, int]] = []

    def reports(self) -> tuple[Report, ...]:
        each = self.load(self.clock.now()) / self.count
        return tuple(
            Report(f"a-{number}", self.clock.wall(), 1.0, in_flight=round(each)) for number in range(self.count)
        )

    def values(self, question: str) -> tuple[float, ...]:
        assert question == "my_load"
        return (self.load(self.clock.now()) / 2, self.load(self.clock.now()) / 2)

    def firing(self) -> tuple[Firing, ...]:
        raise AssertionError

    def scale(self, replicas: int, cause: str) -> None:
        assert cause
        self.history.append((self.clock.now(), replicas))
        self.count = replicas

    def play(self, seconds: int, settings: Autoscale = SETTINGS) -> list[int]:
        hands = Hands(self.reports, lambda: self.count, self.scale, self.clock, self)
        scaler = Autoscaler(hands, settings, 0.0)
        for _ in range(seconds):
            scaler.tick()
            self.clock.advance(1.0)
        return [replicas for _, replicas in self.history]


def test_a_step_of_load_is_followed_up_and_down() -> None:
    fleet = Fleet(lambda now: 40.0 if now < 120 else 8.0)
    assert fleet.play(400) == [2, 4, 5, 2, 1]
    assert fleet.history[0][0] == pytest.approx(15.0, abs=2.0)


def test_the_answer_to_a_question_is_followed_as_well() -> None:
    settings = replace(SETTINGS, metric="query", query="my_load")
    assert Fleet(lambda now: 40.0 if now < 120 else 8.0).play(400, settings) == [2, 4, 5, 1]


def test_an_oscillating_load_does_not_make_it_flap() -> None:
    fleet = Fleet(lambda now: 24.0 + 14.0 * math.sin(now / 4.0))
    assert len(fleet.play(600)) <= 3


def test_a_short_burst_changes_nothing() -> None:
    assert Fleet(lambda now: 80.0 if 50 <= now < 60 else 8.0).play(200) == []
