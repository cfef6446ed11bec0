//! What was measured: latencies, failures by code, and the report made of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{json, Value};

use crate::failure::Failure;

/// The highest latency told apart from higher ones.
const MAX_LATENCY: Duration = Duration::from_secs(600);

/// The outcomes of the requests that fell due after the warm-up.
pub struct Tally {
    from: Instant,
    last: Instant,
    latencies: Histogram<u64>,
    failures: BTreeMap<String, u64>,
    first_failure: Option<Failure>,
}

impl Tally {
    /// Counts requests due at or after `from`.
    pub fn new(from: Instant) -> Tally {
        Tally { from, last: from, latencies: nanoseconds(), failures: BTreeMap::new(), first_failure: None }
    }

    /// Takes one request into account that was due at `due` and ended at `end`.
    pub fn record(&mut self, due: Instant, end: Instant, outcome: Result<(), Failure>) {
        if due < self.from {
            return;
        }
        self.last = self.last.max(end);
        match outcome {
            Ok(()) => self.latencies.saturating_record((end - due).as_nanos() as u64),
            Err(failure) => {
                *self.failures.entry(failure.code.clone()).or_default() += 1;
                self.first_failure.get_or_insert(failure);
            }
        }
    }

    /// The report: successes, their rate and latencies, and failures.
    pub fn report(&self) -> Value {
        let elapsed = (self.last - self.from).as_secs_f64();
        let failed: u64 = self.failures.values().sum();
        json!({
            "seconds": elapsed,
            "succeeded": self.latencies.len(),
            "failed": failed,
            "failures": self.failures,
            "first_failure": self.first_failure.as_ref().map(|failure| &failure.message),
            "per_second": if elapsed > 0.0 { self.latencies.len() as f64 / elapsed } else { 0.0 },
            "latency_micros": quantiles(&self.latencies),
        })
    }
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
    let micros = |nanos: f64| (nanos / 100.0).round() / 10.0;
    let at = |quantile| micros(nanos.value_at_quantile(quantile) as f64);
    json!({
        "mean": micros(nanos.mean()),
        "p50": at(0.5),
        "p90": at(0.9),
        "p99": at(0.99),
        "p99.9": at(0.999),
        "max": micros(nanos.max() as f64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn warm_up_is_not_counted_and_failures_are_no_throughput() {
        let from = Instant::now();
        let mut tally = Tally::new(from + 10 * MS);
        tally.record(from, from + 30 * MS, Ok(()));
        tally.record(from + 10 * MS, from + 12 * MS, Ok(()));
        tally.record(from + 15 * MS, from + 20 * MS, Err(Failure::connection("reset")));
        let report = tally.report();
        assert_eq!((&report["succeeded"], &report["failed"]), (&json!(1), &json!(1)));
        assert_eq!((&report["failures"], &report["first_failure"]), (&json!({"connection": 1}), &json!("reset")));
        assert_eq!(report["per_second"], json!(1.0 / 0.010));
        let max = report["latency_micros"]["max"].as_f64().unwrap();
        assert!((1999.0..=2002.0).contains(&max), "{max}");
    }

    #[test]
    fn a_report_of_nothing_has_no_quantiles() {
        let report = Tally::new(Instant::now()).report();
        assert_eq!((&report["latency_micros"], &report["per_second"]), (&Value::Null, &json!(0.0)));
    }
}
