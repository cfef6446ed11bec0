"""Whether rules can be asked at all, without data of anybody.

It asks each once of a store in which every metric of the catalogue was seen. What a rule finds in real data is for
`replay`, and whether it finds what it should, for `verdict`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from seaway import _core
from seaway.errors import InvalidArgument
from seaway.monitor.alerts.book import holding
from seaway.monitor.alerts.rule import Rule
from seaway.monitor.generated.series import metrics_of
from seaway.monitor.point import Kind, Point, Sample, Series
from seaway.monitor.store.store import Store

_SEEN_MS = 1_600_000_200_000
"""When each metric was seen, and when it is asked for. Any moment would do."""


class Checked(NamedTuple):
    """A rule, why it can never be answered (empty when it can), and names in it that no server shows."""

    rule: Rule
    problem: str
    unknown: tuple[str, ...]


def check(rules: Sequence[Rule]) -> list[Checked]:
    """Ask every rule once, of a store in which each metric of a server was seen."""
    with tempfile.TemporaryDirectory(prefix="seaway-rules-") as directory:
        store = Store(Path(directory) / "check.db")
        try:
            store.append(_one_of_each())
            return [_checked(store, rule) for rule in rules]
        finally:
            store.close()


def _checked(store: Store, rule: Rule) -> Checked:
    try:
        holding(store, rule, _SEEN_MS / 1000)
    except InvalidArgument as err:
        return Checked(rule, err.message, ())
    names = {series.name for series in store.series("")} | {"up"}
    parts = {f"{name}{part}" for name in names for part in ("_bucket", "_sum", "_count")}
    # Names of others may well be collected beside ours; one that begins as ours is mistyped.
    unknown = [name for name in metrics_of(rule.expr) if name.startswith("seaway_") and name not in names | parts]
    return Checked(rule, "", tuple(dict.fromkeys(unknown)))


def _one_of_each() -> Iterator[Sample]:
    for entry in json.loads(_core.metrics_catalogue()):
        kind = Kind[entry["kind"].upper()]
        labels = tuple(sorted((label, "x") for label in entry["labels"]))
        is_histogram = kind is Kind.HISTOGRAM
        series = Series(entry["name"], labels, kind, (1.0,) if is_histogram else ())
        yield Sample(series, Point(_SEEN_MS, 1.0, 1.0, 1.0, 1.0, [1.0, 0.0] if is_histogram else ()))
