//! What each version answered, in a form that is added up and compared rather than scraped: the report of a replica.
//!
//! One set of counters a version for clients' requests and one for copies, whatever signature and API they came by. They
//! grow for as long as the process lives: a version whose worker was lost, or that was loaded again, goes on where it was.
//!
//! Source: src/seaway/fleet/report.py, whose fields these are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::LazyLock;
use std::time::Duration;

use serde::Serialize;

use super::catalogue::exponential;
use super::shadow::{Comparison, Outcome};
use super::Api;
use crate::status::{Code, Status};

/// Upper bounds of the buckets of `seaway_request_seconds`.
///
/// Two an octave from 10 µs to 80 s: a quantile is known to about 20 %.
pub(super) static BOUNDS_S: LazyLock<Vec<f64>> = LazyLock::new(|| exponential(10e-6, std::f64::consts::SQRT_2, BOUNDS));
const BOUNDS: i32 = 47;

/// Everything that was measured so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurements {
    /// Requests that are being decoded, run or encoded.
    pub in_flight: usize,
    /// Requests that wait for a worker.
    pub queued: usize,
    /// What versions answered; those that were not asked are left out.
    pub series: Vec<Series>,
    /// How copies of requests compared.
    pub comparisons: Vec<Compared>,
}

/// Requests that one version answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    model: String,
    version: i64,
    kind: &'static str,
    ok: u64,
    client_errors: u64,
    server_errors: u64,
    bounds_s: &'static [f64],
    buckets: Vec<u64>,
    seconds_sum: f64,
    queue_seconds_sum: f64,
}

/// Copies of one version's requests that were run on another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    model: String,
    live: i64,
    candidate: i64,
    agreed: u64,
    differed: u64,
    failed: u64,
    dropped: u64,
}

impl Compared {
    pub(super) fn new(model: &str, live: i64, candidate: i64, comparison: &Comparison) -> Compared {
        Compared {
            model: model.to_owned(),
            live,
            candidate,
            agreed: comparison.counted(Outcome::Agreed),
            differed: comparison.counted(Outcome::Differed),
            failed: comparison.counted(Outcome::Failed),
            dropped: comparison.counted(Outcome::Dropped),
        }
    }
}

/// The counters of one version.
#[derive(Debug, Default)]
pub struct Measured {
    live: Counts,
    shadow: Counts,
}

#[derive(Debug)]
struct Counts {
    ok: AtomicU64,
    client_errors: AtomicU64,
    server_errors: AtomicU64,
    /// One for each bound, and one for what is longer.
    buckets: [AtomicU64; BOUNDS as usize + 1],
    nanos: AtomicU64,
    queue_nanos: AtomicU64,
}

impl Default for Counts {
    fn default() -> Counts {
        Counts {
            ok: AtomicU64::default(),
            client_errors: AtomicU64::default(),
            server_errors: AtomicU64::default(),
            buckets: std::array::from_fn(|_| AtomicU64::default()),
            nanos: AtomicU64::default(),
            queue_nanos: AtomicU64::default(),
        }
    }
}

impl Measured {
    /// Counts a request that ended well.
    pub(super) fn done(&self, api: Api, total: Duration, queue: Duration) {
        let counts = self.counts(api);
        add(&counts.ok, 1);
        add(&counts.queue_nanos, nanos(queue));
        counts.took(total);
    }

    /// Counts a request that ended with an error.
    pub(super) fn failed(&self, api: Api, status: &Status, total: Duration) {
        let counts = self.counts(api);
        add(if is_clients(status) { &counts.client_errors } else { &counts.server_errors }, 1);
        counts.took(total);
    }

    /// What was counted so far of each kind of request that came.
    pub(super) fn series(&self, model: &str, version: i64) -> Vec<Series> {
        let kinds = [("live", &self.live), ("shadow", &self.shadow)];
        let series = kinds.map(|(kind, counts)| counts.series(model, version, kind));
        series.into_iter().filter(|series| series.buckets.iter().any(|count| *count > 0)).collect()
    }

    fn counts(&self, api: Api) -> &Counts {
        match api {
            Api::Shadow => &self.shadow,
            _ => &self.live,
        }
    }
}

impl Counts {
    fn took(&self, total: Duration) {
        let seconds = total.as_secs_f64();
        add(&self.buckets[BOUNDS_S.partition_point(|bound| *bound < seconds)], 1);
        add(&self.nanos, nanos(total));
    }

