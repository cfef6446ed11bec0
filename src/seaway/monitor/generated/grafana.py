"""Which Grafana dashboards of the catalogue's metrics there are, and what their panels ask. Pure.

They ask for raw metrics and no recording rules, so that they work where only scraping is set up. How a dashboard is
laid out and written for Grafana is `dashboard`'s.
"""

from __future__ import annotations

from seaway.monitor.generated.dashboard import Dashboard, Json, Panel, Row, Target, Variable, chart, dashboard_json
from seaway.monitor.generated.objective import CLIENTS, error_ratio, latency, requests
from seaway.monitor.generated.series import Catalogue, Vector, compiled

OVERVIEW = "seaway-overview.json"
MODEL = "seaway-model.json"

# Grafana's own choice: at least four scrapes, whatever the zoom.
_WINDOW = "$__rate_interval"

_OF_MODEL = 'model=~"$model"'
_OF_VERSION = (_OF_MODEL, 'version=~"$version"')
_OF_SIGNATURE = (*_OF_VERSION, 'signature=~"$signature"')


def dashboards(catalogue: Catalogue | None = None) -> dict[str, Json]:
    """Return every dashboard by its file name, from this build's catalogue or the given one.

    Raises:  UnknownSeriesError - the catalogue lacks a metric or a label that a panel needs.
    """
    metrics = compiled() if catalogue is None else catalogue
    return {
        OVERVIEW: dashboard_json(metrics, _overview(metrics)),
        MODEL: dashboard_json(metrics, _model(metrics)),
    }


def _overview(catalogue: Catalogue) -> Dashboard:
    variables = (Variable("model", catalogue.series("seaway_requests_total")),)
    rows = (
        Row("Requests", _overview_requests(catalogue)),
        Row("Latency", tuple(_overview_quantile(catalogue, share) for share in (0.5, 0.95, 0.99))),
        Row("Load", _overview_load(catalogue)),
        Row("Workers", _overview_workers(catalogue)),
    )
    return Dashboard("seaway-overview", "Seaway / Overview", variables, rows)


def _overview_requests(catalogue: Catalogue) -> tuple[Panel, ...]:
    throughput = requests(catalogue, _OF_MODEL).rate(_WINDOW).sum_by("model")
    share = error_ratio(catalogue, _WINDOW, ("model",), _OF_MODEL)
    return (chart("Throughput", "reqps", throughput), chart("Error share", "percentunit", share))


def _overview_quantile(catalogue: Catalogue, share: float) -> Panel:
    return chart(f"p{share * 100:g} latency", "s", latency(catalogue, share, _WINDOW, ("model",), _OF_MODEL))


def _overview_load(catalogue: Catalogue) -> tuple[Panel, ...]:
    queued = catalogue.series("seaway_queue_depth_requests").where(_OF_MODEL)
    in_flight = catalogue.series("seaway_requests_in_flight").where(_OF_MODEL)
    return (
        chart("Queue depth", "short", queued.now().sum_by("model")),
        chart("In flight", "short", in_flight.now().sum_by("model")),
    )


def _overview_workers(catalogue: Catalogue) -> tuple[Panel, ...]:
    # Workers share pages of weights; only the proportional share adds up over them.
    memory = catalogue.series("seaway_worker_memory_bytes").where(_OF_MODEL, 'kind="pss"')
    cpu = catalogue.series("seaway_worker_cpu_seconds_total").where(_OF_MODEL)
    restarts = catalogue.series("seaway_worker_restarts_total").where(_OF_MODEL)
    return (
        chart("Worker memory", "bytes", memory.now().sum_by("model")),
        chart("Worker CPU (cores)", "short", cpu.rate(_WINDOW).sum_by("model")),
        chart("Worker restarts", "short", restarts.counted(_WINDOW).sum_by("model")),
    )


def _model(catalogue: Catalogue) -> Dashboard:
    source = catalogue.series("seaway_requests_total")
    variables = (
        Variable("model", source, several=False),
        Variable("version", source.where(_OF_MODEL)),
        Variable("signature", source.where(*_OF_VERSION)),
    )
    rows = (
        Row("Requests", _requests(catalogue)),
        Row("Stages", _stages(catalogue)),
        Row("Batches", _batches(catalogue)),
        Row("Volume", _volume(catalogue)),
        Row("Load", _load(catalogue)),
        Row("Shadow requests", _shadow(catalogue)),
        Row("Logs and traces", _request_log(catalogue)),
        Row("Loading", _loading(catalogue)),
        Row("Engine", _engine(catalogue)),
        Row("Operations of all models", _operations(catalogue)),
    )
    return Dashboard("seaway-model", "Seaway / Model", variables, rows)


