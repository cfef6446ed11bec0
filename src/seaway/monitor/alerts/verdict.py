"""What becomes of tests of rules: series as a file describes them, and which alerts fire on them when.

The rules go through the same steps as in the running monitor (`transition.step`), with moments that are given instead
of the time of day. How a test is written is `described`'s; what was recorded of real servers plays no part.
"""

from __future__ import annotations

import glob
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

from seaway.errors import InvalidArgument
from seaway.monitor.alerts.book import holding
from seaway.monitor.alerts.defaults import default_rules
from seaway.monitor.alerts.described import (
    MOST_STEPS,
    AlertTest,
    ExprTest,
    Test,
    TestFile,
    described_samples,
    named,
    positive_s,
    read_tests,
)
from seaway.monitor.alerts.rule import Rule, read_rules, seconds
from seaway.monitor.alerts.transition import Active, Labels, step, told
from seaway.monitor.point import Kind, Point, Series
from seaway.monitor.query.evaluate import query, rows
from seaway.monitor.query.quote import labels_text
from seaway.monitor.store.store import Matcher, Run, Store
from seaway.monitor.view import AlertState

_BEGIN_MS = 1_600_000_200_000
"""The moment 0 of a test; whole in every resolution. Nothing that a test can ask depends on it."""

Shown = frozenset[tuple[str, str]]


class Ruled(NamedTuple):
    """A rule, the name that it has in its file (rules may share one), and all that is told of it."""

    rule: Rule
    alertname: str
    annotations: tuple[tuple[str, str], ...]


class Failure(NamedTuple):
    """What was expected at a moment, and what there was instead. Units: at_s in seconds since the test's begin."""

    about: str
    at_s: float
    expected: tuple[str, ...]
    got: tuple[str, ...]


class Outcome(NamedTuple):
    """How one test of a file ended."""

    name: str
    failures: tuple[Failure, ...]


class _Fires(NamedTuple):
    labels: Shown
    annotations: Shown


def run_file(path: Path) -> list[Outcome]:
    """Run the tests of a file.

    Raises:  InvalidArgument - the file, its rules or a question in it cannot be read or asked; says which.
    """
    file = read_tests(path)
    ruled = _rules_for(file, path)
    return [
        Outcome(
            test.name or f"test {number}", tuple(_run(test, ruled, positive_s(file.evaluation_interval, "interval")))
        )
        for number, test in enumerate(file.tests, start=1)
    ]


def _rules_for(file: TestFile, path: Path) -> list[Ruled]:
    if not file.rule_files:
        return [
            Ruled(rule, rule.name, (("summary", rule.summary), ("description", rule.description)))
            for rule in default_rules()
        ]
    found: list[Ruled] = []
    for pattern in file.rule_files:
        matching = sorted(glob.glob(str(path.parent / pattern)))
        if not matching:
            raise InvalidArgument(
                f"{path}: rule_files has {pattern!r}, but no file is there; paths begin at {path.parent}"
            )
        for each in matching:
            found += _ruled(Path(each))
    # Rules of several files may share a name, which states are kept by.
    return [
        each._replace(rule=msgspec.structs.replace(each.rule, name=f"{number}")) for number, each in enumerate(found)
    ]


def _ruled(path: Path) -> list[Ruled]:
    rules = read_rules(path)
    content: Any = yaml.safe_load(path.read_text("utf-8"))
    entries = [entry for group in content["groups"] for entry in group["rules"]]
    return [
        Ruled(rule, entry["alert"], tuple((entry.get("annotations") or {}).items()))
        for rule, entry in zip(rules, entries, strict=True)
    ]


def _run(test: Test, ruled: Sequence[Ruled], every_s: float) -> Iterator[Failure]:
    interval_s = positive_s(test.interval, "interval") if test.interval else every_s
    about_alerts = _by_time(test.alert_rule_test, every_s)
    about_answers = _by_time(test.promql_expr_test, every_s)
    last = max([*about_alerts, *about_answers], default=-1)
    if last > MOST_STEPS:
        raise InvalidArgument(f"{test.name or 'a test'}: {last} looks at the rules are asked for, at most {MOST_STEPS}")
    with tempfile.TemporaryDirectory(prefix="seaway-rules-") as directory:
        store = _TestStore(Path(directory) / "test.db")
        try:
            described = described_samples(test.input_series, _BEGIN_MS, round(interval_s * 1000))
            store.append(described.samples, described.changes)
            states: list[dict[Labels, Active]] = [{} for _ in ruled]
            for number in range(last + 1):
                now_s = _BEGIN_MS / 1000 + number * every_s
                for place, each in enumerate(ruled):
                    states[place], _ = step(each.rule, states[place], _held(store, each, now_s), now_s)
                store.alerts = list(_alert_series(ruled, states))
                for alert_test in about_alerts.get(number, ()):
                    yield from _alert_failures(alert_test, ruled, states)
                for expr_test in about_answers.get(number, ()):
                    yield from _answer_failures(expr_test, store)
        finally:
            store.close()


