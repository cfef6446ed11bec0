//! Every metric there is, declared once: the registry, the reference page and the checks read it.

use prometheus::core::Collector;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by bucket.
    Histogram,
}

/// One metric, as documented.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Entry {
    /// Its name in the exposition.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it says.
    pub help: &'static str,
    /// Its labels, in order.
    pub labels: &'static [&'static str],
    /// The unit of its value.
    pub unit: &'static str,
}

const fn entry(
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Entry {
    Entry { name, kind, help, labels, unit }
}

/// Every metric there is.
///
/// Source: for the first five, tensorflow_serving/servables/tensorflow/util.cc and prometheus_exporter.cc.
pub const CATALOGUE: &[Entry] = &[
    entry(
        ":tensorflow:serving:request_count",
        Kind::Counter,
        "requests",
        &["model_name", "status"],
        "The total number of requests.",
    ),
    entry(
        ":tensorflow:serving:request_latency",
        Kind::Histogram,
        "microseconds",
        &["model_name", "API", "entrypoint"],
        "Wall time of successful requests in the server.",
    ),
    entry(
        ":tensorflow:serving:runtime_latency",
        Kind::Histogram,
        "microseconds",
        &["model_name", "API", "runtime"],
        "Wall time of successful requests in the engine.",
    ),
    entry(
        ":tensorflow:serving:request_example_counts",
        Kind::Histogram,
        "examples",
        &["model"],
        "tensorflow.Examples of a request.",
    ),
    entry(
        ":tensorflow:serving:request_example_count_total",
        Kind::Counter,
        "examples",
        &["model"],
        "The total number of tensorflow.Examples.",
    ),
    entry(
        "seaway_requests_total",
        Kind::Counter,
        "requests",
        &["model", "version", "signature", "api", "code"],
        "Inference requests by their outcome; api is grpc, rest, operation (accepted now, answered later) or shadow (a copy of a request, \
         whose answer is only compared), code a canonical status code.",
    ),
    entry(
        "seaway_request_seconds",
        Kind::Histogram,
        "seconds",
        &["model", "version", "signature", "api"],
        "Time from a request's last byte to its encoded answer, whatever its outcome; of a shadow request from the start of its run.",
    ),
    entry(
        "seaway_request_stage_seconds",
        Kind::Histogram,
        "seconds",
        &["model", "version", "signature", "api", "stage"],
        "Time of successful requests by stage: decode, queue, run (in the engine), encode.",
    ),
    entry(
        "seaway_batch_rows",
        Kind::Histogram,
        "rows",
        &["model", "version", "signature"],
        "Rows of a joined run, without padding; a request that ran by itself counts too where joining is allowed.",
    ),
    entry(
        "seaway_batch_requests_total",
        Kind::Counter,
        "requests",
        &["model", "version", "signature"],
        "Requests that were answered by joined runs; divided by the count of seaway_batch_rows, the requests of a run.",
    ),
    entry(
        "seaway_batch_padding_rows_total",
        Kind::Counter,
        "rows",
        &["model", "version", "signature"],
        "Rows that joined runs were padded with.",
    ),
    entry(
        "seaway_request_rows_total",
        Kind::Counter,
        "rows",
        &["model", "version", "signature", "api"],
        "Rows (leading dimension of the first input) of successful requests.",
    ),
    entry(
        "seaway_tensor_bytes_total",
        Kind::Counter,
        "bytes",
        &["model", "version", "signature", "api", "direction"],
        "Tensor bytes of successful requests, in and out.",
    ),
    entry(
        "seaway_shadow_requests_total",
        Kind::Counter,
        "requests",
        &["model", "live", "candidate", "outcome"],
        "Copies of requests that version live answered, for version candidate; outcome is agreed, differed, failed (candidate did not \
         answer) or dropped (too many copies waited already).",
    ),
    entry(
        "seaway_request_log_records_total",
        Kind::Counter,
        "records",
        &["model", "outcome"],
        "Requests that were picked for the request log; outcome is written, dropped (too many waited to be written already) or failed \
         (the file could not be written).",
    ),
    entry(
        "seaway_request_log_files_total",
        Kind::Counter,
        "files",
        &["outcome"],
        "Complete files of the request log; outcome is converted (to JSON lines or Parquet), uploaded, failed (a conversion, or one try of \
         an upload) or dropped (more waited for their upload than may).",
    ),
    entry(
        "seaway_access_log_lines_total",
        Kind::Counter,
        "lines",
        &["outcome"],
        "Lines of the access log; outcome is written, dropped (too many waited to be written already) or failed (the file could not \
         be written).",
    ),
    entry(
        "seaway_trace_spans_total",
        Kind::Counter,
        "spans",
        &["outcome"],
        "Spans of requests whose trace is kept; outcome is sent, dropped (too many waited already) or failed (the collector did not \
         take them).",
    ),
    entry(
        "seaway_requests_in_flight",
        Kind::Gauge,
        "requests",
        &["model", "version"],
        "Requests at the worker, or whose answer is being encoded.",
    ),
    entry(
        "seaway_queue_depth_requests",
        Kind::Gauge,
        "requests",
        &["model", "version"],
        "Requests that wait for a slot.",
    ),
    entry(
        "seaway_operations_accepted_total",
        Kind::Counter,
        "operations",
        &[],
        "Requests that were accepted to be answered later.",
    ),
    entry(
        "seaway_operations_ended_total",
        Kind::Counter,
        "operations",
        &["state"],
        "Operations that ended; state is done, failed or cancelled.",
    ),
    entry(
        "seaway_operations_waiting",
        Kind::Gauge,
        "operations",
        &[],
        "Operations that have not begun, or will be begun again.",
    ),
    entry(
        "seaway_operations_running",
        Kind::Gauge,
        "operations",
        &[],
        "Operations at a model, in line for it, or whose end is being written.",
    ),
    entry(
        "seaway_operations_store_bytes",
        Kind::Gauge,
        "bytes",
        &[],
        "Requests, results and records that are kept, as operations.max_store_bytes counts them; the file may be larger.",
    ),
    entry(
        "seaway_operation_webhooks_total",
        Kind::Counter,
        "tries",
        &["outcome"],
        "Tries to send a result; outcome is delivered, retried (it failed and will be tried again) or failed (the last).",
    ),
    entry(
        "seaway_worker_memory_bytes",
        Kind::Gauge,
        "bytes",
        &["model", "version", "kind"],
        "Memory of a version's worker; kind is rss, pss or private.",
    ),
    entry(
        "seaway_worker_cpu_seconds_total",
        Kind::Counter,
        "seconds",
        &["model", "version"],
        "Processor time of a version's worker.",
    ),
    entry(
        "seaway_model_loads_total",
        Kind::Counter,
        "loads",
        &["model", "outcome"],
        "Attempts to load a version; outcome is ok or failed.",
    ),
    entry(
        "seaway_model_load_seconds",
        Kind::Gauge,
        "seconds",
        &["model", "version"],
        "How long the version took to load and warm up.",
    ),
    entry(
        "seaway_model_store_up",
        Kind::Gauge,
        "stores",
        &["model"],
        "1 when the store behind a model's URL has answered the last look, 0 when it has not.",
    ),
    entry(
        "seaway_model_store_fetches_total",
        Kind::Counter,
        "fetches",
        &["model", "outcome"],
        "Copies of versions that were fetched from a store behind a URL; outcome is ok or failed.",
    ),
    entry(
        "seaway_model_store_fetched_bytes_total",
        Kind::Counter,
        "bytes",
        &["model"],
        "Bytes of the copies that were fetched.",
    ),
    entry(
        "seaway_model_store_fetch_seconds_total",
        Kind::Counter,
        "seconds",
        &["model"],
        "Time that fetching them took.",
    ),
    entry("seaway_model_unloads_total", Kind::Counter, "unloads", &["model"], "Versions that were unloaded."),
    entry(
        "seaway_worker_restarts_total",
        Kind::Counter,
        "restarts",
        &["model"],
        "Workers that ended on their own and were started again.",
    ),
    entry(
        "seaway_engine_info",
        Kind::Gauge,
        "engines",
        &["model", "version", "engine"],
        "1 for the engine that runs the version.",
    ),
    entry(
        "seaway_engine_trials_total",
        Kind::Counter,
        "trials",
        &["model", "engine", "outcome"],
        "Engines that were tried for a version in place of its own; outcome is faster, slower, refused or failed.",
    ),
    entry(
        "seaway_engine_trial_ratio",
        Kind::Gauge,
        "ratio",
        &["model", "version", "engine", "kind"],
        "What a trial measured, relative to the engine that the version was loaded on: kind is throughput (many in flight) \
         or speed (one in flight); above 1 is faster.",
    ),
];

/// A metric by its name.
pub(super) fn find(name: &str) -> &'static Entry {
    CATALOGUE.iter().find(|entry| entry.name == name).expect("every metric is in the catalogue")
}