def _requests(catalogue: Catalogue) -> tuple[Panel, ...]:
    # Of every api: the load that operations and shadow requests make shows nowhere else.
    answered = catalogue.series("seaway_requests_total").where(*_OF_SIGNATURE).rate(_WINDOW)
    quantiles = [
        Target(latency(catalogue, share, _WINDOW, ("version",), *_OF_SIGNATURE), f"p{share * 100:g}")
        for share in (0.5, 0.95, 0.99)
    ]
    return (
        chart("Requests by code", "reqps", answered.sum_by("api", "code")),
        chart("Error share", "percentunit", error_ratio(catalogue, _WINDOW, ("version",), *_OF_SIGNATURE)),
        Panel("Latency", "s", tuple(quantiles)),
    )


def _stages(catalogue: Catalogue) -> tuple[Panel, ...]:
    def stage(suffix: str) -> Vector:
        series = catalogue.series(f"seaway_request_stage_seconds_{suffix}")
        return series.where(CLIENTS, *_OF_SIGNATURE).rate(_WINDOW)

    mean = stage("sum").sum_by("stage").per(stage("count").sum_by("stage"))
    return (
        # Means add up to the mean of the whole; quantiles do not.
        Panel("Mean time by stage", "s", (Target(mean),), stacked=True),
        chart("p99 by stage", "s", stage("bucket").sum_by("le", "stage").quantile(0.99)),
    )


def _batches(catalogue: Catalogue) -> tuple[Panel, ...]:
    def grown(name: str) -> Vector:
        return catalogue.series(name).where(*_OF_SIGNATURE).rate(_WINDOW)

    def summed(name: str) -> Vector:
        return grown(name).sum_by("version", "signature")

    runs, rows = summed("seaway_batch_rows_count"), summed("seaway_batch_rows_sum")
    p95 = grown("seaway_batch_rows_bucket").sum_by("le", "version", "signature").quantile(0.95)
    return (
        Panel("Rows of a run", "short", (Target(rows.per(runs), "mean"), Target(p95, "p95"))),
        chart("Requests of a run", "short", summed("seaway_batch_requests_total").per(runs)),
        chart("Padding rows per row", "percentunit", summed("seaway_batch_padding_rows_total").per(rows)),
    )


def _volume(catalogue: Catalogue) -> tuple[Panel, ...]:
    rows = catalogue.series("seaway_request_rows_total").where(*_OF_SIGNATURE)
    tensors = catalogue.series("seaway_tensor_bytes_total").where(*_OF_SIGNATURE)
    examples = catalogue.series(":tensorflow:serving:request_example_count_total").where(_OF_MODEL)
    return (
        chart("Rows per second", "suffix: rows/s", rows.rate(_WINDOW).sum_by("version", "signature")),
        chart("Tensor bytes", "Bps", tensors.rate(_WINDOW).sum_by("direction", "version")),
        chart("Examples per second", "ops", examples.rate(_WINDOW).sum_by("model")),
    )


def _load(catalogue: Catalogue) -> tuple[Panel, ...]:
    queued = catalogue.series("seaway_queue_depth_requests").where(*_OF_VERSION)
    in_flight = catalogue.series("seaway_requests_in_flight").where(*_OF_VERSION)
    memory = catalogue.series("seaway_worker_memory_bytes").where(*_OF_VERSION)
    cpu = catalogue.series("seaway_worker_cpu_seconds_total").where(*_OF_VERSION)
    return (
        Panel(
            "Queue depth and in flight",
            "short",
            (
                Target(queued.now().sum_by("version"), "queued"),
                Target(in_flight.now().sum_by("version"), "in flight"),
            ),
        ),
        chart("Worker memory", "bytes", memory.now().sum_by("version", "kind")),
        chart("Worker CPU (cores)", "short", cpu.rate(_WINDOW).sum_by("version")),
    )


