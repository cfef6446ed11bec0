"""What a run of `seaway bench` has to tell, before it is told as text, JSON or a page."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seaway.bench.comparison import Pair, ratios
from seaway.bench.generator import Measurement
from seaway.bench.run import SearchRun


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two servers measured in turn."""

    pairs: tuple[Pair, ...]


Result = Measurement | Comparison | SearchRun


@dataclass(frozen=True, slots=True)
class Report:
    """A result, and the facts that say what was asked of whom."""

    facts: Mapping[str, str]
    result: Result


def as_json(report: Report) -> str:
    """Return the whole report as JSON: `facts`, and `measurement`, `comparison` or `search`."""
    return json.dumps({"facts": dict(report.facts), **_result(report.result)}, indent=2)


def _result(result: Result) -> Mapping[str, Any]:
    match result:
        case Measurement():
            return {"measurement": _measurement(result)}
        case Comparison():
            return {
                "comparison": {
                    "ratios_b_to_a": [dataclasses.asdict(ratio) for ratio in ratios(result.pairs)],
                    "pairs": [{"a": _measurement(pair.a), "b": _measurement(pair.b)} for pair in result.pairs],
                }
            }
        case SearchRun():
            return {"search": _search(result)}


def _search(run: SearchRun) -> Mapping[str, Any]:
    return {
        "objective": [str(bound) for bound in run.objective.bounds],
        "found": dataclasses.asdict(run.answer) if hasattr(run.answer, "rate") else None,
        "seconds": run.seconds,
        "trials": [
            {"why": trial.why, "violations": trial.violations, "measurement": _measurement(trial.measured)}
            for trial in run.trials
        ],
    }


def _measurement(measured: Measurement) -> Mapping[str, Any]:
    own = {
        "rows_per_second": measured.rows_per_second,
        "generator_micros_per_request": measured.generator_micros,
        "generator_share": measured.generator_share,
    }
    return {**dataclasses.asdict(measured), **own}
