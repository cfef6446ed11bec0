"""Rules, tests of them as a file has them, and data that they are asked of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from seaway.monitor.point import Kind, Point, Sample, Series
from seaway.monitor.store.store import Store

RULES = """
groups:
  - name: g
    rules:
      - alert: Down
        expr: up == 0
        for: 2m
        labels: {severity: page, team: "{{ $labels.job }}-team"}
        annotations: {summary: "{{ $labels.instance }} is down", runbook: "https://runbooks/{{ $labels.job }}"}
      - alert: Errors
        expr: sum by (model) (rate(bad_total[5m])) / sum by (model) (rate(all_total[5m])) > 0.05
        annotations: {summary: "{{ $labels.model }}: {{ $value | humanizePercentage }}"}
      - alert: Errors
        expr: sum by (model) (rate(bad_total[5m])) / sum by (model) (rate(all_total[5m])) > 0.2
        labels: {severity: page}
      - alert: Slow
        expr: histogram_quantile(0.5, sum by (le) (rate(s_bucket[5m]))) > 1
      - alert: Gone
        expr: absent(up{job="b"})
        labels: {severity: ticket}
      - alert: Kept
        expr: depth > 5
        keep_firing_for: 5m
"""

DOWN = {
    "labels": {"severity": "page", "team": "a-team", "job": "a", "instance": "i"},
    "annotations": {"summary": "i is down", "runbook": "https://runbooks/a"},
}


UP = {"series": 'up{job="a",instance="i"}', "values": "1x4 0x9 1x20"}
DEPTH = Series("depth", (("model", "m"),), Kind.GAUGE)


def fires(name: str, at: str, *alerts_: dict[str, Any]) -> dict[str, Any]:
    expected = [
        {"exp_labels": each.get("labels", {}), "exp_annotations": each.get("annotations", {})} for each in alerts_
    ]
    return {"alertname": name, "eval_time": at, "exp_alerts": expected}


def written(directory: Path, content: dict[str, Any], rules: str = RULES) -> Path:
    (directory / "rules.yml").write_text(rules)
    file = directory / "test.yml"
    file.write_text(yaml.safe_dump(content))
    return file


def described(series: list[dict[str, str]], firing: list[Any], asked: list[Any]) -> dict[str, Any]:
    test = {"interval": "1m", "input_series": series, "alert_rule_test": firing, "promql_expr_test": asked}
    return {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}


def recorded(store: Store, begin_ms: int, values: str, every_s: int = 30, series: Series = DEPTH) -> int:
    """Keep a gauge, 9 for each `1`, and return the moment after the last."""
    points = [
        Sample(series, Point(begin_ms + number * every_s * 1000, value, 1.0, value, value))
        for number, value in enumerate(9.0 if char == "1" else 1.0 for char in values)
    ]
    store.append(points)
    return begin_ms + len(values) * every_s * 1000
