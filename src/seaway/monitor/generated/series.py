"""PromQL text whose metrics and labels are checked against the catalogue while it is built. Pure.

A dashboard that asks for a metric that was renamed shows an empty panel, and an alert that does never fires: neither is
noticed. So no metric's name is written into an expression by hand: `Catalogue.series` finds it or raises, and every
label that an expression filters or groups by has to be one that the metric has at that point. It knows nothing of what
the expressions are for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seaway import _core

# Prometheus adds them to whatever it scrapes.
TARGET_LABELS = ("job", "instance")

_HISTOGRAM_SUFFIXES = ("_bucket", "_sum", "_count")
_MATCHER = re.compile(r'(?P<label>[a-zA-Z_]\w*)(?:=~|!~|!=|=)"(?:[^"\\]|\\.)*"')
_NAME = re.compile(r"[a-zA-Z_:][\w:]*")


class UnknownSeriesError(LookupError):
    """An expression names a metric or a label that is not there, or uses it as what it is not."""


@dataclass(frozen=True, slots=True)
class Vector:
    """An expression and the labels of its result, in the order that a legend shows them."""

    text: str
    labels: tuple[str, ...]

    def sum_by(self, *labels: str) -> Vector:
        """Return the sum over everything but these labels.

        Raises:  UnknownSeriesError - one of them is not a label of the expression.
        """
        return self._aggregated("sum", labels)

    def min_by(self, *labels: str) -> Vector:
        """Return the smallest value over everything but these labels.

        Raises:  UnknownSeriesError - one of them is not a label of the expression.
        """
        return self._aggregated("min", labels)

    def max_by(self, *labels: str) -> Vector:
        """Return the largest value over everything but these labels.

        Raises:  UnknownSeriesError - one of them is not a label of the expression.
        """
        return self._aggregated("max", labels)

    def quantile(self, share: float) -> Vector:
        """Return a quantile of summed buckets.

        Raises:  UnknownSeriesError - the expression has no buckets any more.
        """
        _check("the expression", self.labels, ["le"])
        rest = tuple(label for label in self.labels if label != "le")
        return Vector(f"histogram_quantile({share:g}, {self.text})", rest)

    def per(self, other: Vector) -> Vector:
        """Return the quotient, and nothing where the divisor is 0: no traffic is not an answer of NaN.

        Raises:  UnknownSeriesError - the two do not have the same labels, so that nothing would match.
        """
        if set(self.labels) != set(other.labels):
            raise UnknownSeriesError(f"labels {self.labels} cannot be divided by labels {other.labels}; sum both alike")
        return Vector(f"{self.text} / ({other.text} > 0)", self.labels)

    def or_zero_of(self, other: Vector) -> Vector:
        """Return the expression, and 0 where only the other has a value: a counter is not there before it counts."""
        return Vector(f"({self.text} or 0 * {other.text})", self.labels)

    def compared(self, condition: str) -> Vector:
        """Return only what fulfils a comparison such as `> 0`."""
        return Vector(f"{self.text} {condition}", self.labels)

    def _aggregated(self, operator: str, labels: Sequence[str]) -> Vector:
        _check("the expression", self.labels, labels)
        by = f" by ({', '.join(labels)})" if labels else ""
        return Vector(f"{operator}{by} ({self.text})", tuple(labels))


@dataclass(frozen=True, slots=True)
class Series:
    """The series of one name, and which of them."""

    name: str
    kind: str
    labels: tuple[str, ...]
    matchers: tuple[str, ...] = ()

    def where(self, *matchers: str) -> Series:
        r"""Return only the series that match, each matcher as PromQL writes it: `model=~"$model"`.

        Raises:  UnknownSeriesError - a matcher is of a label that the metric does not have.
        """
        _check(self.name, self.labels, map(_label_of, matchers))
        return replace(self, matchers=(*self.matchers, *matchers))

    def rate(self, window: str) -> Vector:
        """Return the growth a second.

        Raises:  UnknownSeriesError - a gauge has no rate.
        """
        return self._grown_by("rate", window)

    def increase(self, window: str) -> Vector:
        """Return the growth in a window.

        Raises:  UnknownSeriesError - a gauge has no increase.
        """
        return self._grown_by("increase", window)

    def counted(self, window: str) -> Vector:
        """Return the growth in a window, also of a counter that began in it.

        A counter with labels first appears as 1 and not as 0, where `increase` sees no growth. What happens once must
        not be missed for that.

        Raises:  UnknownSeriesError - a gauge does not count.
        """
        grown = self.increase(window)
        return Vector(f"({self} unless {self} offset {window}) or {grown.text}", self.labels)

    def now(self) -> Vector:
        """Return the values as they are."""
        return Vector(str(self), self.labels)

    def smallest(self, window: str) -> Vector:
        """Return the smallest value of each series in a window."""
        return Vector(f"min_over_time({self}[{window}])", self.labels)

    def largest(self, window: str, before: str) -> Vector:
        """Return the largest value of each series in a window that ended some time ago."""
        return Vector(f"max_over_time({self}[{window}] offset {before})", self.labels)

    def __str__(self) -> str:
        """Return the selector."""
        return self.name + (f"{{{','.join(self.matchers)}}}" if self.matchers else "")

    def _grown_by(self, function: str, window: str) -> Vector:
        if self.kind != "counter":
            raise UnknownSeriesError(f"{self.name} is a {self.kind}, and only a counter has a {function}")
        return Vector(f"{function}({self}[{window}])", self.labels)


class Catalogue:
    """The metrics that a server exposes, by name."""

    def __init__(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Take entries as the compiled catalogue has them: name, kind, help, labels, unit."""
        self._entries = {str(entry["name"]): entry for entry in entries}

    def names(self) -> list[str]:
        """Return all names, without the suffixes of histograms."""
        return list(self._entries)

    def series(self, name: str) -> Series:
        """Return the series of a name as it is scraped: a histogram's ends with `_bucket`, `_sum` or `_count`.

        Raises:  UnknownSeriesError - no metric exposes series of that name.
        """
        entry = self._entry(name)
        if entry is None:
            raise UnknownSeriesError(f"{name} is no series of the catalogue of metrics; docs/metrics.md lists all")
        is_histogram = entry["kind"] == "histogram"
        le = ("le",) if name.endswith("_bucket") and is_histogram else ()
        labels = (*entry["labels"], *le, *TARGET_LABELS)
        return Series(name, "counter" if is_histogram else entry["kind"], labels)

    def exposes(self, name: str) -> bool:
        """Return whether series of that name are scraped."""
        return self._entry(name) is not None

    def meanings(self, expression: str) -> str:
        """Return what the metrics of an expression mean, each once, in the order of the expression."""
        entries = [self._entry(name) for name in metrics_of(expression)]
        return "\n\n".join(dict.fromkeys(entry["help"] for entry in entries if entry is not None))

    def _entry(self, name: str) -> Mapping[str, Any] | None:
        own = self._entries.get(name)
        if own is not None:
            # A histogram has no series of its bare name.
            return None if own["kind"] == "histogram" else own
        base, found = _without_suffix(name)
        entry = self._entries.get(base) if found else None
        return entry if entry is not None and entry["kind"] == "histogram" else None


def compiled() -> Catalogue:
    """Return the catalogue of this build."""
    return Catalogue(json.loads(_core.metrics_catalogue()))


def metrics_of(expression: str) -> list[str]:
    """Return the names of the series that an expression selects, in order and as often as it does."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\boffset\s+\S+", " ", bare)
    words = (match for match in _NAME.finditer(bare) if not bare[: match.start()][-1:].isalnum())
    return [
        match.group()
        for match in words
        if match.group() not in {"and", "or", "unless", "bool"} and not bare[match.end() :].lstrip().startswith("(")
    ]


def _without_suffix(name: str) -> tuple[str, bool]:
    for suffix in _HISTOGRAM_SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix), True
    return name, False


def _label_of(matcher: str) -> str:
    match = _MATCHER.fullmatch(matcher)
    if match is None:
        raise UnknownSeriesError(f'{matcher} is no matcher; write one as label="value"')
    return match["label"]


def _check(what: str, labels: Sequence[str], wanted: Iterable[str]) -> None:
    missing = [label for label in wanted if label not in labels]
    if missing:
        raise UnknownSeriesError(f"{what} has no label {', '.join(missing)}; its labels are {', '.join(labels)}")
