//! The one task that sends spans, and the bounded line of calls in which they wait for it.
//!
//! A collector that is slow or gone is nobody's delay: the line fills, and what finds no room is counted. The same request is
//! tried again with growing pauses for as long as the collector says that this may help; the log has one line when it begins to
//! fail and one when it works again.
//!
//! Source: the OpenTelemetry protocol specification, OTLP/gRPC and OTLP/HTTP, Retryable failures.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::Notify;

use super::collector::{Collector, Failure};
use super::otlp::{ExportRequest, Resource, ResourceSpans, Scope, ScopeSpans};
use super::spans;
use crate::exchange::{random, End, Exchange};
use crate::metrics::{Counts, Fate};

/// Calls that may wait.
const MAX_WAITING: usize = 4096;
/// Calls whose spans are sent at once.
const MAX_BATCH: usize = 512;
/// How long calls are gathered.
const GATHER: Duration = Duration::from_secs(1);
/// The first pause after a failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// How often the same request is tried.
const MAX_TRIES: u32 = 6;

/// The line.
pub struct Line {
    state: Mutex<State>,
    changed: Notify,
    counts: Counts,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Arc<Exchange>, End)>,
    is_closed: bool,
}

impl Line {
    /// An empty line that counts there.
    pub fn new(counts: Counts) -> Line {
        Line { state: Mutex::default(), changed: Notify::new(), counts }
    }

    /// Adds a call to the end, or counts its spans as dropped. Never waits.
    pub fn push(&self, exchange: Arc<Exchange>, end: End) {
        let mut state = self.state.lock();
        if state.is_closed || state.waiting.len() >= MAX_WAITING {
            drop(state);
            return self.counts.count(Fate::Dropped, spans::count(&exchange));
        }
        state.waiting.push_back((exchange, end));
        let waiting = state.waiting.len();
        drop(state);
        // The task looks again by itself when it gathers.
        if waiting == 1 || waiting == MAX_BATCH {
            self.changed.notify_one();
        }
    }

    /// Takes nothing more.
    pub fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_one();
    }

    fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    fn is_full(&self) -> bool {
        let state = self.state.lock();
        state.is_closed || state.waiting.len() >= MAX_BATCH
    }

    fn take(&self) -> Vec<(Arc<Exchange>, End)> {
        let mut state = self.state.lock();
        let count = state.waiting.len().min(MAX_BATCH);
        state.waiting.drain(..count).collect()
    }

    /// The next calls; none once the line is closed and empty. Waits until there are some, and a little for more.
    async fn next(&self) -> Option<Vec<(Arc<Exchange>, End)>> {
        loop {
            let (is_empty, is_closed) = {
                let state = self.state.lock();
                (state.waiting.is_empty(), state.is_closed)
            };
            match (is_empty, is_closed) {
                (true, true) => return None,
                (true, false) => self.changed.notified().await,
                (false, _) => break,
            }
        }
        let filled = async {
            while !self.is_full() {
                self.changed.notified().await;
            }
        };
        // Few calls are as good as many when the time is over.
        let _ = tokio::time::timeout(GATHER, filled).await;
        Some(self.take())
    }
}

/// The task.
pub struct Exporter {
    collector: Collector,
    line: Arc<Line>,
    resource: Resource,
    has_warned: bool,
}

impl Exporter {
    /// One that sends what is in the line to the collector.
    pub fn new(collector: Collector, line: Arc<Line>, resource: Resource) -> Exporter {
        Exporter { collector, line, resource, has_warned: false }
    }

