"""The lines of the one table: figures, and what they are held against, as text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from bench import table
from bench.limits import Limit
from bench.load import Report
from bench.overload import Case, Overload
from bench.rows import Row
from bench.serving import SYNCHRONOUS
from bench.verdict import Met, Reference, Spread, Target, Verdict, grows, judge, spread

TENSORFLOW = "tensorflow"
COLUMNS = (
    "",
    "engine",
    "measured",
    "spread",
    "p99",
    "reference",
    "ratio",
    "target",
    "met",
    "engine by itself",
    "share",
)
_GOODPUT = Target(0.9)
_MILLISECONDS = Target(1.0, at_most=True)
_REFUSED_WITHIN_MICROS = 10_000.0


@dataclass(frozen=True, slots=True)
class Line:
    """One line; empty where nothing can be said."""

    what: str
    engine: str = ""
    measured: str = ""
    spread: str = ""
    p99: str = ""
    reference: str = ""
    ratio: str = ""
    target: str = ""
    met: Met = ""
    limit: str = ""
    share: str = ""

    def cells(self) -> tuple[str, ...]:
        """The cells in the order of the columns."""
        return tuple(asdict(self).values())


Reports = Mapping[str, Mapping[str, Sequence[Report]]]
"""By the name of a variant, then of a row."""
Limits = Mapping[str, Mapping[str, Limit]]
"""By the name of an engine, then of a model."""


def row_lines(row: Row, reports: Reports, limits: Limits) -> Iterator[Line]:
    """The best engine against the target, then the tensorflow engine against its own, then what else was measured."""
    by_variant = {name: reports[name][row.name] for name in reports if reports[name].get(row.name)}
    engines = [name for name in by_variant if name in limits]
    if not engines:
        return
    better = min if row.figure == "p50" else max
    best = better(engines, key=lambda name: _figures(row, by_variant[name]).median)
    yield _row_line(row, best, by_variant[best], row.target, limits)
    for name, reports_of in by_variant.items():
        if name == TENSORFLOW:
            yield _row_line(row, f"{TENSORFLOW} alone", reports_of, row.alone, limits)
        elif name != best:
            yield _row_line(row, name, reports_of, None, limits)


def overload_lines(case: Case, engine: str, overload: Overload) -> Iterator[Line]:
    """Goodput, refusals and memory of one overload."""
    what, goodput = f"overload 3x: {case.title}", overload.goodput
    peak, over = overload.peak_rate, overload.over["per_second"]
    verdict = judge(goodput, Reference.of(1.0), _GOODPUT if case.judged else None)
    p99 = table.micros(overload.over["latency_micros"]["p99"])
    target = "≥ 0.9x" if case.judged else ""
    rates = f"{table.per_second(over)} of {table.per_second(peak)}"
    yield Line(f"{what}, answered within {case.deadline_s:g} s", engine, rates, "", p99, "the peak", f"{goodput:.2f}x",
               target, verdict.met)  # fmt: skip
    refusal = overload.refusal_micros
    if refusal is not None:
        soon = judge(refusal["p99"], Reference.of(_REFUSED_WITHIN_MICROS), _MILLISECONDS).met
        yield Line("  time to a refusal, p50 and p99", engine, table.micros(refusal["p50"]), "",
                   table.micros(refusal["p99"]), "", "", "≤ 10 ms", soon)  # fmt: skip
    before, *during, after = overload.memory_bytes
    sizes = " → ".join(table.mebibytes(size) for size in (before, max([*during, before]), after))
    yield Line("  memory before, highest, after", engine, sizes, "", "", "", "", "no growth", _bounded(during))


def target_text(target: Target | None) -> str:
    """A target as people write it."""
    return "" if target is None else f"{'≤' if target.at_most else '≥'} {target.factor:g}x"


def ratio_text(verdict: Verdict) -> str:
    """A ratio, or both where the reference is a range."""
    if verdict.to_low == verdict.to_high:
        return f"{verdict.to_low:.2f}x"
    return f"{verdict.to_high:.2f}-{verdict.to_low:.2f}x"


def _bounded(during: Sequence[int]) -> Met:
    return "no" if grows(during) else "yes"


def _figures(row: Row, reports: Sequence[Report]) -> Spread:
    if row.figure == "p50":
        return spread([float(report["latency_micros"]["p50"]) for report in reports])
    return spread([float(report["per_second"]) * row.rows for report in reports])


def _row_line(row: Row, engine: str, reports: Sequence[Report], target: Target | None, limits: Limits) -> Line:
    figures = _figures(row, reports)
    verdict = judge(figures.median, row.reference, target)
    show = table.micros if row.figure == "p50" else table.per_second
    reference = row.reference
    shown = show(reference.low) if reference.low == reference.high else f"{reference.low:g}-{show(reference.high)}"
    runs_on = TENSORFLOW if engine == SYNCHRONOUS.name else engine.removesuffix(" alone")
    limit = limits.get(runs_on, {}).get(row.subject.name)
    p99 = spread([float(report["latency_micros"]["p99"]) for report in reports]).median
    failed = sum(int(report["failed"]) for report in reports)
    return Line(
        row.title + (f" ({failed} failed)" if failed else ""),
        engine,
        show(figures.median),
        _spread_text(figures),
        table.micros(p99),
        shown,
        ratio_text(verdict),
        target_text(target),
        verdict.met,
        _limit_text(row, limit),
        _share_text(row, figures.median, limit),
    )


def _spread_text(figures: Spread) -> str:
    return f"{figures.lowest / figures.median - 1:+.0%} {figures.highest / figures.median - 1:+.0%}"


def _limit_text(row: Row, limit: Limit | None) -> str:
    if limit is None:
        return ""
    if row.figure == "p50":
        return table.micros(limit.p50_micros)
    return f"{table.per_second(limit.rows_per_second)} ({limit.threads} x {limit.joined})"


def _share_text(row: Row, figure: float, limit: Limit | None) -> str:
    if limit is None:
        return ""
    return f"{limit.p50_micros / figure:.0%}" if row.figure == "p50" else f"{figure / limit.rows_per_second:.0%}"
