"""Prometheus' recording and alerting rules of the catalogue's metrics. Pure.

An alert is for what clients notice (errors, latency, a model that does not answer) or for what they will (a queue that
grows, a version that was not loaded). `severity: page` is for what cannot wait until the morning, `ticket` for the
rest.

The scrape job's name has to begin with `seaway`: nothing else tells a target that is down from one of something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from seaway.monitor.generated.objective import (
    AVAILABILITY,
    ENOUGH_FAILURES,
    ERROR_BUDGET,
    UNKNOWN_MODEL,
    enough_failures,
    error_ratio,
    latency,
    requests,
)
from seaway.monitor.generated.series import TARGET_LABELS, Catalogue, Series, UnknownSeriesError, Vector, compiled

JOB = 'job=~"seaway.*"'

# What is slow depends on the model: this is for one that answers a person who waits.
LATENCY_P99_S = 1

PAGE = "page"
TICKET = "ticket"

_RESTARTS_IN = "30m"
_FAILURES_IN = "15m"

_WINDOWS = ("5m", "30m", "1h", "6h")
_BY = ("model",)
_OF_A_MODEL = f'model!="{UNKNOWN_MODEL}"'

RuleFile = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Burn:
    """How much faster than allowed the error budget is used, over a long window and still now.

    The short window, a twelfth of the long one, ends the alert soon after the errors end.
    """

    alert: str
    factor: float
    long: str
    short: str
    severity: str
    budget_used: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; `wait` is how long its expression has to hold."""

    name: str
    expression: str
    severity: str
    summary: str
    description: str
    wait: str | None = None

    def as_rule(self) -> dict[str, Any]:
        """Return it as a rule file has it."""
        return {
            "alert": self.name,
            "expr": self.expression,
            **({"for": self.wait} if self.wait else {}),
            "labels": {"severity": self.severity},
            "annotations": {"summary": self.summary, "description": self.description},
        }


# Source: Google, The Site Reliability Workbook, chapter 5, "Alerting on SLOs", for a budget of 30 days.
BURNS = (
    Burn("SeawayErrorBudgetBurnsFast", 14.4, "1h", "5m", PAGE, "2 % of a month's errors an hour"),
    Burn("SeawayErrorBudgetBurnsSlowly", 6, "6h", "30m", TICKET, "5 % of a month's errors in six hours"),
)


def recording_rules(catalogue: Catalogue | None = None) -> RuleFile:
    """Return the rule file of what alerts and slow queries would compute again and again.

    Raises:  UnknownSeriesError - the catalogue lacks a metric or a label that a rule needs.
    """
    recorded = _recorded(compiled() if catalogue is None else catalogue)
    rules = [{"record": name, "expr": vector.text} for name, vector in recorded.items()]
    return {"groups": [{"name": "seaway.recording", "rules": rules}]}


def alert_rules(catalogue: Catalogue | None = None) -> RuleFile:
    """Return the rule file of alerts; it needs the recording rules.

    Raises:  UnknownSeriesError - the catalogue or the recording rules lack a metric or a label that a rule needs.
    """
    metrics = compiled() if catalogue is None else catalogue
    recorded = _recorded(metrics)

    def ratio(window: str) -> Vector:
        # Requests that found no version are SeawayModelNotAvailable's: any client adds to them with names of its own.
        return _read(recorded, f"model:seaway_errors:ratio_rate{window}").where(_OF_A_MODEL).now()

    queued = _read(recorded, "model:seaway_queue_depth_requests:sum")
    return _file(
        [_burn(metrics, burn, ratio) for burn in BURNS],
        [
            _target_down(),
            _not_available(metrics),
            _restarts(_restart_counter(metrics).counted(_RESTARTS_IN)),
            _load_failed(_failure_counter(metrics).counted(_FAILURES_IN)),
            _store_down(metrics),
        ],
        [
            _slow(_read(recorded, "model:seaway_request_seconds:p99_rate5m").now()),
            _queue_grows(queued.smallest("5m"), queued.largest("5m", before="6m")),
        ],
    )


