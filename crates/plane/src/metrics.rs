//! The one catalogue of metrics, and the series of a running plane.
//!
//! Every metric is declared in [`CATALOGUE`] and nowhere else: the registry, the reference page and the checks read it.
//! TensorFlow Serving's names, labels and buckets are kept exactly; ours are `seaway_*`, in seconds and bytes. Label values
//! are bounded: they come from loaded versions, and everything else is counted under [`UNKNOWN`].

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use prometheus::core::Collector;
use prometheus::{
    CounterVec, Encoder, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
};

use crate::channel::BatchSize;
use crate::operations::operation::State;
use crate::status::{Code, Status};

/// The label value for a model that no route knows.
pub const UNKNOWN: &str = "(unknown)";

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
        "Inference requests by their outcome; api is grpc, rest or operation (accepted now, answered later), code a canonical status code.",
    ),
    entry(
        "seaway_request_seconds",
        Kind::Histogram,
        "seconds",
        &["model", "version", "signature", "api"],
        "Time from a request's last byte to its encoded answer, whatever its outcome.",
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

/// What a client called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// gRPC.
    Grpc,
    /// REST.
    Rest,
    /// REST, to be answered later: the runner of operations.
    Operation,
    /// Nobody: a recorded request, replayed before the version is available. It counts nowhere.
    WarmUp,
}

impl Api {
    fn label(self) -> &'static str {
        match self {
            Api::Grpc => "grpc",
            Api::Rest => "rest",
            Api::Operation => "operation",
            Api::WarmUp => "warm_up",
        }
    }
}

/// Which inference call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Predict.
    Predict,
    /// Classify.
    Classify,
    /// Regress.
    Regress,
    /// MultiInference.
    MultiInference,
}

impl Method {
    /// TensorFlow Serving's `API` label; its REST server writes it in lower case.
    fn label(self, api: Api) -> &'static str {
        match (self, api) {
            (Method::Predict, Api::Rest | Api::Operation) => "predict",
            (Method::Predict, _) => "Predict",
            (Method::Classify, Api::Rest | Api::Operation) => "classify",
            (Method::Classify, _) => "Classify",
            (Method::Regress, Api::Rest | Api::Operation) => "regress",
            (Method::Regress, _) => "Regress",
            (Method::MultiInference, _) => "MultiInference",
        }
    }
}

/// All series of one plane.
pub struct Metrics {
    registry: Registry,
    request_count: IntCounterVec,
    request_latency: HistogramVec,
    runtime_latency: HistogramVec,
    example_counts: HistogramVec,
    example_count_total: IntCounterVec,
    requests: IntCounterVec,
    seconds: HistogramVec,
    stages: HistogramVec,
    batch_rows: HistogramVec,
    batch_requests: IntCounterVec,
    batch_padding: IntCounterVec,
    rows: IntCounterVec,
    bytes: IntCounterVec,
    in_flight: GaugeVec,
    queued: GaugeVec,
    operations_accepted: IntCounterVec,
    operations_ended: IntCounterVec,
    operations_waiting: GaugeVec,
    operations_running: GaugeVec,
    operations_bytes: GaugeVec,
    operation_webhooks: IntCounterVec,
    told: HashMap<&'static str, Told>,
    /// Loaded versions that share a name and number: a restarted worker's successor may be up before it is gone.
    live: Mutex<HashMap<(String, String), usize>>,
}

/// A metric whose values come from outside the plane.
enum Told {
    Gauge(GaugeVec, &'static [&'static str]),
    Counter(CounterVec, &'static [&'static str]),
}

/// One value from outside the plane.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Observation {
    /// A name of the catalogue.
    pub name: String,
    /// A value for each of its labels.
    pub labels: HashMap<String, String>,
    /// The value.
    #[serde(default)]
    pub value: f64,
    /// What to do with it.
    pub op: Op,
}

/// What to do with an [`Observation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// The metric has this value now.
    Set,
    /// The metric grows by this value.
    Add,
    /// The series ends.
    Remove,
}

