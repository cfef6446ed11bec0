"""The first page: every model and every replica at a glance."""

from __future__ import annotations

from typing import NamedTuple

from seaway.monitor.page import charts, queries, tables, text
from seaway.monitor.page.charts import Content
from seaway.monitor.page.components import Chart, Column, Row, Table, tag
from seaway.monitor.page.frame import Visit, section
from seaway.monitor.page.panels import QUANTILES
from seaway.monitor.page.queries import ANYTHING, NOW_WINDOW_MS, SPARK_MOMENTS
from seaway.monitor.page.reading import Line, Reader
from seaway.monitor.page.tables import Numbers
from seaway.monitor.view import AlertState, View

_QUANTILE_COLUMNS = [Column(name, name, "number") for name, _ in QUANTILES]
MODEL_COLUMNS = [
    Column("model", "Model"),
    Column("state", "State"),
    Column("requests", "Requests", "number"),
    Column("history", "Requests over time", "spark"),
    *_QUANTILE_COLUMNS,
    Column("errors", "Errors", "number"),
    Column("queue", "Queue", "number"),
    Column("in_flight", "In flight", "number"),
    Column("replicas", "Replicas", "number"),
]
REPLICA_COLUMNS = [
    Column("replica", "Replica"),
    Column("state", "State"),
    Column("requests", "Requests", "number"),
    Column("history", "Requests over time", "spark"),
    Column("p99", "p99", "number"),
    Column("errors", "Errors", "number"),
    Column("memory", "Memory", "number"),
    Column("cpu", "CPU cores", "number"),
]
TILES = (
    ("requests", "Requests"),
    ("p99", "p99"),
    ("errors", "Errors"),
    ("replicas", "Replicas up"),
    ("alerts", "Alerts"),
)


class Loaded(NamedTuple):
    """All that the page shows."""

    tiles: dict[str, tuple[str, str]]
    models: list[Row]
    replicas: list[Row]
    throughput: Content
    latency: Content
    empty: str


def numbers(reader: Reader, by: str) -> Numbers:
    """Return what each model, or each replica, does now."""
    key, window = (by,), NOW_WINDOW_MS
    return Numbers(
        requests=reader.values(queries.requests(ANYTHING, window, key), key),
        failures=reader.values(queries.failures(ANYTHING, window, key), key),
        quantiles={
            name: reader.values(queries.latency(ANYTHING, share, window, key), key) for name, share in QUANTILES
        },
        queue=reader.values(queries.queue(ANYTHING, key), key),
        in_flight=reader.values(queries.in_flight(ANYTHING, key), key),
        memory=reader.values(queries.memory(ANYTHING, key), key),
        cpu=reader.values(queries.cpu(ANYTHING, window, key), key),
    )


def load(reader: Reader, view: View) -> Loaded:
    """Read all of it."""
    window = reader.span.window_ms()
    targets, alerts = view.targets(), view.alerts()
    by_model = reader.lines(queries.requests(ANYTHING, window, ("model",)))
    p99 = reader.lines(queries.latency(ANYTHING, 0.99, window, ("model",)))
    marks = charts.marks(reader.events())
    models = tables.models(
        numbers(reader, "model"),
        reader.values(queries.replicas(), ("model",)),
        {line.labels["model"]: line for line in by_model},
        alerts,
        reader.span.name,
    )
    replicas = tables.replicas(targets, numbers(reader, "instance"), _sparks(reader), reader.span.name)
    total = reader.values(queries.requests(ANYTHING, NOW_WINDOW_MS, ()), ()).get(())
    failed = reader.values(queries.failures(ANYTHING, NOW_WINDOW_MS, ()), ()).get((), 0.0)
    errors = failed / total if total else None
    up, firing = sum(each.is_up for each in targets), sum(each.state is AlertState.FIRING for each in alerts)
    return Loaded(
        {
            "requests": (text.rate(total), ""),
            "p99": (text.seconds(reader.values(queries.latency(ANYTHING, 0.99, NOW_WINDOW_MS, ()), ()).get(())), ""),
            "errors": (text.share(errors), tables.WARNING if errors else ""),
            "replicas": (f"{up} of {len(targets)}", tables.BAD if up < len(targets) else ""),
            "alerts": (str(firing), tables.BAD if firing else ""),
        },
        models,
        replicas,
        Content("rate", charts.named(by_model, "model"), reader.start_ms, reader.end_ms, len(by_model) > 1, marks),
        Content("seconds", charts.named(p99, "model"), reader.start_ms, reader.end_ms, False, marks),
        ""
        if any(line.points and max(value or 0 for _, value in line.points) > 0 for line in by_model)
        else tables.NO_REQUESTS,
    )


def _sparks(reader: Reader) -> dict[str, Line]:
    by = ("instance",)
    question = queries.requests(ANYTHING, reader.span.window_ms(SPARK_MOMENTS), by)
    return {line.labels.get("instance", ""): line for line in reader.lines(question, SPARK_MOMENTS)}


def build(visit: Visit) -> None:
    """Make the page."""
    tiles = {}
    with tag("dl", classes="sw-tiles"):
        for key, name in TILES:
            with tag("div"):
                tag("dt", name)
                tiles[key] = tag("dd", "—")
    hint = tag("p", "", "sw-hint")
    hint.set_visibility(False)
    recent = f"now: {tables.window_words()}"
    with section("Models", recent):
        models = Table("Models", MODEL_COLUMNS, empty="No model is served yet.", is_caption_hidden=True)
    with tag("div", classes="sw-charts"):
        throughput = Chart("throughput", "Throughput", "requests per second, by model")
        latency = Chart("p99", "p99 latency", "by model")
    with section("Replicas", recent):
        replicas = Table("Replicas", REPLICA_COLUMNS, empty="No server is looked at.", is_caption_hidden=True)

    def show(loaded: Loaded) -> None:
        for key, (value, tone) in loaded.tiles.items():
            tiles[key].text = value
            tiles[key].classes(replace=tone)
        hint.text = loaded.empty
        hint.set_visibility(bool(loaded.empty))
        models.show(loaded.models)
        replicas.show(loaded.replicas)
        throughput.show(loaded.throughput)
        latency.show(loaded.latency)

    visit.keep_fresh(lambda: load(visit.reader(), visit.site.view), show)
