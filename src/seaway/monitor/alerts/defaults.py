"""The rules that are looked at unless the user names others: the alerts that are generated for Prometheus.

One set serves both, so that an alert means the same wherever it is evaluated.
"""

from __future__ import annotations

from functools import cache

from seaway.monitor.alerts.rule import Rule, rules_of
from seaway.monitor.generated.prometheus import direct_alert_rules


@cache
def default_rules() -> tuple[Rule, ...]:
    """Return the useful default set."""
    return rules_of(direct_alert_rules(), "the default rules")
