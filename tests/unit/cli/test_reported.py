"""A deployment as its state directory shows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from seaway.cli.reported import ReportedDeployment
from seaway.cli.watched import EndedChanges
from seaway.deploy import history
from seaway.deploy.history import Entry, Outcome
from seaway.deploy.state import StateDirectory
from seaway.errors import Unavailable
from seaway.fleet.report import DIRECTORY, Report
from tests.support.fakes import FakeClock
from tests.support.simulated_deployment import desired


def write(state: Path, report: Report) -> None:
    (state / DIRECTORY).mkdir(parents=True, exist_ok=True)
    (state / DIRECTORY / f"{report.replica}.json").write_bytes(msgspec.json.encode(report))


def resolve(name: str) -> Sequence[str]:
    if name == "digits-1":
        return ("10.0.0.1",)
    raise Unavailable(f"{name} cannot be resolved")


def deployed(state: Path) -> tuple[ReportedDeployment, FakeClock]:
    clock = FakeClock()
    history.begin(
        StateDirectory(state), Entry(0, clock.wall(), "ann@a", "deploy", outcome="done", seconds=2.0, desired=desired())
    )
    return ReportedDeployment(state, resolve, clock), clock


def test_replicas_that_report_are_found_by_their_names(tmp_path: Path) -> None:
    reported, clock = deployed(tmp_path)
    write(tmp_path, Report("digits-1", clock.wall(), 1.0))
    write(tmp_path, Report("digits-2", clock.wall() - 30.0, 1.0))
    write(tmp_path, Report("digits-9", clock.wall() - 3600.0, 1.0))
    found = reported.targets()
    assert [(each.instance, each.labels) for each in found] == [
        ("digits-1", (("project", "digits"),)),
        ("digits-2", (("project", "digits"),)),
    ], "one that is silent for a while is down, one that is silent for long is gone"
    assert found[0].url.startswith("http://digits-1:8501/")
    assert reported.names() == {"10.0.0.1": "digits-1"}


def test_what_they_say_is_what_a_deployment_that_is_at_hand_says(tmp_path: Path) -> None:
    reported, clock = deployed(tmp_path)
    write(tmp_path, Report("digits-1", clock.wall(), 1.0, ready=True, memory_bytes=100, in_flight=2, cpu_seconds=1.0))
    first = {each.series.name: each.point.value for each in reported.samples(1)}
    assert first == {"replica_ready": 1.0, "replica_memory_bytes": 100.0, "replica_in_flight": 2.0}
    write(tmp_path, Report("digits-1", clock.wall() - 20.0, 1.0, ready=True, cpu_seconds=3.0))
    second = {each.series.name: each.point.value for each in reported.samples(2)}
    assert (second["replica_ready"], second["replica_cpu_seconds_total"]) == (0.0, 2.0)


def test_what_was_done_to_it_is_told(tmp_path: Path) -> None:
    reported, clock = deployed(tmp_path)
    (event,) = reported.events(clock.wall(), clock.wall() + 10.0)
    assert (event.kind, event.labels, event.text) == ("deployment", {"project": "digits"}, "deploy by ann@a: done")
    assert event.at == round((clock.wall() + 2.0) * 1000)
    assert reported.events(clock.wall(), clock.wall() + 10.0) == []


def test_what_ended_before_the_monitor_began_is_not_told(tmp_path: Path) -> None:
    reported, clock = deployed(tmp_path)
    assert reported.events(clock.wall() + 5.0, clock.wall() + 10.0) == []


def entry(number: int, at: float, outcome: Outcome, seconds: float = 0.0) -> Entry:
    return Entry(number, at, "ann@a", "scale 3", outcome=outcome, seconds=seconds)


def test_a_change_that_is_written_down_after_its_end_is_told_once() -> None:
    ended = EndedChanges()
    assert ended.since_asked([entry(1, 100.0, "running")], after=90.0) == []
    # It has taken 3 s, and was asked for at 104: by its time it is older than that question.
    done = entry(1, 100.0, "done", seconds=3.0)
    assert ended.since_asked([done], after=104.0) == [done]
    assert ended.since_asked([done], after=105.0) == []


def test_a_change_that_was_cut_off_and_one_of_another_deployment_are_told() -> None:
    ended = EndedChanges()
    assert ended.since_asked([entry(1, 100.0, "running")], after=90.0) == []
    cut_off = entry(1, 100.0, "interrupted")
    assert ended.since_asked([cut_off, entry(2, 200.0, "running")], after=200.0) == [cut_off]
    assert ended.since_asked([], after=300.0) == []
    other = entry(1, 400.0, "failed")
    assert ended.since_asked([other], after=500.0) == [other]


def test_nothing_there_yet_is_nothing_wrong(tmp_path: Path) -> None:
    reported = ReportedDeployment(tmp_path / "digits", resolve, FakeClock())
    assert (reported.targets(), reported.samples(1), reported.events(0.0, 1.0)) == ([], [], [])
