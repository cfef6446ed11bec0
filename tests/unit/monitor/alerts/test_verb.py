"""`seaway alerts`: from options to what is printed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from seaway.cli.alerts import alerts, checked_times, lasting
from seaway.errors import InvalidArgument, NotFound
from seaway.monitor.point import Kind, Point, Sample, Series
from seaway.monitor.store.store import Store
from tests.support.alert_samples import DOWN, RULES, UP, described, fires, recorded, written


def ran(*arguments: str | Path) -> Any:
    return CliRunner().invoke(alerts(), [str(each) for each in arguments])


def test_the_verb_tells_what_was_expected_and_fails(tmp_path: Path) -> None:
    good = written(tmp_path, described([UP], [fires("Down", "8m", DOWN)], []))
    passed = ran("test", good)
    assert (passed.exit_code, passed.stdout) == (0, f"{good}: passed (1 of 1 tests passed)\n")
    failed = ran("test", written(tmp_path, described([UP], [fires("Down", "6m30s", DOWN)], [])))
    assert failed.exit_code == 1
    assert failed.stdout.splitlines() == [
        f"{good}: FAILED (0 of 1 tests passed)",
        "  test 1, at 6m30s, alertname: Down",
        '    expected: {alertname="Down", instance="i", job="a", severity="page", team="a-team"} '
        'annotations {runbook="https://runbooks/a", summary="i is down"}',
        "    got:      nothing",
    ]


def filled(directory: Path) -> float:
    """Make a monitor's store with an hour of a server that was down, and return when it was."""
    begin = round(time.time()) // 60 * 60_000 - 3_600_000
    store = Store(directory / "monitor.db")
    hostile = Series("up", (("instance", "[red]a[/red]\x1b[31m"), ("job", "seaway")), Kind.GAUGE)
    recorded(store, begin, "0" * 20 + "1" * 100, series=hostile)
    store.append([Sample(hostile, Point(begin + number * 30_000, 0.0)) for number in range(20)])
    store.close()
    return begin / 1000


def test_the_verb_replays_what_was_recorded(tmp_path: Path) -> None:
    begin = filled(tmp_path)
    table = ran("replay", "--directory", tmp_path, "--since", "2h")
    assert (table.exit_code, "SeawayTargetDown" in table.stdout) == (0, True)
    assert 'instance="[red]a[/red]' in table.stdout
    assert "\x1b" not in table.stdout
    (line,) = ran("replay", "--directory", tmp_path, "--since", "2h", "--json").stdout.splitlines()
    found = json.loads(line)
    assert (found["rule"], found["severity"], found["fired_at"]) == ("SeawayTargetDown", "page", begin + 120)
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: [{name: g, rules: [{alert: Never, expr: up > 100}, {alert: Number, expr: '1'}]}]")
    none = ran("replay", "--directory", tmp_path, "--since", "2h", "--rules", rules)
    assert none.exit_code == 1
    assert none.stdout == "none of 1 rules would have fired in the last 2h\n"
    assert "rule Number cannot be answered" in none.stderr


def test_the_store_is_the_users_unless_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAWAY_MONITOR_DIRECTORY", str(tmp_path / "here"))
    result = ran("replay")
    assert isinstance(result.exception, NotFound)
    assert str(tmp_path / "here" / "monitor.db") in result.exception.message
    assert not (tmp_path / "here").exists()


def test_the_verb_checks_rules(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES)
    good = ran("check", rules)
    assert (good.exit_code, good.stderr) == (0, "")
    assert "Errors (2)" in good.stdout
    rules.write_text("groups: [{name: g, rules: [{alert: A, expr: 'deriv(up[5m]) > 1'}, {alert: B, expr: seaway_x}]}]")
    bad = ran("check", rules)
    assert bad.exit_code == 1
    assert "rule A cannot be answered" in bad.stderr
    assert "rule B asks for seaway_x, which no server shows" in bad.stderr


def test_times_are_bounded() -> None:
    assert checked_times("7d", "1m") == (604_800, 60)
    for since, interval in (("0", "1m"), ("1d", "500ms"), ("400d", "1m"), ("soon", "1m")):
        with pytest.raises(InvalidArgument):
            checked_times(since, interval)


def test_durations_are_written_as_rules_write_them() -> None:
    assert [lasting(each) for each in (0, 59, 60, 3661, 90_000)] == ["0s", "59s", "1m", "1h1m", "1d1h"]
