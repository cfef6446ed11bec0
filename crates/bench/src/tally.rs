//! What was measured: latencies, failures by code, how both went over time, and the report made of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{json, Value};

use crate::failure::Failure;

/// The highest latency told apart from higher ones.
const MAX_LATENCY: Duration = Duration::from_secs(600);
/// Into how many windows the timeline divides a measurement, and the shortest of them.
const WINDOWS: u32 = 60;
const SHORTEST_WINDOW: Duration = Duration::from_millis(100);
/// Quantiles that the report's curve has between one halving of the distance to 1 and the next.
const QUANTILES_PER_HALF: u32 = 4;

/// When one request was due, sent and ended.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// When it should have been sent: latency counts from here.
    pub due: Instant,
    /// When it was.
    pub sent: Instant,
    /// When its outcome was known.
    pub ended: Instant,
}

/// The outcomes of the requests that fell due after the warm-up.
pub struct Tally {
    from: Instant,
    last: Instant,
    latencies: Histogram<u64>,
    /// How long they took, by code.
    failures: BTreeMap<String, Histogram<u64>>,
    /// How late requests were sent.
    lags: Histogram<u64>,
    failed: u64,
    first_failure: Option<Failure>,
    timeline: Timeline,
}

impl Tally {
    /// Counts requests due at or after `from`, in a measurement that is meant to take `duration`.
    pub fn new(from: Instant, duration: Duration) -> Tally {
        Tally {
            from,
            last: from,
            latencies: nanoseconds(),
            failures: BTreeMap::new(),
            lags: nanoseconds(),
            failed: 0,
            first_failure: None,
            timeline: Timeline::new((duration / WINDOWS).max(SHORTEST_WINDOW)),
        }
    }

    /// Takes one request into account.
    pub fn record(&mut self, Moments { due, sent, ended: end }: Moments, outcome: Result<(), Failure>) {
        if due < self.from {
            return;
        }
        self.lags.saturating_record((sent - due).as_nanos() as u64);
        let nanos = (end - due).as_nanos() as u64;
        self.last = self.last.max(end);
        let window = self.timeline.window(end - self.from);
        match outcome {
            Ok(()) => {
                self.latencies.saturating_record(nanos);
                window.latencies.saturating_record(nanos);
            }
            Err(failure) => {
                window.failed += 1;
                self.failed += 1;
                match self.failures.get_mut(&failure.code) {
                    Some(seen) => seen.saturating_record(nanos),
                    None => {
                        let mut seen = nanoseconds();
                        seen.saturating_record(nanos);
                        self.failures.insert(failure.code.clone(), seen);
                    }
                }
                self.first_failure.get_or_insert(failure);
            }
        }
    }

    /// Successes and failures so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.latencies.len(), self.failed)
    }

    /// The report: successes, their rate and latencies, and failures.
    pub fn report(&self) -> Value {
        let elapsed = (self.last - self.from).as_secs_f64();
        json!({
            "seconds": elapsed,
            "succeeded": self.latencies.len(),
            "failed": self.failed,
            "failures": self.by_code(|seen| seen.len().into()),
            "failure_latency_micros": self.by_code(quantiles),
            "lag_micros": quantiles(&self.lags),
            "first_failure": self.first_failure.as_ref().map(|failure| &failure.message),
            "per_second": if elapsed > 0.0 { self.latencies.len() as f64 / elapsed } else { 0.0 },
            "latency_micros": quantiles(&self.latencies),
            "latency_curve": curve(&self.latencies),
            "timeline": self.timeline.report(),
        })
    }

    fn by_code(&self, say: impl Fn(&Histogram<u64>) -> Value) -> BTreeMap<&str, Value> {
        self.failures.iter().map(|(code, seen)| (code.as_str(), say(seen))).collect()
    }
}

/// A measurement cut into windows of one length, by when requests ended.
struct Timeline {
    length: Duration,
    /// What the windows before the current one had, for the report.
    past: Vec<Value>,
    current: Window,
}

/// What ended within one window.
struct Window {
    index: u32,
    latencies: Histogram<u64>,
    failed: u64,
}

impl Timeline {
    fn new(length: Duration) -> Timeline {
        Timeline { length, past: vec![], current: Window { index: 0, latencies: nanoseconds(), failed: 0 } }
    }

    /// The window that `offset` falls into; ends come in order, so it is the current one or a later.
    fn window(&mut self, offset: Duration) -> &mut Window {
        let index = (offset.as_nanos() / self.length.as_nanos()) as u32;
        if index > self.current.index {
            self.past.push(self.current.report(self.length));
            self.current.index = index;
            self.current.latencies.reset();
            self.current.failed = 0;
        }
        &mut self.current
    }