impl Metrics {
    /// Series for every metric of the catalogue, all empty.
    pub fn new() -> Metrics {
        let registry = Registry::new();
        let tfs_buckets = || exponential(10.0, 1.8, 33);
        // Two buckets an octave from 10 µs to 80 s: a quantile is known to about 20 %.
        let seconds = || exponential(10e-6, std::f64::consts::SQRT_2, 47);
        let metrics = Metrics {
            request_count: counter(&registry, ":tensorflow:serving:request_count"),
            request_latency: histogram(&registry, ":tensorflow:serving:request_latency", tfs_buckets()),
            runtime_latency: histogram(&registry, ":tensorflow:serving:runtime_latency", tfs_buckets()),
            example_counts: histogram(
                &registry,
                ":tensorflow:serving:request_example_counts",
                exponential(1.0, 2.0, 15),
            ),
            example_count_total: counter(&registry, ":tensorflow:serving:request_example_count_total"),
            requests: counter(&registry, "seaway_requests_total"),
            seconds: histogram(&registry, "seaway_request_seconds", seconds()),
            stages: histogram(&registry, "seaway_request_stage_seconds", seconds()),
            batch_rows: histogram(&registry, "seaway_batch_rows", exponential(1.0, 2.0, 14)),
            batch_requests: counter(&registry, "seaway_batch_requests_total"),
            batch_padding: counter(&registry, "seaway_batch_padding_rows_total"),
            rows: counter(&registry, "seaway_request_rows_total"),
            bytes: counter(&registry, "seaway_tensor_bytes_total"),
            in_flight: gauge(&registry, "seaway_requests_in_flight"),
            queued: gauge(&registry, "seaway_queue_depth_requests"),
            operations_accepted: counter(&registry, "seaway_operations_accepted_total"),
            operations_ended: counter(&registry, "seaway_operations_ended_total"),
            operations_waiting: gauge(&registry, "seaway_operations_waiting"),
            operations_running: gauge(&registry, "seaway_operations_running"),
            operations_bytes: gauge(&registry, "seaway_operations_store_bytes"),
            operation_webhooks: counter(&registry, "seaway_operation_webhooks_total"),
            told: HashMap::new(),
            live: Mutex::default(),
            registry,
        };
        metrics.with_told()
    }

    /// Adds the metrics that the plane itself does not write.
    fn with_told(mut self) -> Metrics {
        const TOLD: [&str; 9] = [
            "seaway_worker_memory_bytes",
            "seaway_worker_cpu_seconds_total",
            "seaway_model_loads_total",
            "seaway_model_load_seconds",
            "seaway_model_unloads_total",
            "seaway_worker_restarts_total",
            "seaway_engine_info",
            "seaway_engine_trials_total",
            "seaway_engine_trial_ratio",
        ];
        for name in TOLD {
            let entry = find(name);
            let told = match entry.kind {
                Kind::Gauge => Told::Gauge(gauge(&self.registry, name), entry.labels),
                _ => {
                    let vec = CounterVec::new(Opts::new(name, entry.help), entry.labels)
                        .expect("the catalogue is well formed");
                    Told::Counter(register(&self.registry, vec), entry.labels)
                }
            };
            self.told.insert(name, told);
        }
        self
    }

    /// Series of one loaded version.
    pub fn servable(self: &Arc<Self>, model: &str, version: i64) -> ServableMetrics {
        let (model, version) = (model.to_owned(), version.to_string());
        *self.live.lock().entry((model.clone(), version.clone())).or_insert(0) += 1;
        ServableMetrics { metrics: Arc::clone(self), model, version, series: RwLock::default() }
    }

    /// Counts a request that reached no servable.
    pub fn refused(&self, api: Api, status: &Status) {
        self.requests.with_label_values(&[UNKNOWN, "", "", api.label(), status.code.name()]).inc();
        self.request_count.with_label_values(&[UNKNOWN, status.code.name()]).inc();
    }