/// Registers a family.
pub(super) fn register<T: Collector + Clone + 'static>(registry: &Registry, vec: T) -> T {
    registry.register(Box::new(vec.clone())).expect("the catalogue names each metric once");
    vec
}

/// A new counter of the catalogue, registered.
pub(super) fn counter(registry: &Registry, name: &str) -> IntCounterVec {
    let entry = find(name);
    register(
        registry,
        IntCounterVec::new(Opts::new(name, entry.help), entry.labels).expect("the catalogue is well formed"),
    )
}

/// A new gauge of the catalogue, registered.
pub(super) fn gauge(registry: &Registry, name: &str) -> GaugeVec {
    let entry = find(name);
    register(registry, GaugeVec::new(Opts::new(name, entry.help), entry.labels).expect("the catalogue is well formed"))
}

/// A new histogram of the catalogue, registered.
pub(super) fn histogram(registry: &Registry, name: &str, buckets: Vec<f64>) -> HistogramVec {
    let entry = find(name);
    let options = HistogramOpts::new(name, entry.help).buckets(buckets);
    register(registry, HistogramVec::new(options, entry.labels).expect("the catalogue is well formed"))
}

/// `count` bounds, each `factor` times the one before.
pub(super) fn exponential(start: f64, factor: f64, count: i32) -> Vec<f64> {
    (0..count).map(|n| start * factor.powi(n)).collect()
}
