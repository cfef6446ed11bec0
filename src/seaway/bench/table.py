"""The report as text: tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from seaway.bench.comparison import ratios, verdict
from seaway.bench.generator import Measurement
from seaway.bench.report import Comparison, Report, Result
from seaway.bench.run import SearchRun
from seaway.bench.search import Found
from seaway.errors import code_name

# Above this share of one processor the generator, and not the server, may be what was measured.
BUSY_GENERATOR = 0.9
# In a shorter measurement the share is mostly about starting.
_LONG_ENOUGH_S = 0.5
_MS, _S = 1e3, 1e6
_LATENCIES = ("mean", "p50", "p90", "p95", "p99", "p99.9", "max")


def render(report: Report) -> RenderableType:
    """Return the report for a terminal."""
    return Group(_pairs_of(report.facts), Text(), *_result(report.result))


def measurement_rows(measured: Measurement) -> Sequence[tuple[str, str]]:
    """Return what one measurement says: a name and a value each."""
    rows = [
        ("answers", f"{measured.succeeded} in {measured.seconds:.2f} s"),
        ("per second", f"{measured.per_second:.1f}"),
    ]
    if measured.rows > 1:
        rows.append(("rows per second", f"{measured.rows_per_second:.1f}"))
    rows += [(f"{name} latency", time_of(micros)) for name, micros in _ordered(measured.latency_micros)]
    rows.append(("failed", failures_of(measured)))
    if measured.unanswered:
        rows.append(("unanswered", str(measured.unanswered)))
    if measured.stage_micros:
        rows.append(("server's stages", stages_of(measured.stage_micros)))
    rows.append(("generator's own CPU", generator_of(measured)))
    return rows


def time_of(micros: float) -> str:
    """Return a time with the unit that suits it: 431 µs, 12.3 ms, 2.10 s."""
    if micros < _MS:
        return f"{micros:.0f} µs"
    return f"{micros / _MS:.2f} ms" if micros < _S else f"{micros / _S:.2f} s"


def failures_of(measured: Measurement) -> str:
    """Return the failures by kind, with the words of the first; `0` when there is none."""
    if not measured.failed:
        return "0"
    kinds = ", ".join(f"{count} x {kind_of(code)}" for code, count in measured.failures.items())
    return f"{measured.failed}: {kinds}; the first: {measured.first_failure}"


def kind_of(code: str) -> str:
    """Return a failure's code with its canonical name, for instance `grpc 14 UNAVAILABLE`."""
    kind, _, number = code.partition(" ")
    return f"{code} {code_name(int(number))}" if kind == "grpc" and number.isdigit() else code


def stages_of(stage_micros: Mapping[str, float]) -> str:
    """Return the mean time in each stage."""
    return ", ".join(f"{stage} {time_of(micros)}" for stage, micros in stage_micros.items())


def generator_of(measured: Measurement) -> str:
    """Return what the generator itself took, with a warning when it may have been the limit."""
    text = f"{measured.generator_micros:.0f} µs per request, {measured.generator_share:.0%} of a processor"
    busy = measured.generator_share > BUSY_GENERATOR and measured.seconds >= _LONG_ENOUGH_S
    return f"{text}: it may be the limit, not the server" if busy else text


def answer_of(run: SearchRun) -> str:
    """Return the answer of a search in a sentence."""
    objective = ", ".join(map(str, run.objective.bounds))
    if not isinstance(run.answer, Found):
        return f"no rate keeps {objective}: not even {run.answer.lowest:g}/s"
    sure = "" if run.answer.confirmed else " (not confirmed: time ran out)"
    return f"{run.answer.rate:g}/s is the highest rate that keeps {objective}{sure}"


def _result(result: Result) -> Sequence[RenderableType]:
    match result:
        case Measurement():
            interrupted = [Text("Interrupted: this is what was measured until then.")] if result.interrupted else []
            return [*interrupted, _pairs_of(dict(measurement_rows(result)))]
        case Comparison():
            return [_sides(result), Text(), _ratios(result)]
        case SearchRun():
            return [_trials(result), Text(), Text(answer_of(result), style="bold")]


def _pairs_of(values: Mapping[str, str]) -> Table:
    shown = Table(box=None, show_header=False)
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in values.items():
        shown.add_row(name, Text(value))
    return shown


def _sides(comparison: Comparison) -> Table:
    shown = _figures("round", "", "per second", "p50", "p99", "failed", "own CPU")
    for number, pair in enumerate(comparison.pairs, 1):
        for name, measured in (("A", pair.a), ("B", pair.b)):
            shown.add_row(str(number), name, *_row(measured))
    return shown


def _row(measured: Measurement) -> Sequence[str]:
    p50, p99 = (measured.latency_micros.get(name) for name in ("p50", "p99"))
    return (
        f"{measured.per_second:.1f}",
        "" if p50 is None else time_of(p50),
        "" if p99 is None else time_of(p99),
        str(measured.failed),
        f"{measured.generator_micros:.0f} µs",
    )


def _ratios(comparison: Comparison) -> Table:
    shown = _figures("B / A", "median", "lowest", "highest", "pair by pair", "")
    for ratio in ratios(comparison.pairs):
        each = " ".join(f"{value:.3f}" for value in ratio.pairs)
        middle = (f"{ratio.median:.3f}", f"{ratio.lowest:.3f}", f"{ratio.highest:.3f}")
        shown.add_row(ratio.figure, *middle, each, verdict(ratio))
    return shown


def _trials(run: SearchRun) -> Table:
    shown = _figures("rate", "answered/s", "p50", "p99", "failed", "own CPU", "objective", "why tried")
    for trial in run.trials:
        judged = "broken: " + ", ".join(trial.violations) if trial.violations else "kept"
        shown.add_row(f"{trial.measured.rate:g}/s", *_row(trial.measured), judged, trial.why)
    return shown


def _figures(*columns: str) -> Table:
    shown = Table(box=None, header_style="bold")
    for column in columns:
        shown.add_column(
            column, overflow="fold", justify="left" if column in ("", "objective", "why tried") else "right"
        )
    return shown


def _ordered(latencies: Mapping[str, float]) -> Sequence[tuple[str, float]]:
    return [(name, latencies[name]) for name in _LATENCIES if name in latencies]