    /// Takes a value from outside the plane.
    ///
    /// Errors: INVALID_ARGUMENT when the name is not one that is told, or a label is missing.
    pub fn observe(&self, observation: &Observation) -> Result<(), Status> {
        let unknown =
            || Status::invalid_argument(format!("{:?} is no metric that is told from outside", observation.name));
        let told = self.told.get(observation.name.as_str()).ok_or_else(unknown)?;
        let (Told::Gauge(_, labels) | Told::Counter(_, labels)) = told;
        let values: Vec<&str> = labels
            .iter()
            .map(|label| {
                observation.labels.get(*label).map(String::as_str).ok_or_else(|| {
                    Status::invalid_argument(format!("{} needs a value for its label {label:?}", observation.name))
                })
            })
            .collect::<Result<_, _>>()?;
        match (told, observation.op) {
            // A series that is already gone is as wanted.
            (Told::Gauge(vec, _), Op::Remove) => drop(vec.remove_label_values(&values)),
            (Told::Counter(vec, _), Op::Remove) => drop(vec.remove_label_values(&values)),
            (Told::Gauge(vec, _), Op::Set) => vec.with_label_values(&values).set(observation.value),
            (Told::Gauge(vec, _), Op::Add) => vec.with_label_values(&values).add(observation.value),
            (Told::Counter(vec, _), Op::Add) => vec.with_label_values(&values).inc_by(observation.value.max(0.0)),
            // A counter that another process keeps: it may only have grown.
            (Told::Counter(vec, _), Op::Set) => {
                let counter = vec.with_label_values(&values);
                counter.inc_by((observation.value - counter.get()).max(0.0));
            }
        }
        Ok(())
    }

    /// Sets what is read off a channel when somebody looks.
    pub fn set_channel(&self, model: &str, version: i64, in_flight: usize, queued: usize) {
        let version = version.to_string();
        self.in_flight.with_label_values(&[model, &version]).set(in_flight as f64);
        self.queued.with_label_values(&[model, &version]).set(queued as f64);
    }

    /// Counts an accepted operation.
    pub fn operation_accepted(&self) {
        self.operations_accepted.with_label_values::<&str>(&[]).inc();
    }

    /// Counts an operation that ended so.
    pub fn operation_ended(&self, state: State) {
        self.operations_ended.with_label_values(&[state.name()]).inc();
    }

    /// Counts a try to send a result.
    pub fn operation_webhook(&self, outcome: &'static str) {
        self.operation_webhooks.with_label_values(&[outcome]).inc();
    }

    /// Sets what is read off the operations when somebody looks.
    pub fn set_operations(&self, waiting: usize, running: usize, bytes: u64) {
        self.operations_waiting.with_label_values::<&str>(&[]).set(waiting as f64);
        self.operations_running.with_label_values::<&str>(&[]).set(running as f64);
        self.operations_bytes.with_label_values::<&str>(&[]).set(bytes as f64);
    }

    /// Everything in Prometheus' text form.
    pub fn text(&self) -> String {
        let mut out = Vec::new();
        prometheus::TextEncoder::new()
            .encode(&self.registry.gather(), &mut out)
            .expect("writing to memory does not fail");
        String::from_utf8(out).expect("the text form is UTF-8")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

/// The series of one loaded version; they end with it, so that a thousand swaps do not leave a thousand series.
pub struct ServableMetrics {
    metrics: Arc<Metrics>,
    model: String,
    version: String,
    series: RwLock<HashMap<Arc<str>, Arc<BySignature>>>,
}

/// The series of one signature, by API and method; most are never used.
#[derive(Default)]
struct BySignature([[OnceLock<Series>; 4]; 3]);

/// What a request counts in, found once: looking a series up by its labels costs more than counting.
struct Series {
    request_count: IntCounter,
    request_latency: Histogram,
    runtime_latency: Histogram,
    ok: IntCounter,
    seconds: Histogram,
    stages: [Histogram; 4],
    rows: IntCounter,
    bytes: [IntCounter; 2],
}

const STAGES: [&str; 4] = ["decode", "queue", "run", "encode"];
const DIRECTIONS: [&str; 2] = ["in", "out"];

/// Runs of one signature since its version was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batches {
    /// How many.
    pub runs: u64,
    /// Rows in them.
    pub rows: u64,
    /// Requests in them.
    pub requests: u64,
}

/// A request that ended well, in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// The whole of it.
    pub total: Duration,
    /// Decode, queue, run, encode.
    pub stages: [Duration; 4],
    /// Its rows.
    pub rows: u64,
    /// Tensor bytes in and out.
    pub bytes: [u64; 2],
}

