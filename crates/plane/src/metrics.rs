//! The one catalogue of metrics, and the series of a running plane.
//!
//! Every metric is declared in [`CATALOGUE`] and nowhere else.
//! TensorFlow Serving's names, labels and buckets are kept exactly; ours are `seaway_*`, in seconds and bytes. Label values
//! are bounded: they come from loaded versions, and everything else is counted under [`UNKNOWN`].

mod catalogue;
mod ended;
mod fates;
mod measured;
mod request_log;
mod servable;
mod shadow;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use prometheus::{CounterVec, Encoder, GaugeVec, HistogramVec, IntCounterVec, Opts, Registry};

use crate::operations::operation::State;
use crate::status::Status;

use catalogue::{counter, exponential, find, gauge, histogram, register};
pub use catalogue::{Entry, Kind, CATALOGUE};
use ended::Ended;
pub use fates::{Counts, Fate};
pub use measured::{Measured, Measurements};
pub use request_log::{LogCounts, Logged};
pub use servable::{Batches, Done, ServableMetrics};
pub use shadow::{Comparison, Outcome};

/// The label value for a model that no route knows.
pub const UNKNOWN: &str = "(unknown)";

/// What a client called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// gRPC.
    Grpc,
    /// REST.
    Rest,
    /// REST, to be answered later: the runner of operations.
    Operation,
    /// Nobody: a copy of a request, run on another version to compare the answers. It is no request of TensorFlow Serving's.
    Shadow,
    /// Nobody: a recorded request, replayed before the version is available. It counts nowhere.
    WarmUp,
}

impl Api {
    /// Whether nobody waits for it, so that it runs when nobody else wants to.
    pub fn is_background(self) -> bool {
        matches!(self, Api::Operation | Api::Shadow)
    }

    /// Its name in labels and logs.
    pub fn label(self) -> &'static str {
        match self {
            Api::Grpc => "grpc",
            Api::Rest => "rest",
            Api::Operation => "operation",
            Api::Shadow => "shadow",
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
    shadow_requests: IntCounterVec,
    request_log: IntCounterVec,
    access_log: IntCounterVec,
    trace_spans: IntCounterVec,
    told: HashMap<&'static str, Told>,
    /// Loaded versions that share a name and number: a restarted worker's successor may be up before it is gone.
    live: Mutex<HashMap<(String, String), usize>>,
    /// Versions that nobody holds any more, whose counts are still told.
    ended: Mutex<Ended<(String, String)>>,
    /// By model and version, for as long as the table of routes knows it: a version that is loaded again goes on counting.
    measured: Mutex<BTreeMap<(String, i64), Arc<Measured>>>,
    /// By model, live version and candidate, for as long.
    comparisons: Mutex<BTreeMap<(String, i64, i64), Comparison>>,
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
        let seconds = || measured::BOUNDS_S.clone();
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
            shadow_requests: counter(&registry, "seaway_shadow_requests_total"),
            request_log: counter(&registry, "seaway_request_log_records_total"),
            access_log: counter(&registry, "seaway_access_log_lines_total"),
            trace_spans: counter(&registry, "seaway_trace_spans_total"),
            told: HashMap::new(),
            live: Mutex::default(),
            ended: Mutex::default(),
            measured: Mutex::default(),
            comparisons: Mutex::default(),
            registry,
        };
        metrics.with_told()
    }

    /// Adds the metrics that the plane itself does not write.
    fn with_told(mut self) -> Metrics {
        const TOLD: [&str; 14] = [
            "seaway_worker_memory_bytes",
            "seaway_worker_cpu_seconds_total",
            "seaway_model_loads_total",
            "seaway_model_load_seconds",
            "seaway_model_unloads_total",
            "seaway_worker_restarts_total",
            "seaway_engine_info",
            "seaway_engine_trials_total",
            "seaway_engine_trial_ratio",
            "seaway_request_log_files_total",
            "seaway_model_store_up",
            "seaway_model_store_fetches_total",
            "seaway_model_store_fetched_bytes_total",
            "seaway_model_store_fetch_seconds_total",
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
        let measured = Arc::clone(self.measured.lock().entry((model.to_owned(), version)).or_default());
        let (model, version) = (model.to_owned(), version.to_string());
        let key = (model.clone(), version.clone());
        self.ended.lock().revive(&key);
        *self.live.lock().entry(key).or_insert(0) += 1;
        ServableMetrics::new(Arc::clone(self), model, version, measured)
    }

    /// What becomes of the records of one model's requests.
    pub fn request_log(&self, model: &str) -> LogCounts {
        LogCounts::new(&self.request_log, model)
    }

    /// What becomes of the lines of the access log.
    pub fn access_log(&self) -> Counts {
        Counts::new(&self.access_log, "written")
    }

    /// What becomes of spans.
    pub fn traces(&self) -> Counts {
        Counts::new(&self.trace_spans, "sent")
    }

    /// Ends the series of [`Metrics::request_log`].
    pub fn forget_request_log(&self, model: &str) {
        request_log::remove(&self.request_log, model);
    }

    /// Lets go of what was measured of versions that are neither known any more nor loaded.
    pub fn forget(&self, is_known: impl Fn(&str, i64) -> bool) {
        let is_loaded = |measured: &Arc<Measured>| Arc::strong_count(measured) > 1;
        let mut measured = self.measured.lock();
        measured.retain(|(model, version), measured| is_known(model, *version) || is_loaded(measured));
        self.comparisons.lock().retain(|(model, live, candidate), _| {
            let kept = [live, candidate].iter().all(|version| measured.contains_key(&(model.clone(), **version)));
            if !kept {
                shadow::remove(&self.shadow_requests, model, *live, *candidate);
            }
            kept
        });
    }

    /// What was measured of every version, and how copies compared; the two numbers are the caller's.
    pub fn measurements(&self, in_flight: usize, queued: usize) -> Measurements {
        let measured = self.measured.lock();
        let series =
            measured.iter().flat_map(|((model, version), measured)| measured.series(model, *version)).collect();
        drop(measured);
        let comparisons = self.comparisons.lock();
        let comparisons = comparisons.iter().map(|((model, live, candidate), comparison)| {
            measured::Compared::new(model, *live, *candidate, comparison)
        });
        Measurements { in_flight, queued, series, comparisons: comparisons.collect() }
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
        self.text_at(Instant::now())
    }

    fn text_at(&self, now: Instant) -> String {
        self.end_series(now);
        let mut out = Vec::new();
        prometheus::TextEncoder::new()
            .encode(&self.registry.gather(), &mut out)
            .expect("writing to memory does not fail");
        String::from_utf8(out).expect("the text form is UTF-8")
    }

    /// Ends the series of versions that were told of for long enough.
    fn end_series(&self, now: Instant) {
        let over = self.ended.lock().take_over(now);
        // One that is being loaded again at this moment has its series back.
        let live = self.live.lock();
        for (model, version) in over.iter().filter(|key| !live.contains_key(*key)) {
            servable::remove_series(self, model, version);
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
