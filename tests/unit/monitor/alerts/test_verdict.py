"""Rules over described data, which are judged as promtool judges them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from seaway.errors import InvalidArgument
from seaway.monitor.alerts.verdict import run_file
from tests.support.alert_samples import DOWN, RULES, UP, described, fires, written

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed, so nothing compares the verdicts: apt install prometheus"
)
GENERATED = Path(__file__).parents[1] / "generated" / "alerts_test.yml"


def answers(expr: str, at: str, **values: float) -> dict[str, Any]:
    return {"expr": expr, "eval_time": at, "exp_samples": [{"labels": each, "value": v} for each, v in values.items()]}


BAD = [
    {"series": 'bad_total{model="m",instance="1"}', "values": "0+6x30"},
    {"series": 'bad_total{model="m",instance="2"}', "values": "0+6x30"},
    {"series": 'all_total{model="m",instance="1"}', "values": "0+60x30"},
    {"series": 'all_total{model="m",instance="2"}', "values": "0+60x30"},
]
BUCKETS = [
    {"series": 's_bucket{le="1"}', "values": "0+1x20"},
    {"series": 's_bucket{le="2"}', "values": "0+9x20"},
    {"series": 's_bucket{le="+Inf"}', "values": "0+9x20"},
]
FIRING = 'count by (alertname) (ALERTS{alertstate="firing"})'

CASES = {
    "pending is not firing": (True, [UP], [fires("Down", "6m")], []),
    "fires after its time": (True, [UP], [fires("Down", "7m", DOWN)], []),
    "ends": (True, [UP], [fires("Down", "14m", DOWN), fires("Down", "15m")], []),
    "expected and silent": (False, [UP], [fires("Down", "6m", DOWN)], []),
    "fires unexpectedly": (False, [UP], [fires("Down", "8m")], []),
    "another label": (False, [UP], [fires("Down", "8m", DOWN | {"labels": DOWN["labels"] | {"instance": "j"}})], []),
    "a label too few": (False, [UP], [fires("Down", "8m", DOWN | {"labels": {"severity": "page"}})], []),
    "another annotation": (False, [UP], [fires("Down", "8m", DOWN | {"annotations": {"summary": "i is up"}})], []),
    "an annotation too few": (False, [UP], [fires("Down", "8m", DOWN | {"annotations": {"summary": "i is down"}})], []),
    "twice": (False, [UP], [fires("Down", "8m", DOWN, DOWN)], []),
    "between two looks the last counts": (True, [UP], [fires("Down", "7m30s", DOWN)], []),
    "counters": (
        True, BAD, [fires("Errors", "10m", {"labels": {"model": "m"}, "annotations": {"summary": "m: 10%"}})], [],
    ),
    "of two rules of a name the second is silent": (
        False, BAD, [fires("Errors", "10m", {"labels": {"model": "m", "severity": "page"}})], [],
    ),
    "a histogram": (True, BUCKETS, [fires("Slow", "10m", {})], []),
    "a histogram that was not slow yet": (False, BUCKETS, [fires("Slow", "0m", {})], []),
    "what is absent has the labels it was asked for by": (
        True, [UP], [fires("Down", "0m")], [answers('absent(up{job="a"})', "2m")],
    ),
    "a gap is no value for five minutes only": (
        True, [{"series": "depth", "values": "9 _x20"}], [fires("Kept", "4m", {})], [answers("depth", "6m")],
    ),
    "answers": (True, [UP], [], [answers("sum(up)", "2m", **{"{}": 1}), answers("sum(up)", "6m", **{"{}": 0})]),
    "another answer": (False, [UP], [], [answers("sum(up)", "2m", **{"{}": 2})]),
    "an answer too few": (False, [UP], [], [answers("sum(up)", "2m")]),
    "an answer too many": (False, [UP], [], [answers("sum(up)", "2m", **{"{}": 1, '{a="b"}': 1})]),
    "numbers": (True, [UP], [], [answers("1 + 2", "0m", **{"{}": 3})]),
    "alerts are series": (True, [UP], [], [answers(f'{FIRING} > 0 and on (alertname) ALERTS{{job="a"}}', "8m",
                                                   **{'{alertname="Down"}': 1})]),
    "pending alerts are series": (
        True, [UP], [], [answers('sum by (alertname) (ALERTS{alertstate="pending"})', "5m",
                                 **{'{alertname="Down"}': 1})],
    ),
    "alerts that ended are none": (True, [UP], [], [answers('ALERTS{alertname="Down"}', "16m")]),
}  # fmt: skip


def promtool(file: Path) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL is not None
    return subprocess.run([PROMTOOL, "test", "rules", file], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", CASES)
def test_verdicts(tmp_path: Path, name: str) -> None:
    passes, *rest = CASES[name]
    (outcome,) = run_file(written(tmp_path, described(*rest)))
    assert (not outcome.failures) == passes, outcome


@needs_promtool
@pytest.mark.parametrize("name", CASES)
def test_verdicts_are_promtools(tmp_path: Path, name: str) -> None:
    passes, *rest = CASES[name]
    # promtool 2.42 does not know of keeping, which makes no difference to these cases.
    ran = promtool(written(tmp_path, described(*rest), RULES.replace("        keep_firing_for: 5m\n", "")))
    assert (ran.returncode == 0) == passes, ran.stdout + ran.stderr


@pytest.mark.e2e  # It replays hours of data.
def test_the_default_rules_fire_as_those_for_prometheus_do(tmp_path: Path) -> None:
    """The cases that promtool runs on the rules for Prometheus, on the monitor's own."""
    content = yaml.safe_load(GENERATED.read_text("utf-8"))
    for key in ("rule_files", "group_eval_order"):
        content.pop(key)
    for test in content["tests"]:
        asked = test.get("promql_expr_test", [])
        # The monitor records no rules.
        test["promql_expr_test"] = [each for each in asked if "ALERTS" in each["expr"]]
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump(content))
    outcomes = run_file(file)
    assert len(outcomes) == len(content["tests"])
    assert [(each.name, each.failures) for each in outcomes if each.failures] == []


