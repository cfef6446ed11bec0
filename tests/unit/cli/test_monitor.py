"""`seaway monitor`: what it is asked wrongly, and what it takes from a deployment's history."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seaway.cli.main import run
from seaway.cli.watched import WatchedDeployment
from seaway.deploy import history
from seaway.deploy.history import Entry
from seaway.deploy.observed import Observed, Replica, State
from seaway.deploy.state import StateDirectory
from seaway.fleet.report import Report


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no server is named"),
        (["ftp://x"], "is no address"),
        (["a:1", "--listen", "8502"], "expected ADDRESS:PORT"),
        (["a:1", "--notify", "team"], "expected NAME=FILE"),
        (["a:1", "--notify", "team=/nowhere/file"], "cannot be read"),
        (["a:1", "--rules", "/nowhere/rules.yml"], "cannot be read"),
        (["--prometheus", "localhost:9090"], "expected a URL"),
        (["a:1", "--prometheus", "http://localhost:9090"], "name no others"),
        (["a:1", "--remote-write", "prometheus:9090"], "expected a URL"),
        (["a:1", "--remote-write", "http://me:secret@p/"], "--remote-write-auth"),
        (["a:1", "--remote-write", "http://p/", "--remote-write-auth", "/nowhere/file"], "cannot be read"),
        (["a:1", "--remote-write-auth", "/nowhere/file"], "1 times and --remote-write 0 times"),
        (["--prometheus", "http://p:9090", "--remote-write", "http://p/"], "with --prometheus nothing is"),
    ],
)
def test_what_is_asked_wrongly_is_told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["monitor", "--directory", str(tmp_path), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_description_in_this_directory_is_taken_when_nothing_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "seaway.yaml").write_text("project: [")
    monkeypatch.chdir(tmp_path)
    assert run(["monitor", "--directory", str(tmp_path / "kept")]) == 2
    assert "seaway.yaml" in capsys.readouterr().err


def test_changes_of_a_deployment_are_told_once_they_have_ended(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    for entry in (
        Entry(0, 100.0, "ann@a", "deploy", outcome="done", seconds=5.0),
        Entry(0, 200.0, "ann@a", "rollout digits 7", outcome="failed", seconds=10.0),
        Entry(0, 300.0, "ann@a", "scale 3", outcome="running"),
    ):
        history.begin(state, entry)
    deployed: Any = SimpleNamespace(
        description=SimpleNamespace(project="demo"), site=SimpleNamespace(state=state)
    )  # Stands for a deployment of which the history alone is read.
    told = WatchedDeployment(deployed).events
    assert [(each.at, each.kind, each.labels, each.text) for each in told(0.0, 1000.0)] == [
        (105_000, "deployment", {"project": "demo"}, "deploy by ann@a: done"),
        (210_000, "rollout", {"project": "demo", "model": "digits"}, "rollout digits 7 by ann@a: failed"),
    ]
    assert told(105.0, 209.0) == []


def test_replicas_are_targets_and_their_reports_are_gauges() -> None:
    replicas = (
        Replica("demo-1", "d", State.READY, rest_address="127.0.0.1:9001", restarts=2),
        Replica("demo-2", "d", State.STARTING),
    )
    reports = [Report("demo-1", 10.0, 1.0, cpu_seconds=5.0, memory_bytes=100)]
    deployed: Any = SimpleNamespace(
        description=SimpleNamespace(project="demo"),
        site=SimpleNamespace(
            target=SimpleNamespace(observe=lambda: Observed(True, None, replicas), reports=lambda: tuple(reports))
        ),
    )  # Stands for a deployment that is only looked at.
    watched = WatchedDeployment(deployed)
    assert [(each.instance, each.labels) for each in watched.targets()] == [("demo-1", (("project", "demo"),))]
    first = {(each.series.name, each.series.labels[0][1]): each.point.value for each in watched.samples(1)}
    assert first == {
        ("replica_ready", "demo-1"): 1.0,
        ("replica_restarts", "demo-1"): 2.0,
        ("replica_ready", "demo-2"): 0.0,
        ("replica_restarts", "demo-2"): 0.0,
        ("replica_memory_bytes", "demo-1"): 100.0,
        ("replica_in_flight", "demo-1"): 0.0,
    }
    reports[0] = Report("demo-1", 11.0, 1.0, cpu_seconds=7.5, memory_bytes=100)
    added = [each.point.value for each in watched.samples(2) if each.series.name == "replica_cpu_seconds_total"]
    reports[0] = Report("demo-1", 12.0, 11.5, cpu_seconds=0.5, memory_bytes=100)
    added += [each.point.value for each in watched.samples(3) if each.series.name == "replica_cpu_seconds_total"]
    assert added == [2.5, 0.5]