impl ServableMetrics {
    /// Counts a request that ended well.
    pub fn done(&self, signature: &Arc<str>, api: Api, method: Method, done: &Done) {
        if api == Api::WarmUp {
            return;
        }
        let by_signature = self.by_signature(signature);
        let series =
            by_signature.0[api as usize][method as usize].get_or_init(|| self.new_series(signature, api, method));
        series.ok.inc();
        series.seconds.observe(done.total.as_secs_f64());
        for (histogram, stage) in series.stages.iter().zip(done.stages) {
            histogram.observe(stage.as_secs_f64());
        }
        series.rows.inc_by(done.rows);
        for (counter, bytes) in series.bytes.iter().zip(done.bytes) {
            counter.inc_by(bytes);
        }
        series.request_count.inc();
        series.request_latency.observe(done.total.as_micros() as f64);
        series.runtime_latency.observe(done.stages[2].as_micros() as f64);
    }

    /// Counts one run that was, or could have been, shared by several requests.
    pub fn batch(&self, signature: &str, api: Api, size: BatchSize) {
        if api == Api::WarmUp {
            return;
        }
        let labels = [&self.model, &self.version, signature];
        self.metrics.batch_rows.with_label_values(&labels).observe(size.rows as f64);
        self.metrics.batch_requests.with_label_values(&labels).inc_by(size.requests as u64);
        self.metrics.batch_padding.with_label_values(&labels).inc_by((size.padded - size.rows) as u64);
    }

    /// Runs that were, or could have been, shared, and the requests and rows in them.
    pub fn batches(&self, signature: &str) -> Batches {
        let labels = [&self.model, &self.version, signature];
        let rows = self.metrics.batch_rows.with_label_values(&labels);
        Batches {
            runs: rows.get_sample_count(),
            rows: rows.get_sample_sum() as u64,
            requests: self.metrics.batch_requests.with_label_values(&labels).get(),
        }
    }

    /// Counts a request that ended with an error.
    pub fn failed(&self, signature: &str, api: Api, status: &Status, total: Duration) {
        if api == Api::WarmUp {
            return;
        }
        let labels = [&self.model, &self.version, signature, api.label()];
        self.metrics
            .requests
            .with_label_values(&[labels[0], labels[1], labels[2], labels[3], status.code.name()])
            .inc();
        self.metrics.seconds.with_label_values(&labels).observe(total.as_secs_f64());
        self.metrics.request_count.with_label_values(&[self.model.as_str(), status.code.name()]).inc();
    }

    /// Counts the examples of a Classify, Regress or MultiInference request.
    pub fn examples(&self, api: Api, count: usize) {
        if api == Api::WarmUp {
            return;
        }
        self.metrics.example_counts.with_label_values(&[&self.model]).observe(count as f64);
        self.metrics.example_count_total.with_label_values(&[&self.model]).inc_by(count as u64);
    }

    fn by_signature(&self, signature: &Arc<str>) -> Arc<BySignature> {
        if let Some(found) = self.series.read().get(signature) {
            return Arc::clone(found);
        }
        Arc::clone(self.series.write().entry(Arc::clone(signature)).or_default())
    }

    fn new_series(&self, signature: &str, api: Api, method: Method) -> Series {
        let Metrics { requests, seconds, stages, rows, bytes, .. } = &*self.metrics;
        let labels = [self.model.as_str(), self.version.as_str(), signature, api.label()];
        let with = |last: &'static str| [labels[0], labels[1], labels[2], labels[3], last];
        let entrypoint = if api == Api::Grpc { "GRPC" } else { "REST" };
        let tfs = |last: &'static str| [labels[0], method.label(api), last];
        Series {
            request_count: self.metrics.request_count.with_label_values(&[labels[0], Code::Ok.name()]),
            request_latency: self.metrics.request_latency.with_label_values(&tfs(entrypoint)),
            runtime_latency: self.metrics.runtime_latency.with_label_values(&tfs("TF1")),
            ok: requests.with_label_values(&with(Code::Ok.name())),
            seconds: seconds.with_label_values(&labels),
            stages: STAGES.map(|stage| stages.with_label_values(&with(stage))),
            rows: rows.with_label_values(&labels),
            bytes: DIRECTIONS.map(|direction| bytes.with_label_values(&with(direction))),
        }
    }
}