def direct_alert_rules(catalogue: Catalogue | None = None) -> RuleFile:
    """Return the same alerts for the monitor's own store: they need no recording rules, and ask plainer questions.

    The store keeps what was added, from a counter's first appearance on, so nothing has to make up for that.

    Raises:  UnknownSeriesError - as `alert_rules`.
    """
    metrics = compiled() if catalogue is None else catalogue
    queued = metrics.series("seaway_queue_depth_requests")
    return _file(
        [_burn(metrics, burn, lambda window: error_ratio(metrics, window, _BY, _OF_A_MODEL)) for burn in BURNS],
        [
            _target_down(),
            _not_available(metrics),
            _restarts(_restart_counter(metrics).increase(_RESTARTS_IN)),
            _load_failed(_failure_counter(metrics).increase(_FAILURES_IN)),
            _store_down(metrics),
        ],
        [
            _slow(latency(metrics, 0.99, "5m", _BY)),
            _queue_grows(queued.smallest("5m").sum_by(*_BY), queued.largest("5m", before="6m").sum_by(*_BY)),
        ],
    )


def _file(objective: list[Alert], availability: list[Alert], saturation: list[Alert]) -> RuleFile:
    groups = {
        "seaway.objective": objective,
        "seaway.availability": availability,
        "seaway.saturation": saturation,
    }
    return {"groups": [{"name": name, "rules": [each.as_rule() for each in alerts]} for name, alerts in groups.items()]}


def _restart_counter(catalogue: Catalogue) -> Series:
    return catalogue.series("seaway_worker_restarts_total")


def _failure_counter(catalogue: Catalogue) -> Series:
    return catalogue.series("seaway_model_loads_total").where('outcome="failed"')


def _recorded(catalogue: Catalogue) -> dict[str, Vector]:
    queued = catalogue.series("seaway_queue_depth_requests")
    rates = {
        f"model:seaway_requests:rate{window}": requests(catalogue).rate(window).sum_by(*_BY) for window in _WINDOWS
    }
    ratios = {f"model:seaway_errors:ratio_rate{window}": error_ratio(catalogue, window, _BY) for window in _WINDOWS}
    return {
        **rates,
        **ratios,
        "model:seaway_request_seconds:p99_rate5m": latency(catalogue, 0.99, "5m", _BY),
        "model:seaway_queue_depth_requests:sum": queued.now().sum_by(*_BY),
    }


def _read(recorded: Mapping[str, Vector], name: str) -> Series:
    """Return the series that a recording rule makes.

    Raises:  UnknownSeriesError - there is no such rule.
    """
    vector = recorded.get(name)
    if vector is None:
        raise UnknownSeriesError(f"{name} is not recorded; the rules are {', '.join(recorded)}")
    return Series(name, "gauge", vector.labels)


def _burn(catalogue: Catalogue, burn: Burn, ratio: Callable[[str], Vector]) -> Alert:
    limit = f"> {burn.factor:g} * {ERROR_BUDGET:g}"
    return Alert(
        burn.alert,
        " and ".join(
            [
                ratio(burn.long).compared(limit).text,
                ratio(burn.short).compared(limit).text,
                enough_failures(catalogue, burn.long, _BY, _OF_A_MODEL).text,
            ]
        ),
        severity=burn.severity,
        summary="Model {{ $labels.model }} fails too many requests",
        description=(
            f"{{{{ $value | humanizePercentage }}}} of the requests of the last {burn.long} failed by the server's "
            f"fault, and too many of the last {burn.short} still: more than {burn.factor:g} times what an availability "
            f"of {AVAILABILITY:.1%} allows, or {burn.budget_used}; and {ENOUGH_FAILURES} requests or more. The label "
            "code of seaway_requests_total tells how they fail."
        ),
    )


def _target_down() -> Alert:
    # Prometheus writes `up` itself; it is in no catalogue.
    up = Series("up", "gauge", TARGET_LABELS).where(JOB)
    return Alert(
        "SeawayTargetDown",
        up.now().compared("== 0").text,
        wait="2m",
        severity=PAGE,
        summary="Seaway at {{ $labels.instance }} cannot be scraped",
        description=(
            "The metrics of {{ $labels.instance }} (job {{ $labels.job }}) could not be read for two minutes: the "
            "server is down, cannot be reached, or has metrics.enabled set to false."
        ),
    )