    fn series(&self, model: &str, version: i64, kind: &'static str) -> Series {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let seconds = |nanos: &AtomicU64| read(nanos) as f64 / 1e9;
        Series {
            model: model.to_owned(),
            version,
            kind,
            ok: read(&self.ok),
            client_errors: read(&self.client_errors),
            server_errors: read(&self.server_errors),
            bounds_s: &BOUNDS_S,
            buckets: self.buckets.iter().map(read).collect(),
            seconds_sum: seconds(&self.nanos),
            queue_seconds_sum: seconds(&self.queue_nanos),
        }
    }
}

/// Whether an error says that the client asked for what cannot be, or went away, rather than that the version failed.
///
/// A version is judged by the errors that are not the client's, so none of those may be to be had for the asking. The plane
/// answers with most codes only for what a client sent. The engine is another matter: it sees requests that fit the signature,
/// and what it does not find, has not initialized or does not implement is missing in the version. Only what is wrong with
/// values it says in two codes.
fn is_clients(status: &Status) -> bool {
    match status.code {
        Code::InvalidArgument | Code::OutOfRange => true,
        // A request that is too large is told so without a time to come back; a queue that is full is the server's.
        Code::ResourceExhausted => !status.by_engine && status.retry_after.is_none(),
        Code::NotFound
        | Code::FailedPrecondition
        | Code::Unauthenticated
        | Code::PermissionDenied
        | Code::AlreadyExists
        | Code::Cancelled
        | Code::Unimplemented => !status.by_engine,
        // A deadline may have been too short, or the version too slow: the second must not go unseen.
        Code::DeadlineExceeded => false,
        Code::Ok | Code::Unknown | Code::Aborted | Code::Internal | Code::Unavailable | Code::DataLoss => false,
    }
}

fn add(counter: &AtomicU64, value: u64) {
    counter.fetch_add(value, Ordering::Relaxed);
}

/// Enough for 584 years of requests.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_clients_or_the_servers() {
        // By the plane without and with a time to come back, and by the engine.
        let cases = [
            (Code::Cancelled, [true, true, false]),
            (Code::Unknown, [false, false, false]),
            (Code::InvalidArgument, [true, true, true]),
            (Code::DeadlineExceeded, [false, false, false]),
            (Code::NotFound, [true, true, false]),
            (Code::AlreadyExists, [true, true, false]),
            (Code::PermissionDenied, [true, true, false]),
            (Code::ResourceExhausted, [true, false, false]),
            (Code::FailedPrecondition, [true, true, false]),
            (Code::Aborted, [false, false, false]),
            (Code::OutOfRange, [true, true, true]),
            (Code::Unimplemented, [true, true, false]),
            (Code::Internal, [false, false, false]),
            (Code::Unavailable, [false, false, false]),
            (Code::DataLoss, [false, false, false]),
            (Code::Unauthenticated, [true, true, false]),
        ];
        assert_eq!(cases.map(|(code, _)| code), Code::ALL[1..], "every code that is an error");
        for (code, expected) in cases {
            let plane = Status::new(code, "");
            let later = Status { retry_after: Some(Duration::from_secs(1)), ..plane.clone() };
            let engine = Status { by_engine: true, ..plane.clone() };
            assert_eq!([plane, later, engine].map(|status| is_clients(&status)), expected, "{}", code.name());
        }
    }

    #[test]
    fn a_time_falls_into_the_bucket_of_its_bound_as_prometheus_has_it() {
        let family =
            prometheus::Histogram::with_opts(prometheus::HistogramOpts::new("x", "x").buckets(BOUNDS_S.clone()))
                .unwrap();
        let measured = Measured::default();
        for micros in [0, 10, 11, 14, 15, 20, 1000, 80_000_000, 90_000_000] {
            let time = Duration::from_micros(micros);
            measured.done(Api::Grpc, time, Duration::ZERO);
            family.observe(time.as_secs_f64());
        }
        let series = measured.series("m", 1);
        let [live] = series.as_slice() else { panic!("{series:?}") };
        let mut cumulative = 0;
        let sums = live.buckets.iter().map(|count| {
            cumulative += count;
            cumulative
        });
        let sums: Vec<u64> = sums.collect();
        use prometheus::core::Metric;
        let expected: Vec<u64> =
            family.metric().get_histogram().get_bucket().iter().map(|bucket| bucket.cumulative_count()).collect();
        assert_eq!(sums[..BOUNDS as usize], expected[..BOUNDS as usize]);
        assert_eq!(sums.last(), Some(&9), "what is longer than every bound counts too");
        assert_eq!((live.buckets.len(), live.bounds_s.len()), (48, 47));
    }
}