impl std::fmt::Debug for ServableMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServableMetrics({} version {})", self.model, self.version)
    }
}

impl Drop for ServableMetrics {
    fn drop(&mut self) {
        let metrics = &self.metrics;
        let mut live = metrics.live.lock();
        let key = (self.model.clone(), self.version.clone());
        let left = live.get(&key).map_or(0, |count| count - 1);
        if left > 0 {
            live.insert(key, left);
            return;
        }
        live.remove(&key);
        let own = |labels: &HashMap<&str, &str>| {
            labels.get("model") == Some(&self.model.as_str()) && labels.get("version") == Some(&self.version.as_str())
        };
        remove(&metrics.requests, own, |values| metrics.requests.remove_label_values(values));
        remove(&metrics.seconds, own, |values| metrics.seconds.remove_label_values(values));
        remove(&metrics.stages, own, |values| metrics.stages.remove_label_values(values));
        remove(&metrics.batch_rows, own, |values| metrics.batch_rows.remove_label_values(values));
        remove(&metrics.batch_requests, own, |values| metrics.batch_requests.remove_label_values(values));
        remove(&metrics.batch_padding, own, |values| metrics.batch_padding.remove_label_values(values));
        remove(&metrics.rows, own, |values| metrics.rows.remove_label_values(values));
        remove(&metrics.bytes, own, |values| metrics.bytes.remove_label_values(values));
        remove(&metrics.in_flight, own, |values| metrics.in_flight.remove_label_values(values));
        remove(&metrics.queued, own, |values| metrics.queued.remove_label_values(values));
    }
}

/// Removes the series of `collector` whose labels are `own`.
fn remove(
    collector: &impl Collector,
    own: impl Fn(&HashMap<&str, &str>) -> bool,
    remove: impl Fn(&[&str]) -> prometheus::Result<()>,
) {
    for family in collector.collect() {
        let order = find(family.name()).labels;
        for metric in family.get_metric() {
            let labels: HashMap<&str, &str> =
                metric.get_label().iter().map(|pair| (pair.name(), pair.value())).collect();
            if own(&labels) {
                let values: Vec<&str> = order.iter().filter_map(|label| labels.get(label).copied()).collect();
                // Gone already is as wanted.
                let _ = remove(&values);
            }
        }
    }
}

fn find(name: &str) -> &'static Entry {
    CATALOGUE.iter().find(|entry| entry.name == name).expect("every metric is in the catalogue")
}

fn register<T: Collector + Clone + 'static>(registry: &Registry, vec: T) -> T {
    registry.register(Box::new(vec.clone())).expect("the catalogue names each metric once");
    vec
}

fn counter(registry: &Registry, name: &str) -> IntCounterVec {
    let entry = find(name);
    register(
        registry,
        IntCounterVec::new(Opts::new(name, entry.help), entry.labels).expect("the catalogue is well formed"),
    )
}

fn gauge(registry: &Registry, name: &str) -> GaugeVec {
    let entry = find(name);
    register(registry, GaugeVec::new(Opts::new(name, entry.help), entry.labels).expect("the catalogue is well formed"))
}

fn histogram(registry: &Registry, name: &str, buckets: Vec<f64>) -> HistogramVec {
    let entry = find(name);
    let options = HistogramOpts::new(name, entry.help).buckets(buckets);
    register(registry, HistogramVec::new(options, entry.labels).expect("the catalogue is well formed"))
}

fn exponential(start: f64, factor: f64, count: i32) -> Vec<f64> {
    (0..count).map(|n| start * factor.powi(n)).collect()
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
