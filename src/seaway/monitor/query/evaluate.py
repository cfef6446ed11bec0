"""Answers a question in PromQL: what dashboards, rules and people commonly ask. Pure but for reading the store.

promql-parser reads the language; this walks its tree. What is not among the common cases is refused by its name, never
answered wrongly. Differences to Prometheus: rate() and increase() are exact sums of what was added in the window, not
extrapolated ones, and the bare name of a counter has no value, since additions are kept and not totals.

Source: https://prometheus.io/docs/prometheus/latest/querying/basics/
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import promql_parser as promql

from seaway.errors import InvalidArgument
from seaway.monitor.histogram import quantile
from seaway.monitor.query.matching import matchers_of
from seaway.monitor.query.selection import (
    OVER_TIME,
    Selector,
    bucket_increases,
    increase,
    instant,
    over_time,
)
from seaway.monitor.question import Labels, Moments, Result, Values, Vector
from seaway.monitor.store.store import Store

_MOST_MOMENTS = 11_000


def query(store: Store, text: str, at: int) -> Result:
    """Return the answer at one moment: a number, or one value per set of labels (arrays of one value).

    Units:   at in milliseconds since the Unix epoch.

    Raises:  InvalidArgument - the question cannot be read, or asks for what there is not; says what.
    """
    return _answer(store, text, Moments(np.array([at], dtype=np.int64), 0))


def query_range(store: Store, text: str, start: int, end: int, step: int) -> tuple[Moments, Result]:
    """Return the answers from `start` to `end`, both included. Raises as `query` does. Units: milliseconds."""
    if step <= 0 or end < start:
        raise InvalidArgument(
            f"start {start}, end {end}, step {step}: the step is above 0, the end not before the start"
        )
    number = (end - start) // step + 1
    if number > _MOST_MOMENTS:
        raise InvalidArgument(f"{number} moments are asked for, at most {_MOST_MOMENTS}: choose a longer step")
    moments = Moments(np.arange(start, end + 1, step, dtype=np.int64), step)
    return moments, _answer(store, text, moments)


def _answer(store: Store, text: str, moments: Moments) -> Result:
    elsewhere = store.answer(text, moments)
    return _Question(store, moments).answer(parsed(text)) if elsewhere is None else elsewhere


@lru_cache(maxsize=512)
def parsed(text: str) -> Any:
    """Return the tree of a question. Raises: InvalidArgument."""
    try:
        return promql.parse(text)
    except ValueError as err:
        raise InvalidArgument(f"{text!r} is no PromQL: {err}") from err


class _Question:
    """One question at its moments."""

    def __init__(self, store: Store, moments: Moments) -> None:
        self._store = store
        self._moments = moments

    def answer(self, tree: Any) -> Result:  # noqa: PLR0911 - one for each kind of node
        match tree:
            case promql.NumberLiteral():
                return float(tree.val)
            case promql.ParenExpr():
                return self.answer(tree.expr)
            case promql.UnaryExpr():
                return _each(operator.neg, self.answer(tree.expr))
            case promql.VectorSelector():
                return instant(self._store, _selector(tree), self._moments)
            case promql.Call():
                return self._call(tree)
            case promql.AggregateExpr():
                return _aggregated(tree, self._vector(tree.expr))
            case promql.BinaryExpr():
                return _binary(tree, self.answer(tree.lhs), self.answer(tree.rhs))
            case promql.MatrixSelector():
                raise InvalidArgument("a time in [] stands inside a function, as in rate(…[5m])")
            case _:
                raise InvalidArgument(f"{type(tree).__name__} is not among what can be asked here")

    def _vector(self, tree: Any) -> Vector:
        # The parser knows what a function takes: nothing else comes here.
        found = self.answer(tree)
        return {} if isinstance(found, float) else found

    def _number(self, tree: Any) -> float:
        found = self.answer(tree)
        return found if isinstance(found, float) else math.nan

    def _call(self, tree: Any) -> Result:  # noqa: PLR0911 - one for each function
        name, arguments = tree.func.name, tree.args
        if name in {"rate", "increase"}:
            selector, range_ms = _range(name, arguments[0])
            added = increase(self._store, selector, range_ms, self._moments)
            return added if name == "increase" else _each(lambda values: values / (range_ms / 1000), added)
        if name in OVER_TIME:
            selector, range_ms = _range(name, arguments[0])
            return over_time(self._store, selector, range_ms, self._moments, name)
        match name:
            case "histogram_quantile" if (summed := self._summed_buckets(arguments[1])) is not None:
                share = self._number(arguments[0])
                return {labels: _column_quantiles(share, *of_group) for labels, of_group in summed.items()}
            case "histogram_quantile":
                return _quantiles(self._number(arguments[0]), self._vector(arguments[1]))
            case "abs" | "ceil" | "floor" | "sqrt":
                return _each(getattr(np, name), self.answer(arguments[0]))
            case "clamp_min" | "clamp_max":
                bound = self._number(arguments[1])
                clamp = np.maximum if name == "clamp_min" else np.minimum
                return _each(lambda values: clamp(values, bound), self.answer(arguments[0]))
            case "vector":
                return {(): np.full(len(self._moments.times), self._number(arguments[0]))}
            case "absent":
                return _absent(arguments[0], self._vector(arguments[0]), len(self._moments.times))
            case _:
                raise InvalidArgument(f"the function {name} is not among what can be asked here: {_FUNCTIONS}")

    def _summed_buckets(self, tree: Any) -> dict[Labels, tuple[tuple[float, ...], Values]] | None:
        """Return the bounds and summed totals of `sum by (…, le) (rate(x_bucket[…]))`, None for any other question.

        It is what every latency on a dashboard asks; taken as whole histograms it costs a tenth of the general way.
        """
        if not (
            isinstance(tree, promql.AggregateExpr) and str(tree.op) == "sum" and isinstance(tree.expr, promql.Call)
        ):
            return None
        if tree.expr.func.name not in {"rate", "increase"} or not _grouped((("le", ""),), tree.modifier):
            return None
        found = bucket_increases(self._store, *_range("rate", tree.expr.args[0]), self._moments)
        if found is None:
            return None
        groups: dict[Labels, tuple[tuple[float, ...], Values]] = {}
        for each in found:
            group = _grouped(each.labels, tree.modifier)
            bounds, totals = groups.get(group, (each.bounds, np.zeros_like(each.totals)))
            if bounds != each.bounds:
                return None  # Servers of several kinds: bound by bound.
            groups[group] = (bounds, totals + each.totals)
        return groups


_FUNCTIONS = (
    "rate, increase, histogram_quantile, abs, ceil, floor, sqrt, clamp_min, clamp_max, vector, absent, "
    + ", ".join(sorted(OVER_TIME))
)


def _selector(tree: Any) -> Selector:
    name, matchers = matchers_of(tree)
    offset = tree.offset
    return Selector(name, matchers, round(offset.total_seconds() * 1000) if offset else 0)


def _range(function: str, tree: Any) -> tuple[Selector, int]:
    if not isinstance(tree, promql.MatrixSelector):
        raise InvalidArgument(f"{function} takes a selector and a time, as in {function}(name[5m])")
    range_ms = round(tree.range.total_seconds() * 1000)
    return _selector(tree.vector_selector), range_ms


def _each(function: Callable[[Any], Any], result: Result) -> Result:
    if isinstance(result, float):
        return float(function(result))
    return {_without(labels, ("__name__",)): function(values) for labels, values in result.items()}


def _absent(tree: Any, vector: Vector, length: int) -> Vector:
    there = np.zeros(length, dtype=bool)
    for values in vector.values():
        there |= ~np.isnan(values)
    labels: Labels = ()
    if isinstance(tree, promql.VectorSelector):  # What is missed has the labels that it was asked for.
        _, matchers = matchers_of(tree)
        labels = tuple(sorted((each.label, each.value) for each in matchers if each.is_equal and not each.is_pattern))
    return {labels: np.where(there, np.nan, 1.0)}


def _aggregated(tree: Any, vector: Vector) -> Vector:
    name = str(tree.op)
    reduce = _AGGREGATES.get(name)
    if reduce is None:
        raise InvalidArgument(f"the aggregation {name} is not among what can be asked here: {', '.join(_AGGREGATES)}")
    groups: dict[Labels, list[Values]] = {}
    for labels, values in vector.items():
        groups.setdefault(_grouped(labels, tree.modifier), []).append(values)
    with np.errstate(all="ignore"):
        return {labels: _reduced(reduce, np.array(rows)) for labels, rows in groups.items()}


def _reduced(reduce: Callable[..., Any], rows: Values) -> Values:
    there = ~np.isnan(rows)
    found = reduce(rows, there)
    return np.where(there.any(axis=0), found, np.nan)


_AGGREGATES: dict[str, Callable[[Values, Any], Values]] = {
    "sum": lambda rows, there: np.where(there, rows, 0.0).sum(axis=0),
    "avg": lambda rows, there: np.where(there, rows, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1),
    "min": lambda rows, there: np.where(there, rows, np.inf).min(axis=0),
    "max": lambda rows, there: np.where(there, rows, -np.inf).max(axis=0),
    "count": lambda rows, there: there.sum(axis=0).astype(np.float64),
}


def _grouped(labels: Labels, modifier: Any) -> Labels:
    if modifier is None:
        return ()
    names = set(modifier.labels)
    if modifier.type == promql.AggModifierType.By:
        return tuple(pair for pair in labels if pair[0] in names)
    return _without(labels, names)


def _without(labels: Labels, names: Any) -> Labels:
    return tuple(pair for pair in labels if pair[0] not in names)


def _quantiles(share: float, vector: Vector) -> Vector:
    groups: dict[Labels, list[tuple[float, Values]]] = {}
    for labels, values in vector.items():
        le = dict(labels).get("le")
        if le is not None:
            groups.setdefault(_without(labels, ("le",)), []).append((float(le), values))
    return {labels: _quantile(share, rows) for labels, rows in groups.items()}


def _quantile(share: float, rows: list[tuple[float, Values]]) -> Values:
    rows.sort(key=lambda row: row[0])
    bounds = [bound for bound, _ in rows if math.isfinite(bound)]
    totals = np.nan_to_num(np.array([values for _, values in rows]))
    counts = np.diff(totals, axis=0, prepend=0.0).clip(min=0.0)
    if len(bounds) == len(rows):  # Without the infinite bucket nothing is above the last bound.
        counts = np.vstack([counts, np.zeros((1, counts.shape[1]))])
    return _estimates(share, bounds, counts.T)


def _column_quantiles(share: float, bounds: Sequence[float], totals: Values) -> Values:
    return _estimates(share, bounds, np.diff(totals, axis=1, prepend=0.0).clip(min=0.0))


def _estimates(share: float, bounds: Sequence[float], counts: Values) -> Values:
    found = [quantile(share, bounds, row) for row in counts]
    return np.array([each.estimate if each is not None else np.nan for each in found])


def _binary(tree: Any, left: Result, right: Result) -> Result:
    name = str(tree.op)
    modifier = tree.modifier
    if name in {"and", "or", "unless"}:
        return _set(name, modifier, left, right)
    operation = _OPERATORS.get(name)
    if operation is None:
        raise InvalidArgument(f"the operator {name} is not among what can be asked here")
    is_filter = name in _COMPARISONS and not (modifier is not None and modifier.return_bool)
    with np.errstate(all="ignore"):
        if isinstance(left, float) and isinstance(right, float):
            return float(operation(np.float64(left), np.float64(right)))
        return {
            labels: np.where(operation(a, b), kept, np.nan) if is_filter else _nan_kept(operation(a, b), a, b)
            for labels, a, b, kept in _paired(modifier, left, right)
        }


def _nan_kept(result: Any, a: Any, b: Any) -> Values:
    # A comparison with not-a-number is False, which would be a value where there is none.
    found: Values = np.where(np.isnan(a) | np.isnan(b), np.nan, result)
    return found


def _paired(modifier: Any, left: Result, right: Result) -> Any:
    """Yield labels, both sides, and what a filter keeps, for every pair that belongs together."""
    if isinstance(left, float):
        for labels, values in {}.items() if isinstance(right, float) else right.items():
            yield labels, left, values, values
        return
    if isinstance(right, float):
        for labels, values in left.items():
            yield labels, values, right, values
        return
    if modifier is not None and modifier.card != promql.VectorMatchCardinality.OneToOne:
        raise InvalidArgument(
            "group_left and group_right are not among what can be asked here: sum the finer side first"
        )
    others = _one_by_key(right, modifier, "right")
    for key, values in _one_by_key(left, modifier, "left").items():
        if key in others:
            yield key, values, others[key], values


def _one_by_key(vector: Vector, modifier: Any, side: str) -> Vector:
    """Return one series for each key. Raises: InvalidArgument - two have a value at the same moment."""
    found: Vector = {}
    for labels, values in vector.items():
        key = _matched(labels, modifier)
        other = found.get(key)
        if other is None:
            found[key] = values
        elif (~np.isnan(other) & ~np.isnan(values)).any():
            raise InvalidArgument(f"several series on the {side} are alike in {dict(key)}: sum them first")
        else:
            found[key] = np.where(np.isnan(other), values, other)
    return found


def _matched(labels: Labels, modifier: Any) -> Labels:
    matching = modifier.matching if modifier is not None else None
    if matching is None:
        return labels
    names = set(matching.labels)
    if matching.type == promql.LabelModifierType.Include:
        return tuple(pair for pair in labels if pair[0] in names)
    return _without(labels, names)


def _set(name: str, modifier: Any, left: Result, right: Result) -> Vector:
    if isinstance(left, float) or isinstance(right, float):
        return {}  # The parser lets series only come here.
    if name == "or":
        has_left = _present(left, modifier)
        found = dict(left)
        for labels, values in right.items():
            added = np.where(has_left.get(_matched(labels, modifier), False), np.nan, values)
            found[labels] = np.where(np.isnan(found[labels]), added, found[labels]) if labels in found else added
        return found
    has_right = _present(right, modifier)
    kept: Vector = {}
    for labels, values in left.items():
        other = has_right.get(_matched(labels, modifier), False)
        kept[labels] = np.where(other if name == "and" else np.logical_not(other), values, np.nan)
    return kept


def _present(vector: Vector, modifier: Any) -> dict[Labels, Any]:
    """Return at which moments any series of a key has a value."""
    found: dict[Labels, Any] = {}
    for labels, values in vector.items():
        key = _matched(labels, modifier)
        found[key] = found.get(key, False) | ~np.isnan(values)
    return found


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": np.fmod,
    "^": operator.pow,
    **_COMPARISONS,
}


def rows(result: Result, moments: Sequence[int]) -> list[tuple[dict[str, str], list[tuple[int, float]]]]:
    """Return an answer as labels and (moment, value) pairs, without those that have none."""
    if isinstance(result, float):
        return [({}, [(int(at), result) for at in moments])]
    found = []
    for labels, values in sorted(result.items()):
        pairs = [(int(at), float(value)) for at, value in zip(moments, values, strict=True) if not math.isnan(value)]
        if pairs:
            found.append((dict(labels), pairs))
    return found
