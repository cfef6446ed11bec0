"""Prometheus' own tool on the rules: it reads them, and they fire when they should and not otherwise.

What happens to the series, and what fires then, is in alerts_test.yml.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from seaway.monitor.generated.grafana import dashboards
from seaway.monitor.generated.prometheus import alert_rules
from seaway.monitor.generated.write import write

ALERT_NAME = re.compile(r'alertname="(\w+)"')
CASES = Path(__file__).with_name("alerts_test.yml")

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: apt install prometheus"
)


def promtool(*arguments: str | Path) -> None:
    ran = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@needs_promtool
def test_prometheus_accepts_the_rules(tmp_path: Path) -> None:
    write(tmp_path)
    promtool("check", "rules", *(tmp_path / "prometheus").glob("seaway.*.yml"))


@needs_promtool
def test_prometheus_accepts_its_configuration(tmp_path: Path) -> None:
    write(tmp_path)
    promtool("check", "config", tmp_path / "prometheus" / "prometheus.yml")


@pytest.mark.e2e  # It replays hours of data.
@needs_promtool
def test_alerts_fire_when_they_should_and_not_otherwise(tmp_path: Path) -> None:
    write(tmp_path)
    # The tool looks for rule files next to the file of cases.
    promtool("test", "rules", shutil.copy(CASES, tmp_path / CASES.name))


def test_every_alert_is_shown_firing() -> None:
    # Not firing needs no list: every case counts all alerts, so that one that fires unasked fails it.
    tests = yaml.safe_load(CASES.read_text("utf-8"))["tests"]
    cases = [case for test in tests for case in test.get("promql_expr_test", ())]
    shown = {name for case in cases for sample in case["exp_samples"] for name in ALERT_NAME.findall(sample["labels"])}
    assert shown == {rule["alert"] for group in alert_rules()["groups"] for rule in group["rules"]}


@needs_promtool
def test_prometheus_accepts_what_dashboards_ask(tmp_path: Path) -> None:
    expressions = [
        target["expr"].replace("$__rate_interval", "5m")
        for dashboard in dashboards().values()
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]
    records = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(expressions)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": records}]}), encoding="utf-8")
    promtool("check", "rules", file)
