"""A replica's report and its file."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from seaway.errors import NotFound
from seaway.fleet.report import Report
from seaway.repository.ids import ServableId
from seaway.repository.snapshot import ModelSnapshot, ModelView, RepositoryView, VersionSnapshot
from seaway.repository.states import ServableState, State
from seaway.serving.follow.follower import Followed
from seaway.serving.follow.report import Reporter, ReportFile, Sources, used
from seaway.serving.follow.standing import Standing
from tests.support.fakes import FakeClock

MEASURED = {
    "in_flight": 3,
    "queued": 1,
    "series": [{"model": "m", "version": 1, "ok": 5, "bounds_s": [0.1], "buckets": [5, 0]}],
    "comparisons": [{"model": "m", "live": 1, "candidate": 2, "agreed": 4}],
}


def view() -> RepositoryView:
    state = ServableState(ServableId("m", 1), State.END, 3, "an unknown op")
    snapshot = ModelSnapshot("m", (VersionSnapshot(state, True),))
    return {"m": ModelView("m", None, True, NotFound("nothing there"), snapshot, {})}


def test_a_report_says_what_is_served_and_what_was_measured() -> None:
    shown: list[str] = []
    followed = Followed(7, Standing(False, "version 1 of 'm': an unknown op"))
    sources = Sources(lambda: followed, view, dict, lambda: json.dumps(MEASURED))
    reporter = Reporter("a-1", sources, shown.append, FakeClock())
    reporter.set_ready(True)
    report = reporter.report()
    assert (report.replica, report.generation, report.applied, report.ready) == ("a-1", 7, False, True)
    assert report.problem == "version 1 of 'm': an unknown op"
    (model,) = report.models
    assert (model.problem, model.versions[0].state, model.versions[0].error) == (
        "nothing there",
        "END",
        "an unknown op",
    )
    assert (report.in_flight, report.series[0].ok, report.comparisons[0].agreed) == (3, 5, 4)
    assert report.cpu_seconds > 0
    assert report.memory_bytes > 2**20
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_a_process_that_is_gone_uses_nothing() -> None:
    assert used({2**30})[1] == pytest.approx(used(set())[1], rel=0.2)


def test_the_file_is_whole_replaced_and_removed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = ReportFile(tmp_path / "reports", "a-1")
    file.write("1")
    file.write("2")
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["a-1.json"]
    assert (tmp_path / "reports" / "a-1.json").read_text() == "2"
    file.remove()
    assert list((tmp_path / "reports").iterdir()) == []
    (tmp_path / "file").write_text("")
    broken = ReportFile(tmp_path / "file", "a-1")
    broken.write("1")
    broken.write("2")
    broken.remove()
    assert sum("the report cannot be written" in each.message for each in caplog.records) == 1
