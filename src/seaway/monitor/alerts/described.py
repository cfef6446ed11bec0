"""Tests of rules as a file describes them: promtool's form, so that one file serves Prometheus and the monitor. Pure.

Source: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import promql_parser as promql
import yaml

from seaway.errors import InvalidArgument
from seaway.monitor.alerts.rule import seconds
from seaway.monitor.collect.exposition import Exposition, Histogram, Labels
from seaway.monitor.collect.increase import samples
from seaway.monitor.collect.presence import NOTHING, changes, present
from seaway.monitor.point import Change, Sample

MOST_VALUES = 1_000_000
"""Of one series; more is a mistyped repetition."""
MOST_STEPS = 1_000_000
"""Looks at the rules in one test; more is a mistyped moment."""

_NUMBER = r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|[iI]nf|[nN]a[nN])"
_VALUE = re.compile(rf"(?P<first>{_NUMBER})(?:(?P<step>[+-](?!\+|-){_NUMBER})?x(?P<times>\d+))?")
_GAP = re.compile(r"_(?:x(?P<times>\d+))?")

Values = list[float | None]
Key = tuple[str, Labels]


class Described(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A series and its values, as they are written."""

    series: str
    values: str


class ExpectedAlert(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An alert that fires; `alertname` and nothing else may be left out of its labels."""

    exp_labels: dict[str, str] = {}
    exp_annotations: dict[str, str] = {}


class AlertTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which alerts of a name fire at a moment: these and no others."""

    alertname: str
    eval_time: str = "0"
    exp_alerts: list[ExpectedAlert] = []


class ExpectedSample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value and whose it is."""

    labels: str = "{}"
    value: float = 0.0


class ExprTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a question answers at a moment."""

    expr: str
    eval_time: str = "0"
    exp_samples: list[ExpectedSample] = []


class Test(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Series, and what is expected of the rules over them."""

    __test__ = False  # pytest would take it for one of its own.

    interval: str = ""
    name: str = ""
    input_series: list[Described] = []
    alert_rule_test: list[AlertTest] = []
    promql_expr_test: list[ExprTest] = []
    external_labels: dict[str, str] = {}
    external_url: str = ""


class TestFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole file."""

    __test__ = False

    tests: list[Test]
    rule_files: list[str] = []
    evaluation_interval: str = "1m"
    group_eval_order: list[str] = []
    fuzzy_compare: bool = False


def read_tests(path: Path) -> TestFile:
    """Return what a file describes.

    Raises:  InvalidArgument - it cannot be read or is not of the form; names the file, the place and the fix.
    """
    try:
        # All scalars as text: a version label `1` is no number, and Prometheus reads it as text too.
        content: Any = yaml.load(path.read_text("utf-8"), yaml.BaseLoader)
    except OSError as err:
        raise InvalidArgument(f"{path} cannot be read: {err.strerror}") from err
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise InvalidArgument(f"{path} is no YAML: {err}") from err
    try:
        return msgspec.convert(_without_empty(content), TestFile, strict=False)
    except msgspec.ValidationError as err:
        raise InvalidArgument(f"{path}: {err}; the form is that of `promtool test rules`") from err


def _without_empty(content: Any) -> Any:
    """Drop what is written without a value, such as `exp_alerts:`: it stands for none."""
    if isinstance(content, dict):
        return {name: _without_empty(value) for name, value in content.items() if value != ""}
    if isinstance(content, list):
        return [_without_empty(each) for each in content]
    return content


def positive_s(text: str, what: str) -> float:
    """Return a duration above 0 in seconds.

    Raises:  InvalidArgument - it is none.
    """
    found = seconds(text)
    if found <= 0:
        raise InvalidArgument(f"{what} {text!r} is not above 0; write for instance 1m")
    return found


def values(text: str) -> Values:
    """Return the values that a notation stands for, None where the series was not seen.

    `1+2x3` is 1 3 5 7, `4x2` is 4 4 4, `_` is one gap and `_x3` are three. `stale` is a gap as well: the monitor, like
    any reader of the text format, learns of no end of a series, which so keeps its last value for five minutes.

    Raises:  InvalidArgument - a word is none of these; names it.
    """
    found: Values = []
    for word in text.split():
        found.extend(_expanded(word))
        if len(found) > MOST_VALUES:
            raise InvalidArgument(f"{word!r} makes more than {MOST_VALUES} values; repeat less often")
    return found


def _expanded(word: str) -> Values:
    if word == "stale":
        return [None]
    gap = _GAP.fullmatch(word)
    if gap:
        return [None] * _times(gap["times"] or "1", word)
    match = _VALUE.fullmatch(word)
    if match is None:
        hint = "; native histograms are not kept by the monitor" if word.startswith("{{") else ""
        raise InvalidArgument(
            f"{word!r} is no value; expected for instance 5, 1+2x3, 1-2x3, 4x2, _, _x3 or stale{hint}"
        )
    first, step = float(match["first"]), float(match["step"] or 0.0)
    return [first + step * number for number in range(_times(match["times"] or "0", word) + 1)]


def _times(text: str, word: str) -> int:
    if len(text) > len(str(MOST_VALUES)) or int(text) > MOST_VALUES:
        raise InvalidArgument(f"{word!r} makes more than {MOST_VALUES} values; repeat less often")
    return int(text)


def named(text: str) -> Key:
    """Return the name, which may be empty, and the sorted labels of a series as PromQL writes it.

    Raises:  InvalidArgument - it is not written so, or does not say what a label is.
    """
    if text.replace(" ", "") in {"", "{}"}:
        return "", ()
    try:
        tree: Any = promql.parse(text)
    except ValueError as err:
        raise InvalidArgument(f'{text!r} is no series: {err}; write it as name{{label="value"}}') from err
    if not isinstance(tree, promql.VectorSelector) or tree.matchers.or_matchers or tree.offset or tree.at:
        raise InvalidArgument(f'{text!r} is no series; write it as name{{label="value"}}')
    labels: dict[str, str] = {"__name__": tree.name or ""}
    for each in tree.matchers.matchers:
        if each.op != promql.MatchOp.Equal:
            raise InvalidArgument(f"{text!r}: the label {each.name} has to be given with =")
        labels[each.name] = each.value
    name = labels.pop("__name__")
    return name, tuple(sorted((label, value) for label, value in labels.items() if value))


class Kept(NamedTuple):
    """What a collector would keep."""

    samples: list[Sample]
    changes: list[Change]


def described_samples(series: Sequence[Described], begin_ms: int, interval_ms: int) -> Kept:
    """Return what a collector would keep if servers had shown these series at every interval.

    Names that end with `_total`, `_sum` or `_count` are counters, those with `_bucket` and a label `le` histograms, and
    all others gauges. As at any first look, what counters say at the first moment was added before it and counts
    nowhere; one that appears later began at 0.

    Raises:  InvalidArgument - a series cannot be read; names it.
    """
    columns = {}
    for each in series:
        try:
            key = named(each.series)
            if not key[0]:
                raise InvalidArgument("it has no name")
            columns[key] = values(each.values)
        except InvalidArgument as err:
            raise InvalidArgument(f"series {each.series!r}: {err.message}") from err
    before: Exposition | None = None
    there, kept = NOTHING, Kept([], [])
    for number in range(max((len(column) for column in columns.values()), default=0)):
        now = exposition({key: column[number] for key, column in columns.items() if number < len(column)})
        at = begin_ms + number * interval_ms
        kept.samples.extend(samples(before, now, at, ()))
        earlier, there = there, present(there, now, at, ())
        kept.changes.extend(changes(earlier, there))
        before = now if before is None else _remembered(before, now)
    kept.changes.extend(changes(there, NOTHING))
    return kept


def exposition(totals: Mapping[Key, float | None]) -> Exposition:
    """Return what a server said, from the last values of its series; a series without one was not said."""
    found = Exposition({}, {}, {})
    histograms = {
        (name.removesuffix("_bucket"), _without_le(labels)) for name, labels in totals if _is_bucket(name, labels)
    }
    names = {name for name, _ in histograms}
    for (name, labels), value in totals.items():
        if value is None or not math.isfinite(value):  # Not-a-number is no value to the collector either.
            continue
        base, part = _part(name)
        if part and base in names:
            continue
        kind = found.counters if part in {"_sum", "_count"} or name.endswith("_total") else found.gauges
        kind[name, labels] = value
    for who in histograms:
        whole = _histogram(who, totals)
        if whole is not None:
            found.histograms[who] = whole
    return found


def _histogram(who: Key, totals: Mapping[Key, float | None]) -> Histogram | None:
    name, labels = who
    buckets = {}
    for (other, those), value in totals.items():
        if other == f"{name}_bucket" and value is not None and _without_le(those) == labels:
            buckets[_bound(dict(those).get("le", ""))] = value
    if not buckets:
        return None
    edges = sorted(bound for bound in buckets if bound != math.inf)
    count = totals.get((f"{name}_count", labels))
    if count is None:
        count = buckets[max(buckets)]
    total = totals.get((f"{name}_sum", labels)) or 0.0
    return Histogram(tuple(edges), tuple(buckets[bound] for bound in edges), total, count)


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidArgument(f"le={text!r} is no bound; write a number or +Inf") from None


def _is_bucket(name: str, labels: Labels) -> bool:
    return name.endswith("_bucket") and any(label == "le" for label, _ in labels)


def _without_le(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != "le")


def _part(name: str) -> tuple[str, str]:
    for ending in ("_bucket", "_sum", "_count"):
        if name.endswith(ending):
            return name.removesuffix(ending), ending
    return name, ""


def _remembered(before: Exposition, now: Exposition) -> Exposition:
    """Return what was said last of everything: a gap is a look that failed, after which a total goes on."""
    return Exposition(before.counters | now.counters, {}, before.histograms | now.histograms)
