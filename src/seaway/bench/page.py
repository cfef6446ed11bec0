"""The report as one HTML file that needs nothing else: no script, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from seaway.bench.comparison import ratios, verdict
from seaway.bench.generator import Measurement, Window
from seaway.bench.report import Comparison, Report
from seaway.bench.run import SearchRun
from seaway.bench.svg import Axis, Series, line_chart, linear_axis, nines, percentile_axis, stacked_bars
from seaway.bench.table import answer_of, measurement_rows, time_of

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1e293b; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; padding: .25rem 1rem .25rem 0; border-bottom: 1px solid #e2e8f0; vertical-align: top; }
svg { display: block; width: 100%; margin: 1.5rem 0; font-size: 12px; fill: #334155; }
svg .title { font-weight: 600; font-size: 14px; } svg .grid { stroke: #e2e8f0; } .answer { font-weight: 600; }
svg .mark { stroke: #dc2626; stroke-dasharray: 6 4; }
"""


def html_page(report: Report) -> str:
    """Return the whole page."""
    match report.result:
        case Measurement():
            body = _measurement(report.result)
        case Comparison():
            body = _comparison(report.result)
        case SearchRun():
            body = _search(report.result)
    title = f"seaway bench: {report.facts.get('model', '')}"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1>\n{_facts(report.facts)}\n{body}\n</body></html>\n"
    )


def _measurement(measured: Measurement) -> str:
    parts = [_facts(dict(measurement_rows(measured))), _latency_curves({"latency": measured})]
    parts += [_throughput(measured), _latency_over_time(measured)]
    if measured.stage_micros:
        parts.append(stacked_bars("Mean time in the server's stages", {"mean": measured.stage_micros}, "µs"))
    return "\n".join(parts)


def _comparison(comparison: Comparison) -> str:
    found = ratios(comparison.pairs)
    rows = [
        (ratio.figure, f"{ratio.median:.3f}", f"{ratio.lowest:.3f} to {ratio.highest:.3f}", verdict(ratio))
        for ratio in found
    ]
    highest = max((ratio.highest for ratio in found), default=1.0)
    rounds = linear_axis("round", max(len(comparison.pairs), 1), count=max(len(comparison.pairs), 1))
    series = [Series(ratio.figure, list(enumerate(ratio.pairs, 1))) for ratio in found]
    chart = line_chart("B / A by round", rounds, linear_axis("B / A", max(highest, 1.0)), series, (1.0, "equal"))
    parts = [_table(("B / A", "median", "spread", ""), rows), chart]
    if comparison.pairs:
        last = comparison.pairs[-1]
        parts.append(_latency_curves({"A": last.a, "B": last.b}, "Latency by percentile, last round"))
        staged = {name: one.stage_micros for name, one in (("A", last.a), ("B", last.b)) if one.stage_micros}
        if staged:
            parts.append(stacked_bars("Mean time in the servers' stages, last round", staged, "µs"))
    each = [
        (str(number), name, f"{one.per_second:.1f}", _latency(one, "p50"), _latency(one, "p99"), str(one.failed))
        for number, pair in enumerate(comparison.pairs, 1)
        for name, one in (("A", pair.a), ("B", pair.b))
    ]
    return "\n".join([*parts, _table(("round", "", "per second", "p50", "p99", "failed"), each)])


def _search(run: SearchRun) -> str:
    bound = run.objective.bounds[0]
    tried = [(trial, trial.measured.latency_micros.get(bound.figure)) for trial in run.trials]
    kept = [(one.measured.rate or 0.0, micros / 1e3) for one, micros in tried if micros and not one.violations]
    broken = [(one.measured.rate or 0.0, micros / 1e3) for one, micros in tried if micros and one.violations]
    rates = linear_axis("requests per second", max((rate for rate, _ in kept + broken), default=1.0))
    # A rate beyond capacity has latencies without bound; the interesting ones are around the objective.
    times = linear_axis(f"{bound.figure}, ms", bound.micros / 1e3 * 2)
    within = [(rate, min(time, times.ticks[-1][0])) for rate, time in broken]
    series = [Series("kept", kept, line=False), Series("broken", within, line=False)]
    chart = line_chart(f"{bound.figure} latency by rate", rates, times, series, (bound.micros / 1e3, str(bound)))
    rows = [
        (
            f"{trial.measured.rate:g}/s",
            f"{trial.measured.per_second:.1f}",
            _latency(trial.measured, "p50"),
            _latency(trial.measured, "p99"),
            ", ".join(trial.violations) or "kept",
            trial.why,
        )
        for trial in run.trials
    ]
    head = ("rate", "answered/s", "p50", "p99", "objective", "why tried")
    return "\n".join([f'<p class="answer">{escape(answer_of(run))}</p>', chart, _table(head, rows)])


def _latency_curves(measured: Mapping[str, Measurement], title: str = "Latency by percentile") -> str:
    curves = {name: [point for point in one.latency_curve if point[0] < 1] for name, one in measured.items()}
    highest = max((point[0] for curve in curves.values() for point in curve), default=0.9)
    slowest = max((point[1] for curve in curves.values() for point in curve), default=1.0)
    series = [
        Series(name, [(nines(quantile), micros / 1e3) for quantile, micros in curve]) for name, curve in curves.items()
    ]
    return line_chart(title, percentile_axis(highest), linear_axis("ms", slowest / 1e3), series)


def _throughput(measured: Measurement) -> str:
    windows, length = _complete(measured), measured.window_s
    series = [Series("answers", [(window.start_s, window.succeeded / length) for window in windows])]
    if measured.failed:
        series.append(Series("failures", [(window.start_s, window.failed / length) for window in windows]))
    return line_chart("Answers over time", _time_axis(measured), _highest("per second", series), series)


def _latency_over_time(measured: Measurement) -> str:
    windows = [window for window in _complete(measured) if window.succeeded]
    series = [
        Series("p50", [(window.start_s, window.p50_micros / 1e3) for window in windows]),
        Series("p99", [(window.start_s, window.p99_micros / 1e3) for window in windows]),
    ]
    return line_chart("Latency over time", _time_axis(measured), _highest("ms", series), series)


def _time_axis(measured: Measurement) -> Axis:
    return linear_axis("seconds", max((window.start_s for window in _complete(measured)), default=1.0))


def _complete(measured: Measurement) -> Sequence[Window]:
    """The windows without the last, when the measurement ended within it: it would look like a drop."""
    windows = measured.windows
    cut = len(windows) > 1 and windows[-1].start_s + measured.window_s > measured.seconds
    return windows[:-1] if cut else windows


def _highest(label: str, series: Sequence[Series]) -> Axis:
    return linear_axis(label, max((point[1] for one in series for point in one.points), default=1.0))


def _facts(values: Mapping[str, str]) -> str:
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in values.items())
    return f"<table>{rows}</table>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _latency(measured: Measurement, figure: str) -> str:
    return time_of(measured.latency_micros[figure]) if figure in measured.latency_micros else ""
