"""Whether rules can be asked, without data."""

from __future__ import annotations

from seaway.monitor.alerts.check import check
from seaway.monitor.alerts.defaults import default_rules
from seaway.monitor.alerts.rule import rules_of


def test_all_default_rules_can_be_asked() -> None:
    assert [(each.problem, each.unknown) for each in check(default_rules())] == [("", ())] * len(default_rules())


def test_questions_that_can_never_be_answered_are_found_without_data() -> None:
    exprs = {
        "Total": "seaway_requests_total > 5",
        "Gauge": "rate(seaway_queue_depth_requests[5m]) > 1",
        "Function": "deriv(seaway_queue_depth_requests[5m]) > 1",
        "Number": "1 > bool 0",
        "Mistyped": "rate(seaway_request_total[5m]) > 5",
        "Fine": "rate(seaway_request_seconds_count[5m]) > 5 and on (x) somebody_elses > 5",
    }
    rules = rules_of(
        {"groups": [{"name": "g", "rules": [{"alert": name, "expr": expr} for name, expr in exprs.items()]}]}, "here"
    )
    found = {each.rule.name: each for each in check(rules)}
    assert {name for name, each in found.items() if each.problem} == {"Total", "Gauge", "Function", "Number"}
    assert {name: each.unknown for name, each in found.items() if each.unknown} == {
        "Mistyped": ("seaway_request_total",)
    }