    /// Sends until the line is closed and empty.
    pub async fn run(mut self) {
        while let Some(calls) = self.line.next().await {
            let mut made = Vec::with_capacity(calls.len() * 4);
            for (exchange, end) in calls {
                spans::append(&exchange, &end, random::eight, &mut made);
            }
            let count = made.len() as u64;
            let scope = Scope { name: "seaway".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
            let request = ExportRequest {
                resource_spans: vec![ResourceSpans {
                    resource: Some(self.resource.clone()),
                    scope_spans: vec![ScopeSpans { scope: Some(scope), spans: made }],
                    schema_url: spans::SCHEMA_URL.to_owned(),
                }],
            };
            let rejected = self.deliver(request.encode_to_vec().into(), count).await;
            self.line.counts.count(Fate::Failed, rejected);
            self.line.counts.count(Fate::Done, count - rejected);
        }
    }

    /// Sends one request, again and again where that may help; how many of its spans were not taken.
    async fn deliver(&mut self, request: Bytes, count: u64) -> u64 {
        for tries in 1.. {
            let (why, is_hopeless) = match self.collector.send(request.clone()).await {
                Ok(rejected) => {
                    self.works();
                    return rejected.min(count);
                }
                Err(Failure::Refused(why)) => (why, true),
                Err(Failure::Passing(why)) => (why, false),
            };
            self.fails(&why);
            // At the end of a server there is no time left for a second try.
            if is_hopeless || tries == MAX_TRIES || self.line.is_closed() {
                break;
            }
            self.pause(pause(tries, random::eight())).await;
        }
        count
    }

    /// Waits, unless the server ends meanwhile.
    async fn pause(&self, time: Duration) {
        let closed = async {
            while !self.line.is_closed() {
                self.line.changed.notified().await;
            }
        };
        let _ = tokio::time::timeout(time, closed).await;
    }

    fn fails(&mut self, why: &str) {
        if !std::mem::replace(&mut self.has_warned, true) {
            tracing::warn!("spans cannot be sent, they wait or are dropped until they can: {why}");
        }
    }

    fn works(&mut self) {
        if std::mem::take(&mut self.has_warned) {
            tracing::info!("spans can be sent again");
        }
    }
}

/// How long to wait after so many tries: doubled each time, less up to half of it by chance.
fn pause(tries: u32, chance: [u8; 8]) -> Duration {
    let whole = FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(MAX_PAUSE);
    let less = f64::from(u32::from_be_bytes([chance[0], chance[1], chance[2], chance[3]])) / f64::from(u32::MAX);
    whole.mul_f64(1.0 - less / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::examples;
    use crate::metrics::{Api, Metrics};
    use crate::traces::context::Trace;

    fn call() -> (Arc<Exchange>, End) {
        let trace = Trace { trace_id: [1; 16], parent_id: None, span_id: Some([1; 8]), state: String::new() };
        let (exchange, end) = examples::predict(Api::Grpc, Some(trace));
        (Arc::new(exchange), end)
    }

    #[test]
    fn pauses_double_up_to_a_bound_less_a_bit_of_chance() {
        let longest: Vec<u64> = (1..8).map(|tries| pause(tries, [0; 8]).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause(3, [0xff; 8]), Duration::from_secs(2));
        assert_eq!(pause(u32::MAX, [0; 8]), MAX_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_wait_for_others_and_a_full_batch_does_not() {
        let line = Line::new(Metrics::new().traces());
        let (exchange, end) = call();
        line.push(Arc::clone(&exchange), end);
        let begun = tokio::time::Instant::now();
        assert_eq!(line.next().await.unwrap().len(), 1);
        assert_eq!(begun.elapsed(), GATHER);
        (0..MAX_BATCH + 1).for_each(|_| line.push(Arc::clone(&exchange), end));
        assert_eq!(line.next().await.unwrap().len(), MAX_BATCH);
        assert_eq!(begun.elapsed(), GATHER, "nothing was waited for");
        line.close();
        assert_eq!(line.next().await.unwrap().len(), 1);
        assert!(line.next().await.is_none());
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_its_spans_are_counted() {
        let line = Line::new(Metrics::new().traces());
        let (exchange, end) = call();
        (0..MAX_WAITING + 2).for_each(|_| line.push(Arc::clone(&exchange), end));
        assert_eq!(line.counts.counted(Fate::Dropped), 2 * 6);
        line.close();
        line.push(exchange, end);
        assert_eq!(line.counts.counted(Fate::Dropped), 3 * 6);
    }
}
