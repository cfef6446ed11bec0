"""`seaway report`: from options to a file."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from seaway import extras
from seaway.cli.report import default_name, parse_latency, report, span
from seaway.errors import FailedPrecondition, InvalidArgument, NotFound
from tests.support.report_samples import HOSTILE, filled


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    filled(tmp_path / "monitor.db", round(time.time()) // 60 * 60 - 7200).close()
    return tmp_path


def ran(*arguments: str | Path) -> Any:
    app = typer.Typer()
    app.command()(report)
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_it_writes_a_page(directory: Path) -> None:
    file = directory / "r.html"
    result = ran("m", "--directory", directory, "--since", "1h", "-o", file)
    assert (result.exit_code, result.stdout) == (0, "")
    assert str(file) in result.stderr
    assert file.read_text("utf-8").startswith("<!doctype html>")


def test_it_prints_figures(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAWAY_MONITOR_DIRECTORY", str(directory))
    monkeypatch.chdir(directory)
    result = ran("m", "--since", "1h", "--json", "--objective", "0.9", "--latency", "0.2s:0.5")
    found = json.loads(result.stdout)
    assert (found["model"], found["availability"]["is_met"], found["latency"]["is_met"]) == ("m", True, True)
    assert list(directory.glob("*.html")) == []


def test_what_is_missing_is_named(directory: Path) -> None:
    result = ran("nope", "--directory", directory)
    assert isinstance(result.exception, NotFound)
    assert "'m', 'other'" in result.exception.message
    result = ran("m", "--directory", directory / "none")
    assert isinstance(result.exception, NotFound)


def test_an_installation_without_the_monitor_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "seaway.monitor.report.figures", None)
    result = ran("m")
    assert isinstance(result.exception, FailedPrecondition)
    assert extras.command("monitor") in result.exception.message


def test_times_lie_on_the_rows_that_there_are() -> None:
    now = 1_700_000_123.4
    assert span("1h", now) == (1_699_996_500_000, 1_700_000_100_000)
    start, end = span("7d", now)
    assert (start % 900_000, end % 60_000) == (0, 0)
    assert 0 <= end - start - 7 * 86_400_000 < 900_000
    for wrong in ("1m", "401d", "0", "yesterday"):
        with pytest.raises(InvalidArgument):
            span(wrong, now)


def test_latency_objectives() -> None:
    assert parse_latency("") is None
    assert parse_latency("0.2s:0.99") == (0.2, 0.99)
    assert parse_latency("200ms:0.99") == (0.2, 0.99)
    assert parse_latency(".5s:0.9") == (0.5, 0.9)
    for wrong in ("0.2s", "0.2:0.9", ":0.9", "0.2s:", "0.2s:many", ".s:0.9"):
        with pytest.raises(InvalidArgument, match="TIME:SHARE"):
            parse_latency(wrong)


@pytest.mark.parametrize(
    ("model", "name"),
    [("half_plus_two", "half_plus_two-report.html"), ("../../etc/passwd", "etc-passwd-report.html"),
     ("..", "model-report.html"), ("a b", "a-b-report.html")],
)  # fmt: skip
def test_file_names(model: str, name: str) -> None:
    assert default_name(model) == name


def test_a_hostile_name_makes_a_plain_file_name() -> None:
    assert set(default_name(HOSTILE)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-._")