def _by_time(tests: Sequence[Any], every_s: float) -> dict[int, list[Any]]:
    """Sort by the last look at the rules that is not after the moment, as promtool does."""
    found: dict[int, list[Any]] = {}
    for each in tests:
        found.setdefault(int(seconds(each.eval_time) / every_s + 1e-9), []).append(each)
    return found


def _held(store: Store, ruled: Ruled, now_s: float) -> dict[Labels, float]:
    try:
        return holding(store, ruled.rule, now_s)
    except InvalidArgument as err:
        raise InvalidArgument(f"alert {ruled.alertname!r} cannot be answered: {err.message}") from err


def _alert_failures(
    test: AlertTest, ruled: Sequence[Ruled], states: Sequence[Mapping[Labels, Active]]
) -> Iterator[Failure]:
    names = sorted({each.alertname for each in ruled})
    if test.alertname not in names:
        # promtool passes such a test when nothing is expected, so that a mistyped name is never found.
        raise InvalidArgument(f"no rule has the name {test.alertname!r}; there are {', '.join(names)}")
    got = [
        _fires(each, alert)
        for each, alerts in zip(ruled, states, strict=True)
        for alert in alerts.values()
        if each.alertname == test.alertname and alert.state is AlertState.FIRING
    ]
    expected = [
        _Fires(_shown({"alertname": test.alertname, **each.exp_labels}), _shown(each.exp_annotations))
        for each in test.exp_alerts
    ]
    if _sorted(got) != _sorted(expected):
        yield Failure(
            f"alertname: {test.alertname}",
            seconds(test.eval_time),
            tuple(_alert_text(each) for each in _sorted(expected)),
            tuple(_alert_text(each) for each in _sorted(got)),
        )


def _fires(ruled: Ruled, alert: Active) -> _Fires:
    labels = dict(alert.labels)
    return _Fires(
        _alert_labels(ruled, alert),
        _shown({name: told(text, labels, alert.value) for name, text in ruled.annotations}),
    )


def _alert_labels(ruled: Ruled, alert: Active) -> Shown:
    labels = {name: value for name, value in alert.labels if name != "__name__"}
    own = {name: told(text, labels, alert.value) for name, text in ruled.rule.labels}
    return _shown({**labels, **own, "alertname": ruled.alertname})


def _alert_series(
    ruled: Sequence[Ruled], states: Sequence[Mapping[Labels, Active]]
) -> Iterator[tuple[tuple[str, str], ...]]:
    """Yield the labels of the series ALERTS that Prometheus makes of alerts."""
    for each, alerts in zip(ruled, states, strict=True):
        for alert in alerts.values():
            yield tuple(sorted((*_alert_labels(each, alert), ("alertstate", alert.state.value))))


class _TestStore(Store):
    """A store in which the alerts of the last look at the rules can be asked for, by the name ALERTS.

    They are not written: what is written has a value for five minutes, and an alert that ended has none at once.
    """

    alerts: Sequence[Labels] = ()

    def read(  # noqa: PLR0913, PLR0917 - as that of every store
        self,
        name: str,
        matchers: Sequence[Matcher],
        after: int,
        until: int,
        step_ms: int = 0,
        idle: bool = False,
    ) -> list[Run]:
        if name != "ALERTS":
            return super().read(name, matchers, after, until, step_ms, idle)
        return [
            Run(Series(name, labels, Kind.GAUGE), [Point(until, 1.0, 1.0, 1.0, 1.0)])
            for labels in dict.fromkeys(self.alerts)
            if all(matcher.fits(dict(labels)) for matcher in matchers)
        ]


def _answer_failures(test: ExprTest, store: Store) -> Iterator[Failure]:
    at_s = seconds(test.eval_time)
    answer = query(store, test.expr, _BEGIN_MS + round(at_s * 1000))
    got = [(_shown(labels), pairs[0][1]) for labels, pairs in rows(answer, [0])]
    # The name of a metric is no part of an answer here, and so none of what is expected.
    expected = [(frozenset(named(each.labels)[1]), each.value) for each in test.exp_samples]
    if not _alike(expected, got):
        yield Failure(f"expr: {test.expr}", at_s, _sample_texts(expected), _sample_texts(got))


def _alike(expected: Sequence[tuple[Shown, float]], got: Sequence[tuple[Shown, float]]) -> bool:
    there = dict(got)
    return (
        len(expected) == len(there)
        and dict(expected).keys() == there.keys()
        and all(math.isclose(value, there[labels], rel_tol=1e-9, abs_tol=1e-12) for labels, value in expected)
    )


def _shown(pairs: Mapping[str, str]) -> Shown:
    """Return what can be compared; what is empty is not there."""
    return frozenset((name, str(value)) for name, value in pairs.items() if value != "" and name != "__name__")


def _sorted(fires: Iterable[_Fires]) -> list[_Fires]:
    return sorted(fires, key=lambda each: (sorted(each.labels), sorted(each.annotations)))


def _alert_text(fires: _Fires) -> str:
    told_of = f" annotations {labels_text(fires.annotations)}" if fires.annotations else ""
    return labels_text(fires.labels) + told_of


def _sample_texts(found: Iterable[tuple[Shown, float]]) -> tuple[str, ...]:
    return tuple(sorted(f"{labels_text(labels)} {value:.12g}" for labels, value in found))
