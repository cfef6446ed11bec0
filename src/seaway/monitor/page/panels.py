"""The charts that show a model, a version or a server: which questions each asks, and how its lines are named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from seaway.monitor.page import charts, queries
from seaway.monitor.page.charts import Content, Drawn, Mark
from seaway.monitor.page.queries import Scope
from seaway.monitor.page.reading import Reader

QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
STAGES = ("decode", "queue", "run", "encode")


class Panel(NamedTuple):
    """A chart that can be drawn of any scope."""

    key: str
    title: str
    note: str
    unit: str
    draw: Callable[[Reader, Scope], list[Drawn]]
    is_stacked: bool = False


def _window(reader: Reader) -> int:
    return reader.span.window_ms()


def _requests(reader: Reader, scope: Scope) -> list[Drawn]:
    by = ("version", "signature")
    return charts.named(reader.lines(queries.requests(scope, _window(reader), by)), *by)


def _total(reader: Reader, scope: Scope) -> list[Drawn]:
    return charts.named(reader.lines(queries.requests(scope, _window(reader), ())), otherwise="requests")


def _latency(reader: Reader, scope: Scope) -> list[Drawn]:
    return charts.merged(
        **{name: reader.lines(queries.latency(scope, share, _window(reader), ())) for name, share in QUANTILES}
    )


def _p99_by_version(reader: Reader, scope: Scope) -> list[Drawn]:
    by = ("version", "signature")
    return charts.named(reader.lines(queries.latency(scope, 0.99, _window(reader), by)), *by)


def _errors(reader: Reader, scope: Scope) -> list[Drawn]:
    return charts.named(reader.lines(queries.failures(scope, _window(reader), ("code",))), "code")


def _stages(reader: Reader, scope: Scope) -> list[Drawn]:
    found = {line.labels["stage"]: line for line in reader.lines(queries.stage_mean(scope, _window(reader)))}
    return charts.named([found[stage] for stage in STAGES if stage in found], "stage")


def _stage_p99(reader: Reader, scope: Scope) -> list[Drawn]:
    found = {line.labels["stage"]: line for line in reader.lines(queries.stage_quantile(scope, 0.99, _window(reader)))}
    return charts.named([found[stage] for stage in STAGES if stage in found], "stage")


def _batches(reader: Reader, scope: Scope) -> list[Drawn]:
    return charts.merged(
        **{name: reader.lines(queries.batch_rows(scope, share, _window(reader))) for name, share in QUANTILES}
    )


def _load(reader: Reader, scope: Scope) -> list[Drawn]:
    waiting, running = (
        reader.lines(question(scope, (), _window(reader))) for question in (queries.queue, queries.in_flight)
    )
    return charts.merged(**{"in flight": running, "waiting": waiting})


def _memory(reader: Reader, scope: Scope) -> list[Drawn]:
    return charts.named(reader.lines(queries.memory(scope, ("version",), _window(reader))), "version")


def _cpu(reader: Reader, scope: Scope) -> list[Drawn]:
    return charts.named(reader.lines(queries.cpu(scope, _window(reader), ("version",))), "version")


TOTAL = Panel("throughput", "Throughput", "requests per second", "rate", _total)
LATENCY = Panel("latency", "Latency", "quantiles of all requests", "seconds", _latency)
ERRORS = Panel("errors", "Errors by code", "requests per second that failed", "rate", _errors, True)
STAGE = Panel("stages", "Where the time goes", "mean of a successful request, by stage", "seconds", _stages, True)
BATCHES = Panel("batches", "Rows of a run", "joined requests, without padding", "number", _batches)
LOAD = Panel("load", "Queue and in flight", "requests, all replicas", "number", _load)
MEMORY = Panel("memory", "Memory of workers", "shared pages count once", "bytes", _memory, True)
CPU = Panel("cpu", "CPU of workers", "cores kept busy", "number", _cpu, True)

OF_MODEL = (
    Panel("throughput", "Throughput", "requests per second, by version and signature", "rate", _requests, True),
    LATENCY,
    Panel("versions", "p99 by version", "and signature", "seconds", _p99_by_version),
    ERRORS,
    STAGE,
    Panel("stage-p99", "p99 by stage", "quantiles do not add up", "seconds", _stage_p99),
    BATCHES,
    LOAD,
    MEMORY,
    CPU,
)
COMPARED = (TOTAL, LATENCY, ERRORS, STAGE, LOAD, MEMORY, CPU)


def content(panel: Panel, reader: Reader, scope: Scope, marks: Sequence[Mark] = ()) -> Content:
    """Return what a panel shows of a scope."""
    drawn = panel.draw(reader, scope)
    return Content(panel.unit, drawn, reader.start_ms, reader.end_ms, panel.is_stacked and len(drawn) > 1, marks)


def of_equal_height(left: Content, right: Content) -> tuple[Content, Content]:
    """Return both with one scale, so that what is higher is more."""
    top = charts.top_of([charts.outline(each) for each in (left, right)])
    return left._replace(top=top), right._replace(top=top)