def _not_available(catalogue: Catalogue) -> Alert:
    # While a worker is away its model's name leads to no version, and the refusal is counted under the common value.
    refused = requests(catalogue, f'model="{UNKNOWN_MODEL}"', 'code="UNAVAILABLE"')
    return Alert(
        "SeawayModelNotAvailable",
        refused.rate("5m").sum_by("job", "instance").compared("> 0").text,
        # A refusal stays in the rate for five minutes: what is mended within two is not told.
        wait="7m",
        severity=PAGE,
        summary="{{ $labels.instance }} refuses requests of a model that has no running version",
        description=(
            "{{ $labels.instance }} goes on answering UNAVAILABLE to {{ $value | humanize }} requests a second before "
            "they reach a version: a worker was lost and has not come back, or the server does not finish its start. "
            "The server's log names the model."
        ),
    )


def _restarts(restarts: Vector) -> Alert:
    return Alert(
        "SeawayWorkerRestarts",
        # One is an accident that was mended; the third in half an hour will not be the last. An increase is
        # extrapolated and so is seldom a whole number: 2 may be read as 2.1.
        restarts.sum_by("job", "instance", "model").compared("> 2.5").text,
        severity=TICKET,
        summary="Workers of model {{ $labels.model }} keep ending",
        description=(
            "Workers of model {{ $labels.model }} on {{ $labels.instance }} ended on their own and were started again "
            "{{ $value | humanize }} times in half an hour. The log tells how they ended; a lack of memory is the "
            "usual reason."
        ),
    )


def _load_failed(failed: Vector) -> Alert:
    return Alert(
        "SeawayLoadFailed",
        failed.sum_by("job", "instance", "model").compared("> 0").text,
        severity=TICKET,
        summary="A version of model {{ $labels.model }} was not loaded",
        description=(
            "{{ $labels.instance }} tried to load a version of model {{ $labels.model }} in the last 15 minutes and "
            "failed. The version before it goes on answering where there is one; the status of the model tells why."
        ),
    )


def _store_down(catalogue: Catalogue) -> Alert:
    return Alert(
        "SeawayModelStoreDown",
        catalogue.series("seaway_model_store_up").now().compared("== 0").text,
        wait="10m",
        severity=TICKET,
        summary="The store of model {{ $labels.model }} does not answer {{ $labels.instance }}",
        description=(
            "For ten minutes {{ $labels.instance }} has had no answer from the store of model {{ $labels.model }}. "
            "What it serves it goes on serving; it sees no new version until the store answers. The server's log says "
            "why."
        ),
    )


def _slow(p99: Vector) -> Alert:
    return Alert(
        "SeawayLatencyHigh",
        p99.compared(f"> {LATENCY_P99_S}").text,
        wait="10m",
        severity=TICKET,
        summary="Model {{ $labels.model }} is slow",
        description=(
            f"For ten minutes one in a hundred requests of model {{{{ $labels.model }}}} has taken longer than "
            f"{LATENCY_P99_S} s; p99 is {{{{ $value | humanizeDuration }}}}. seaway_request_stage_seconds tells "
            "whether they wait or run."
        ),
    )


def _queue_grows(smallest: Vector, largest: Vector) -> Alert:
    return Alert(
        "SeawayQueueGrows",
        # The shortest of five minutes is longer than the longest of five before: a queue that only comes and goes never
        # is, however steep it rises. A minute lies between, as windows before Prometheus 3 share their common moment.
        f"{smallest.text} > {largest.text}",
        wait="5m",
        severity=TICKET,
        summary="Requests for model {{ $labels.model }} come faster than they are answered",
        description=(
            "The queue of model {{ $labels.model }} has grown for 15 minutes and is now never shorter than "
            "{{ $value | humanize }} requests. When it is full, requests are refused with RESOURCE_EXHAUSTED; more "
            "replicas or batching help before that."
        ),
    )
