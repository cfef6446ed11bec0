//! The series of one loaded version: gauges end with it, counts shortly after it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use prometheus::core::Collector;
use prometheus::{Histogram, IntCounter};

use super::catalogue::find;
use super::measured::Measured;
use super::shadow::Comparison;
use super::{Api, Method, Metrics};
use crate::channel::BatchSize;
use crate::status::{Code, Status};

/// The series of one loaded version; they end after it, so that a thousand swaps do not leave a thousand series.
pub struct ServableMetrics {
    metrics: Arc<Metrics>,
    model: String,
    version: String,
    measured: Arc<Measured>,
    series: RwLock<HashMap<Arc<str>, Arc<BySignature>>>,
}

/// The series of one signature, by API and method; most are never used.
#[derive(Default)]
struct BySignature([[OnceLock<Series>; 4]; 4]);

/// What a request counts in, found once: looking a series up by its labels costs more than counting.
struct Series {
    /// None for what is no request of TensorFlow Serving's.
    tensorflow_serving: Option<TensorFlowServingSeries>,
    ok: IntCounter,
    seconds: Histogram,
    stages: [Histogram; 4],
    rows: IntCounter,
    bytes: [IntCounter; 2],
}

struct TensorFlowServingSeries {
    request_count: IntCounter,
    request_latency: Histogram,
    runtime_latency: Histogram,
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
    /// No series yet.
    pub(super) fn new(
        metrics: Arc<Metrics>,
        model: String,
        version: String,
        measured: Arc<Measured>,
    ) -> ServableMetrics {
        ServableMetrics { metrics, model, version, measured, series: RwLock::default() }
    }

    /// The counters of copies of what version `live` answers, run on this one.
    pub fn compared_with(&self, live: i64) -> Comparison {
        // It was made of a number.
        let candidate = self.version.parse().unwrap_or_default();
        let mut comparisons = self.metrics.comparisons.lock();
        let found = comparisons.entry((self.model.clone(), live, candidate));
        found.or_insert_with(|| Comparison::new(&self.metrics.shadow_requests, &self.model, live, candidate)).clone()
    }

    /// Counts a request that ended well.
    pub fn done(&self, signature: &Arc<str>, api: Api, method: Method, done: &Done) {
        if api == Api::WarmUp {
            return;
        }
        let by_signature = self.by_signature(signature);
        let series =
            by_signature.0[api as usize][method as usize].get_or_init(|| self.new_series(signature, api, method));
        self.measured.done(api, done.total, done.stages[1]);
        series.ok.inc();
        series.seconds.observe(done.total.as_secs_f64());
        for (histogram, stage) in series.stages.iter().zip(done.stages) {
            histogram.observe(stage.as_secs_f64());
        }
        series.rows.inc_by(done.rows);
        for (counter, bytes) in series.bytes.iter().zip(done.bytes) {
            counter.inc_by(bytes);
        }
        if let Some(series) = &series.tensorflow_serving {
            series.request_count.inc();
            series.request_latency.observe(done.total.as_micros() as f64);
            series.runtime_latency.observe(done.stages[2].as_micros() as f64);
        }
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
        self.measured.failed(api, status, total);
        let labels = [&self.model, &self.version, signature, api.label()];
        self.metrics
            .requests
            .with_label_values(&[labels[0], labels[1], labels[2], labels[3], status.code.name()])
            .inc();
        self.metrics.seconds.with_label_values(&labels).observe(total.as_secs_f64());
        if api != Api::Shadow {
            self.metrics.request_count.with_label_values(&[self.model.as_str(), status.code.name()]).inc();
        }
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
        let tensorflow_serving = (api != Api::Shadow).then(|| TensorFlowServingSeries {
            request_count: self.metrics.request_count.with_label_values(&[labels[0], Code::Ok.name()]),
            request_latency: self.metrics.request_latency.with_label_values(&tfs(entrypoint)),
            runtime_latency: self.metrics.runtime_latency.with_label_values(&tfs("TF1")),
        });
        Series {
            tensorflow_serving,
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
        drop(live);
        let own = own(&self.model, &self.version);
        remove(&metrics.in_flight, &own, |values| metrics.in_flight.remove_label_values(values));
        remove(&metrics.queued, &own, |values| metrics.queued.remove_label_values(values));
        let now = Instant::now();
        metrics.ended.lock().add(key, now);
        metrics.end_series(now);
    }
}

/// Ends what a version has counted.
pub(super) fn remove_series(metrics: &Metrics, model: &str, version: &str) {
    let own = own(model, version);
    remove(&metrics.requests, &own, |values| metrics.requests.remove_label_values(values));
    remove(&metrics.seconds, &own, |values| metrics.seconds.remove_label_values(values));
    remove(&metrics.stages, &own, |values| metrics.stages.remove_label_values(values));
    remove(&metrics.batch_rows, &own, |values| metrics.batch_rows.remove_label_values(values));
    remove(&metrics.batch_requests, &own, |values| metrics.batch_requests.remove_label_values(values));
    remove(&metrics.batch_padding, &own, |values| metrics.batch_padding.remove_label_values(values));
    remove(&metrics.rows, &own, |values| metrics.rows.remove_label_values(values));
    remove(&metrics.bytes, &own, |values| metrics.bytes.remove_label_values(values));
}

fn own<'a>(model: &'a str, version: &'a str) -> impl Fn(&HashMap<&str, &str>) -> bool + 'a {
    move |labels| labels.get("model") == Some(&model) && labels.get("version") == Some(&version)
}

/// Removes the series of `collector` whose labels are `own`.
fn remove(
    collector: &impl Collector,
    own: &impl Fn(&HashMap<&str, &str>) -> bool,
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
