//! Asking a loaded version that nobody is routed to: what it answers, and how fast.
//!
//! An engine is chosen by trial. A trial must run what clients would run (decoding, batching, the worker, encoding), so it
//! takes their messages; and it must not measure a network, so it hands them over in the process.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message;
use serde::Serialize;

use crate::dataplane::Dataplane;
use crate::grpc;
use crate::inference::Call;
use crate::metrics::Api;
use crate::pb::tensorflow::serving::PredictRequest;
use crate::routes::Servable;
use crate::status::{Result, Status};

/// Longest time one request of a trial may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How fast a loaded version answered.
#[derive(Debug, Serialize)]
pub struct Pace {
    /// Requests that were answered.
    pub requests: u64,
    /// How long that took, in seconds.
    pub seconds: f64,
    /// The middle one of their times, in microseconds.
    pub p50_us: f64,
    /// The time that one in a hundred exceeded, in microseconds.
    pub p99_us: f64,
}

/// Answers one serialized `PredictRequest` with a serialized `PredictResponse`, whatever model and version it names.
///
/// Errors: INVALID_ARGUMENT for bytes that are no request; otherwise what the call answers.
pub async fn predict(dataplane: &Dataplane, servable: &Arc<Servable>, request: Bytes) -> Result<Bytes> {
    let request = PredictRequest::decode(request)
        .map_err(|error| Status::invalid_argument(format!("the request is no PredictRequest: {error}")))?;
    let deadline = Some(tokio::time::Instant::now() + REQUEST_TIMEOUT);
    let call = Call::unobserved(Api::WarmUp, deadline);
    grpc::answer(dataplane, servable, request, &call).await
}

/// Keeps `in_flight` of the requests, sent in turn, on their way until `duration` is over.
///
/// Errors: what the first request that failed answered; INVALID_ARGUMENT for no requests or none in flight.
pub async fn pace(
    dataplane: &Arc<Dataplane>,
    servable: &Arc<Servable>,
    requests: Vec<Bytes>,
    in_flight: usize,
    duration: Duration,
) -> Result<Pace> {
    if requests.is_empty() || in_flight == 0 {
        return Err(Status::invalid_argument("a pace needs a request, and one in flight"));
    }
    let shared =
        Arc::new(Shared { requests, next: AtomicUsize::new(0), answered: AtomicU64::new(0), times: Mutex::default() });
    let started = Instant::now();
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| {
            let (dataplane, servable, shared) = (Arc::clone(dataplane), Arc::clone(servable), Arc::clone(&shared));
            tokio::spawn(async move { shared.run(&dataplane, &servable, started + duration).await })
        })
        .collect();
    let mut outcome = Ok(());
    for task in tasks {
        let ended = task.await.unwrap_or_else(|_| Err(Status::internal("a request of a trial panicked")));
        outcome = outcome.and(ended);
    }
    outcome?;
    let mut times = std::mem::take(&mut *shared.times.lock());
    times.sort_unstable();
    Ok(Pace {
        requests: shared.answered.load(Ordering::Relaxed),
        seconds: started.elapsed().as_secs_f64(),
        p50_us: quantile_us(&times, 0.5),
        p99_us: quantile_us(&times, 0.99),
    })
}

struct Shared {
    requests: Vec<Bytes>,
    next: AtomicUsize,
    answered: AtomicU64,
    times: Mutex<Vec<Duration>>,
}

impl Shared {
    async fn run(&self, dataplane: &Dataplane, servable: &Arc<Servable>, end: Instant) -> Result<()> {
        let mut times = Vec::new();
        // One at least: a model that takes longer than the whole measurement has a pace too.
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed) % self.requests.len();
            let begun = Instant::now();
            predict(dataplane, servable, self.requests[index].clone()).await?;
            times.push(begun.elapsed());
            if Instant::now() >= end {
                break;
            }
        }
        self.answered.fetch_add(times.len() as u64, Ordering::Relaxed);
        self.times.lock().append(&mut times);
        Ok(())
    }
}

/// The time below which a share of sorted times lies, in microseconds; 0 of none.
fn quantile_us(times: &[Duration], share: f64) -> f64 {
    let index = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len().max(1)) - 1;
    times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_time_that_its_share_does_not_exceed() {
        let times: Vec<Duration> = (1..=100).map(Duration::from_micros).collect();
        for (share, expected) in [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.001, 1.0)] {
            assert!((quantile_us(&times, share) - expected).abs() < 1e-6, "{share}");
        }
        assert_eq!(quantile_us(&[], 0.5), 0.0);
    }
}