def _shadow(catalogue: Catalogue) -> tuple[Panel, ...]:
    copies = catalogue.series("seaway_shadow_requests_total").where(_OF_MODEL)
    compared = copies.rate(_WINDOW).sum_by("live", "candidate")
    differed = copies.where('outcome="differed"').rate(_WINDOW).sum_by("live", "candidate")
    return (
        chart("Outcomes", "reqps", copies.rate(_WINDOW).sum_by("live", "candidate", "outcome")),
        chart("Share that differed", "percentunit", differed.per(compared)),
    )


def _request_log(catalogue: Catalogue) -> tuple[Panel, ...]:
    records = catalogue.series("seaway_request_log_records_total").where(_OF_MODEL)
    lines = catalogue.series("seaway_access_log_lines_total")
    spans = catalogue.series("seaway_trace_spans_total")
    files = catalogue.series("seaway_request_log_files_total")
    return (
        chart("Records", "cps", records.rate(_WINDOW).sum_by("outcome")),
        chart("Files of records", "cps", files.rate(_WINDOW).sum_by("outcome")),
        chart("Lines of the access log", "cps", lines.rate(_WINDOW).sum_by("outcome")),
        chart("Spans", "cps", spans.rate(_WINDOW).sum_by("outcome")),
    )


def _loading(catalogue: Catalogue) -> tuple[Panel, ...]:
    seconds = catalogue.series("seaway_model_load_seconds").where(*_OF_VERSION)
    loads = catalogue.series("seaway_model_loads_total").where(_OF_MODEL)
    unloads = catalogue.series("seaway_model_unloads_total").where(_OF_MODEL)
    restarts = catalogue.series("seaway_worker_restarts_total").where(_OF_MODEL)
    stores = catalogue.series("seaway_model_store_up").where(_OF_MODEL)
    fetches = catalogue.series("seaway_model_store_fetches_total").where(_OF_MODEL)
    fetched = catalogue.series("seaway_model_store_fetched_bytes_total").where(_OF_MODEL)
    took = catalogue.series("seaway_model_store_fetch_seconds_total").where(_OF_MODEL)
    return (
        chart("Load time", "s", seconds.now().max_by("version")),
        Panel(
            "Loads, unloads and restarts",
            "short",
            (
                Target(loads.counted(_WINDOW).sum_by("outcome"), "loads"),
                Target(unloads.counted(_WINDOW).sum_by(), "unloads"),
                Target(restarts.counted(_WINDOW).sum_by(), "restarts"),
            ),
        ),
        chart("Store answers", "short", stores.now().min_by("instance")),
        chart("Fetches from the store", "short", fetches.counted(_WINDOW).sum_by("outcome")),
        chart("Fetched", "Bps", fetched.rate(_WINDOW).sum_by()),
        chart("Share of the time spent fetching", "percentunit", took.rate(_WINDOW).sum_by("instance")),
    )


def _engine(catalogue: Catalogue) -> tuple[Panel, ...]:
    engines = catalogue.series("seaway_engine_info").where(*_OF_VERSION)
    ratios = catalogue.series("seaway_engine_trial_ratio").where(*_OF_VERSION)
    trials = catalogue.series("seaway_engine_trials_total").where(_OF_MODEL)
    return (
        Panel("Replicas by engine", "short", (Target(engines.now().sum_by("version", "engine")),), table=True),
        chart("Trials: times as fast", "short", ratios.now().max_by("version", "engine", "kind")),
        chart("Trials", "short", trials.counted(_WINDOW).sum_by("engine", "outcome")),
    )


def _operations(catalogue: Catalogue) -> tuple[Panel, ...]:
    def grown(name: str, *by: str) -> Vector:
        return catalogue.series(name).rate(_WINDOW).sum_by(*by)

    def held(name: str) -> Vector:
        return catalogue.series(name).now().sum_by()

    return (
        Panel(
            "Operations there are",
            "short",
            (
                Target(held("seaway_operations_waiting"), "waiting"),
                Target(held("seaway_operations_running"), "running"),
            ),
        ),
        Panel(
            "Operations accepted and ended",
            "ops",
            (
                Target(grown("seaway_operations_accepted_total"), "accepted"),
                Target(grown("seaway_operations_ended_total", "state"), "ended:"),
            ),
        ),
        chart("Tries to send a result", "ops", grown("seaway_operation_webhooks_total", "outcome")),
        chart("Store", "bytes", catalogue.series("seaway_operations_store_bytes").now().sum_by("instance")),
    )
