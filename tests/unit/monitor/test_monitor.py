"""The whole monitor in virtual time: servers that are described, a real store, real rules, a channel that listens."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from seaway.errors import InvalidArgument, ResourceExhausted, Unavailable
from seaway.monitor.alerts.defaults import default_rules
from seaway.monitor.alerts.rule import Rule
from seaway.monitor.alerts.telling import Teller
from seaway.monitor.collect.targets import target
from seaway.monitor.monitor import Monitor, Options
from seaway.monitor.notify.dead_letters import DeadLetters
from seaway.monitor.notify.delivery import Deliveries
from seaway.monitor.notify.message import Notice
from seaway.monitor.query.evaluate import query, rows
from seaway.monitor.target import Target
from seaway.monitor.view import AlertState
from tests.support.fakes import FakeClock

DOWN = Rule("Down", "up == 0", for_s=20.0, severity="page", summary="{{ $labels.instance }} is down")


class Channel:
    """Keeps what it was told."""

    name = "test"

    def __init__(self) -> None:
        self.told: list[tuple[str, list[Notice]]] = []

    def send(self, title: str, body: str, notices: Sequence[Notice]) -> None:
        self.told.append((title, list(notices)))


class World:
    """A monitor of two servers, whose answers a test sets."""

    def __init__(self, directory: Path, rules: Sequence[Rule]) -> None:
        self.clock = FakeClock()
        self.directory = directory
        self.rules = rules
        self.answers: dict[str, str] = {"a:1": "up_for 1\n", "b:1": "up_for 1\n"}
        self.found: list[Target] | InvalidArgument = [target("a:1"), target("b:1")]
        self.channel = Channel()
        self.deliveries = Deliveries(
            [self.channel], DeadLetters(directory / "dead.jsonl"), self.clock, random.Random(1)
        )
        self.monitor = self.started()

    def started(self) -> Monitor:
        return Monitor(
            self.directory, self.discover, self.fetch, self.rules, Teller(self.deliveries), self.clock, Options()
        )

    def discover(self) -> Sequence[Target]:
        if isinstance(self.found, InvalidArgument):
            raise self.found
        return self.found

    def fetch(self, target: Target, timeout_s: float) -> str:
        if target.instance not in self.answers:
            raise Unavailable(f"{target.url} does not answer")
        return self.answers[target.instance]

    def rounds(self, number: int) -> None:
        for _ in range(number):
            self.monitor.round()
            while self.deliveries.queued()["test"]:
                self.deliveries.turn("test")
            self.clock.advance(5.0)

    def states(self) -> list[AlertState]:
        return [each.state for each in self.monitor.alerts()]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, [DOWN])
    yield world
    world.monitor.close()


def test_an_alert_is_pending_then_told_then_resolved(world: World) -> None:
    world.rounds(2)
    del world.answers["b:1"]
    world.rounds(2)
    assert world.states() == [AlertState.PENDING]
    assert world.channel.told == []
    world.rounds(4)
    assert world.states() == [AlertState.FIRING]
    ((_, (notice,)),) = world.channel.told
    assert (notice.state, notice.severity, notice.summary) == ("firing", "page", "b:1 is down")
    world.answers["b:1"] = "up_for 1\n"
    world.rounds(16)
    assert world.states() == [AlertState.RESOLVED]
    assert [told[1][0].state for told in world.channel.told] == ["firing", "resolved"]
    events = world.monitor.store.events(0, round(world.clock.wall() * 1000))
    assert [event.text for event in events] == ["resolved: b:1 is down", "firing: b:1 is down"]


def test_a_restart_neither_tells_again_nor_forgets(world: World) -> None:
    del world.answers["b:1"]
    world.rounds(8)
    assert len(world.channel.told) == 1
    world.monitor.close()
    world.monitor = world.started()
    world.rounds(4)
    assert world.states() == [AlertState.FIRING]
    assert len(world.channel.told) == 1


def test_a_silenced_alert_is_shown_and_not_told(world: World) -> None:
    labels = (("instance", "b:1"), ("job", "seaway"))
    world.monitor.silence("Down", labels, 3600.0, "somebody")
    del world.answers["b:1"]
    world.rounds(8)
    (alert,) = world.monitor.alerts()
    assert alert.state is AlertState.FIRING
    assert alert.silenced_until is not None
    assert world.channel.told == []


def test_servers_that_cannot_be_found_anew_are_those_of_before(world: World) -> None:
    world.rounds(1)
    world.found = InvalidArgument("the file is broken")
    world.rounds(1)
    assert [each.is_up for each in world.monitor.targets()] == [True, True]


def test_a_full_disk_stops_history_and_nothing_else(world: World) -> None:
    world.rounds(1)
    writer = world.monitor.store._writer
    writer.execute(f"PRAGMA max_page_count = {writer.execute('PRAGMA page_count').fetchone()[0]}")
    world.answers["a:1"] = "".join(f'x{{n="{n}"}} 1\n' for n in range(5000))
    world.rounds(2)
    assert [each.is_up for each in world.monitor.targets()] == [True, True]
    stopped(world)
    writer.execute("PRAGMA max_page_count = 1000000")
    world.rounds(1)
    found = query(world.monitor.store, "monitor_samples_lost", round(world.clock.wall() * 1000))
    ((_, pairs),) = rows(found, [0])
    assert pairs[0][1] > 10_000
    world.rounds(4)
    assert world.states() == [AlertState.RESOLVED]
    assert [told[1][0].state for told in world.channel.told] == ["firing", "resolved"]
    assert answer(world, "monitor_history_stopped") == [0.0]


def stopped(world: World) -> None:
    """The alert that shows, and is told, while nothing is kept."""
    (alert,) = world.monitor.alerts()
    assert (alert.rule, alert.state, alert.severity) == ("SeawayMonitorHistoryStopped", AlertState.FIRING, "page")
    assert alert.began_at == world.clock.wall() - 10.0
    assert alert.value > 10_000
    assert alert.summary.startswith(f"History stopped: {world.directory / 'monitor.db'} cannot be written: database or")
    assert "free some on that disk" in alert.summary


def test_an_event_that_fits_where_no_look_does_ends_no_stop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.rounds(1)
    append = world.monitor.store.append

    def full(samples: Sequence[object], *rest: object) -> int:
        if samples:
            raise ResourceExhausted("no room")
        return 0

    monkeypatch.setattr(world.monitor.store, "append", full)
    world.rounds(1)
    world.monitor.silence("SeawayMonitorHistoryStopped", (("problem", "no room"),), 3600.0, "somebody")
    world.rounds(1)
    assert world.states() == [AlertState.FIRING]
    monkeypatch.setattr(world.monitor.store, "append", append)
    world.rounds(4)
    assert world.states() == [AlertState.RESOLVED]


def test_what_cannot_be_summed_up_stops_no_history(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    roll_up = world.monitor.store.roll_up

    def full(now: int) -> None:
        raise ResourceExhausted("no room")

    monkeypatch.setattr(world.monitor.store, "roll_up", full)
    caplog.set_level("INFO")
    world.rounds(8)
    assert world.states() == []
    monkeypatch.setattr(world.monitor.store, "roll_up", roll_up)
    world.rounds(3)
    said = [each.message for each in caplog.records if each.name == "seaway.monitor.monitor"]
    assert said == ["no room; what is old is summed up when there is room again", "tidying works again"]


IDLE = "# TYPE requests_total counter\nrequests_total 7\n"


def answer(world: World, question: str) -> list[float]:
    at = round(world.clock.wall() * 1000) - 5000
    return [pairs[0][1] for _, pairs in rows(query(world.monitor.store, question, at), [at])]


def test_an_idle_counter_answers_zero_and_one_of_a_server_that_is_down_nothing(world: World) -> None:
    world.answers["a:1"] = world.answers["b:1"] = IDLE
    world.rounds(3)
    assert answer(world, "rate(requests_total[1m])") == [0.0, 0.0]
    del world.answers["b:1"]
    world.rounds(20)
    assert answer(world, "rate(requests_total[1m])") == [0.0]
    world.found = []
    world.rounds(20)
    assert answer(world, "rate(requests_total[1m])") == []


def test_a_restart_goes_on_with_what_is_there(world: World) -> None:
    world.answers["a:1"] = IDLE
    world.rounds(3)
    world.monitor.close()
    world.monitor = world.started()
    world.rounds(2)
    assert answer(world, "increase(requests_total[1m])") == [0.0]


def test_a_time_that_was_not_kept_has_no_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.answers["a:1"] = IDLE
    world.rounds(3)
    append = world.monitor.store.append

    def full(*_: object) -> int:
        raise ResourceExhausted("no room")

    monkeypatch.setattr(world.monitor.store, "append", full)
    world.rounds(100)
    monkeypatch.setattr(world.monitor.store, "append", append)
    assert answer(world, "rate(requests_total[1m])") == []
    world.rounds(3)
    assert answer(world, "rate(requests_total[10s])") == [0.0]
    assert answer(world, "rate(requests_total[1m] offset 3m)") == []
    assert answer(world, "rate(requests_total[1m] offset 8m20s)") == [0.0]


def test_every_default_rule_can_be_asked(world: World) -> None:
    world.monitor.close()
    world.rules = default_rules()
    world.monitor = world.started()
    assert len(world.rules) >= 8
    found = world.monitor._book.look(world.monitor.store, world.clock.wall())
    assert found.problems == {}


def test_the_budget_burns_fast_when_every_tenth_request_fails(world: World) -> None:
    world.monitor.close()
    world.rules = default_rules()
    world.monitor = world.started()
    for number in range(30):
        for server in ("a:1", "b:1"):
            world.answers[server] = "# TYPE seaway_requests_total counter\n" + "".join(
                f'seaway_requests_total{{model="m",version="1",api="grpc",code="{code}"}} {number * each}\n'
                for code, each in (("OK", 90), ("INTERNAL", 10))
            )
        world.rounds(1)
    firing = [each for each in world.monitor.alerts() if each.state is AlertState.FIRING]
    assert {each.rule for each in firing} == {"SeawayErrorBudgetBurnsFast", "SeawayErrorBudgetBurnsSlowly"}
    assert firing[0].value == pytest.approx(0.1)
    assert dict(firing[0].labels) == {"model": "m"}
