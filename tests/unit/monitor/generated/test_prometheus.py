"""Rules: what they refer to exists, and every alert says what to make of it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from seaway import _core
from seaway.monitor.generated.objective import SERVER_CODES
from seaway.monitor.generated.prometheus import BURNS, Burn, alert_rules, direct_alert_rules, recording_rules
from seaway.monitor.generated.series import Catalogue, UnknownSeriesError, compiled, metrics_of


def rules(file: dict[str, Any]) -> list[dict[str, Any]]:
    return [rule for group in file["groups"] for rule in group["rules"]]


RECORDING = rules(recording_rules())
ALERTS = rules(alert_rules())
RECORDED = [rule["record"] for rule in RECORDING]


@pytest.mark.parametrize("rule", RECORDING, ids=RECORDED)
def test_a_recording_rule_asks_only_for_metrics_of_the_catalogue(rule: dict[str, Any]) -> None:
    catalogue = compiled()
    assert metrics_of(rule["expr"])
    assert [metric for metric in metrics_of(rule["expr"]) if not catalogue.exposes(metric)] == []


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_asks_only_for_metrics_recording_rules_and_up(rule: dict[str, Any]) -> None:
    catalogue = compiled()
    known = {*RECORDED, "up"}
    assert metrics_of(rule["expr"])
    assert [each for each in metrics_of(rule["expr"]) if each not in known and not catalogue.exposes(each)] == []


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_has_a_severity_a_summary_and_a_description(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "description"}
    for text in rule["annotations"].values():
        assert text.strip() == text != ""
        # A name that is written for format() and not replaced by it would be seen as is.
        assert re.sub(r"\{\{ [^{}]* \}\}", "", text).isprintable()
        assert not set("{}") & set(re.sub(r"\{\{ [^{}]* \}\}", "", text))


def test_names_are_unique() -> None:
    names = RECORDED + [rule["alert"] for rule in ALERTS]
    assert len(set(names)) == len(names)


def test_every_recorded_ratio_and_rate_has_all_windows() -> None:
    for window in ("5m", "30m", "1h", "6h"):
        assert {f"model:seaway_requests:rate{window}", f"model:seaway_errors:ratio_rate{window}"} <= set(RECORDED)


def test_every_burn_rate_is_over_a_long_and_a_short_window() -> None:
    by_name = {rule["alert"]: rule for rule in ALERTS}
    assert [(burn.factor, burn.long, burn.short, burn.severity) for burn in BURNS] == [
        (14.4, "1h", "5m", "page"),
        (6, "6h", "30m", "ticket"),
    ]
    for burn in BURNS:
        assert metrics_of(by_name[burn.alert]["expr"]) == [
            f"model:seaway_errors:ratio_rate{burn.long}",
            f"model:seaway_errors:ratio_rate{burn.short}",
            "seaway_requests_total",
        ]


@pytest.mark.parametrize("burn", BURNS, ids=lambda burn: burn.alert)
def test_prometheus_and_the_monitor_ask_for_the_same_number_of_failures(burn: Burn) -> None:
    floors = [
        next(
            rule["expr"] for group in file["groups"] for rule in group["rules"] if rule["alert"] == burn.alert
        ).rpartition(" and ")[2]
        for file in (alert_rules(), direct_alert_rules())
    ]
    assert floors[0] == floors[1]
    assert f"[{burn.long}]" in floors[0]
    assert floors[0].endswith("> 9.5")


def test_no_code_that_a_client_can_cause_is_an_error() -> None:
    clients = {"INVALID_ARGUMENT", "NOT_FOUND", "UNAUTHENTICATED", "CANCELLED", "UNIMPLEMENTED", "OK"}
    assert not clients & set(SERVER_CODES)


@pytest.mark.parametrize(
    "renamed",
    [
        "seaway_requests_total",
        "seaway_request_seconds",
        "seaway_queue_depth_requests",
        "seaway_worker_restarts_total",
        "seaway_model_loads_total",
    ],
)
def test_a_metric_that_was_renamed_makes_generation_fail(renamed: str) -> None:
    entries = json.loads(_core.metrics_catalogue())
    changed = Catalogue([each | {"name": "other"} if each["name"] == renamed else each for each in entries])
    with pytest.raises(UnknownSeriesError, match=renamed):
        alert_rules(changed)