def test_what_differs_from_prometheus_is_on_purpose(tmp_path: Path) -> None:
    """A counter that appears as 1 grew by 1, and a rate is not extrapolated."""
    series = [{"series": "x_total", "values": "_x5 1 1 1"}, {"series": "y_total", "values": "0+10x20"}]
    asked = [
        answers("increase(x_total[10m])", "8m", **{"{}": 1}),
        answers("increase(y_total[5m])", "10m", **{"{}": 50}),
    ]
    (outcome,) = run_file(written(tmp_path, described(series, [], asked)))
    assert outcome.failures == ()


def test_recording_rules_are_refused_as_everywhere(tmp_path: Path) -> None:
    file = written(tmp_path, described([], [], []), "groups: [{name: g, rules: [{record: a, expr: up}]}]")
    with pytest.raises(InvalidArgument, match=r"rules\.yml: group 'g' has a recording rule \(a\); only alerts"):
        run_file(file)


def test_rule_files_may_be_patterns_and_have_to_be_there(tmp_path: Path) -> None:
    content = described([UP], [fires("Down", "8m", DOWN)], [])
    file = written(tmp_path, content | {"rule_files": ["r*.yml"]})
    assert run_file(file)[0].failures == ()
    with pytest.raises(InvalidArgument, match=r"rule_files has 'x\*\.yml', but no file is there"):
        run_file(written(tmp_path, content | {"rule_files": ["x*.yml"]}))


def test_a_mistyped_name_does_not_pass(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="no rule has the name 'Dwon'; there are Down, Errors, Gone"):
        run_file(written(tmp_path, described([UP], [fires("Dwon", "1m")], [])))


def test_a_rule_that_cannot_be_answered_is_named(tmp_path: Path) -> None:
    rules = "groups: [{name: g, rules: [{alert: A, expr: 'rate(up[5m]) > 0'}]}]"
    with pytest.raises(InvalidArgument, match="alert 'A' cannot be answered: up is a gauge"):
        run_file(written(tmp_path, described([UP], [fires("A", "1m")], []), rules))


def test_a_mistyped_moment_does_not_run_for_ever(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="at most 1000000"):
        run_file(written(tmp_path, described([UP], [fires("Down", "1000y")], [])))