    fn report(&self) -> Value {
        let windows = self.past.iter().cloned().chain([self.current.report(self.length)]);
        json!({"window_seconds": self.length.as_secs_f64(), "windows": windows.collect::<Vec<_>>()})
    }
}

impl Window {
    fn report(&self, length: Duration) -> Value {
        let at = |quantile| micros(self.latencies.value_at_quantile(quantile) as f64);
        json!({
            "start": (length * self.index).as_secs_f64(),
            "succeeded": self.latencies.len(),
            "failed": self.failed,
            "p50": at(0.5),
            "p99": at(0.99),
        })
    }
}

/// Pairs of a quantile and its microseconds, closer together towards the end, where the interesting ones are.
fn curve(nanos: &Histogram<u64>) -> Vec<(f64, f64)> {
    let points = nanos.iter_quantiles(QUANTILES_PER_HALF);
    points.map(|point| (point.quantile(), micros(point.value_iterated_to() as f64))).collect()
}

fn micros(nanos: f64) -> f64 {
    (nanos / 100.0).round() / 10.0
}

/// An empty histogram of nanoseconds, exact to three digits.
pub fn nanoseconds() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_LATENCY.as_nanos() as u64, 3).expect("the bounds are constants that fit")
}

/// The usual quantiles of a histogram of nanoseconds, in microseconds; null when it is empty.
pub fn quantiles(nanos: &Histogram<u64>) -> Value {
    if nanos.is_empty() {
        return Value::Null;
    }
    let at = |quantile| micros(nanos.value_at_quantile(quantile) as f64);
    json!({
        "mean": micros(nanos.mean()),
        "p50": at(0.5),
        "p90": at(0.9),
        "p95": at(0.95),
        "p99": at(0.99),
        "p99.9": at(0.999),
        "max": micros(nanos.max() as f64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(due: Instant, ended: Instant) -> Moments {
        Moments { due, sent: due, ended }
    }

    #[test]
    fn warm_up_is_not_counted_and_failures_are_no_throughput() {
        let from = Instant::now();
        let mut tally = Tally::new(from + 10 * MS, 60 * MS);
        tally.record(at(from, from + 30 * MS), Ok(()));
        tally.record(at(from + 10 * MS, from + 12 * MS), Ok(()));
        tally.record(at(from + 15 * MS, from + 20 * MS), Err(Failure::connection("reset")));
        let report = tally.report();
        assert_eq!((&report["succeeded"], &report["failed"]), (&json!(1), &json!(1)));
        assert_eq!((&report["failures"], &report["first_failure"]), (&json!({"connection": 1}), &json!("reset")));
        assert_eq!(report["per_second"], json!(1.0 / 0.010));
        assert_eq!(report["failure_latency_micros"]["connection"]["p99"].as_f64().map(f64::round), Some(5001.0));
        let max = report["latency_micros"]["max"].as_f64().unwrap();
        assert!((1999.0..=2002.0).contains(&max), "{max}");
    }

    #[test]
    fn a_report_of_nothing_has_no_quantiles() {
        let report = Tally::new(Instant::now(), MS).report();
        assert_eq!((&report["latency_micros"], &report["per_second"]), (&Value::Null, &json!(0.0)));
    }

    #[test]
    fn a_timeline_has_the_windows_in_which_something_ended() {
        let from = Instant::now();
        let mut tally = Tally::new(from, 1000 * MS);
        for end in [10, 99, 350] {
            tally.record(at(from, from + end * MS), Ok(()));
        }
        tally.record(at(from, from + 360 * MS), Err(Failure::connection("reset")));
        let report = tally.report();
        let windows = report["timeline"]["windows"].as_array().unwrap();
        let seen: Vec<_> =
            windows.iter().map(|window| (&window["start"], &window["succeeded"], &window["failed"])).collect();
        assert_eq!(seen, [(&json!(0.0), &json!(2), &json!(0)), (&json!(0.3), &json!(1), &json!(1))]);
        assert_eq!((report["timeline"]["window_seconds"].as_f64(), tally.counts()), (Some(0.1), (3, 1)));
    }

    #[test]
    fn the_curve_rises_to_the_maximum() {
        let mut tally = Tally::new(Instant::now(), MS);
        let from = tally.from;
        (1..=1000).for_each(|end| tally.record(at(from, from + end * MS), Ok(())));
        let curve = curve(&tally.latencies);
        assert!(curve.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1));
        let (quantile, value) = *curve.last().unwrap();
        assert!(quantile == 1.0 && (999e3..1002e3).contains(&value), "{value}");
    }
}
