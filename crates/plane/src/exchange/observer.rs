//! Who wants to know of calls, asked when one begins and told when it has ended.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use tracing::Dispatch;

use super::{End, Exchange, Head, RequestId};
use crate::access_log::AccessLog;
use crate::metrics::{Api, Metrics};
use crate::settings::PlaneSettings;
use crate::status::Code;
use crate::traces::context::{Parent, Trace};
use crate::traces::Tracer;

/// Errors of the server's own that are told of each second; others are counted.
const MAX_ERRORS_PER_SECOND: u64 = 5;

/// The access log and the traces of one plane; either may be off.
#[derive(Default)]
pub struct Observer {
    access_log: Option<AccessLog>,
    tracer: Option<Tracer>,
    /// REST's path of the metrics, which is asked for every few seconds.
    metrics_path: Option<String>,
    errors: Bound,
}

impl Observer {
    /// What the settings ask for; the access log's thread says what it has to say to `dispatch`.
    ///
    /// Errors: a sentence that names the setting that cannot be used.
    pub fn new(settings: &PlaneSettings, metrics: &Arc<Metrics>, dispatch: &Dispatch) -> Result<Observer, String> {
        let access_log = match settings.access_log.path.is_empty() {
            true => None,
            false => Some(AccessLog::open(&settings.access_log, metrics.access_log(), dispatch.clone())?),
        };
        let tracer = settings.tracing.as_ref().map(|tracing| Tracer::new(tracing, metrics.traces())).transpose()?;
        Ok(Observer { access_log, tracer, metrics_path: settings.metrics_path.clone(), errors: Bound::default() })
    }

    /// Has spans sent from now on, by a task of this runtime.
    pub fn start(&self, runtime: &tokio::runtime::Handle) {
        if let Some(tracer) = &self.tracer {
            tracer.start(runtime);
        }
    }

    /// Writes and sends what waits, as far as that is done within `limit`. Waits.
    pub fn close(&self, runtime: &tokio::runtime::Handle, limit: Duration) {
        let end = Instant::now() + limit;
        if let Some(tracer) = &self.tracer {
            tracer.close(runtime, limit);
        }
        if let Some(log) = &self.access_log {
            log.close(end.saturating_duration_since(Instant::now()));
        }
    }

    /// The call that this request begins, if anybody wants to know of it.
    pub fn begin<B>(
        &self,
        id: &RequestId,
        api: Api,
        peer: Option<std::net::SocketAddr>,
        request: &Request<B>,
    ) -> Option<Arc<Exchange>> {
        if self.access_log.is_none() && self.tracer.is_none() {
            return None;
        }
        let headers = request.headers();
        let trace = self.trace(Parent::of(headers), || self.is_probe(api, request.uri().path()));
        let trace = trace.map(|trace| Trace { state: crate::traces::context::state(headers), ..trace });
        self.wanted(id, api, trace, || Head::of(peer, request))
    }

    /// The run of an operation, which belongs to the trace of the request that asked for it.
    pub fn begin_operation(&self, id: &RequestId, traceparent: Option<&str>) -> Option<Arc<Exchange>> {
        let parent = traceparent.and_then(Parent::kept);
        self.wanted(id, Api::Operation, self.trace(parent, || false), Head::default)
    }

    /// Takes note of how a call ended.
    pub fn end(&self, exchange: Arc<Exchange>, end: End) {
        if let Some(log) = &self.access_log {
            log.write(&exchange, &end);
        }
        match &self.tracer {
            Some(tracer) if has_span(exchange.trace.as_ref()) => tracer.send(exchange, end),
            _ => {}
        }
    }

    /// Says that a call failed and that this is the server's fault, with its name; not of each when there are many.
    pub fn server_error(&self, id: &RequestId, path: &str, code: Code, message: &str) {
        let is_ours = matches!(code, Code::Internal | Code::Unknown | Code::DataLoss);
        if !is_ours || !self.errors.allows(MAX_ERRORS_PER_SECOND) {
            return;
        }
        let (id, path) = (id.as_str(), super::bounded(path));
        tracing::error!(request_id = id, path, code = code.name(), "a request failed: {}", super::bounded(message));
    }

    fn wanted(
        &self,
        id: &RequestId,
        api: Api,
        trace: Option<Trace>,
        head: impl FnOnce() -> Head,
    ) -> Option<Arc<Exchange>> {
        // Errors are always logged, and which call ends with one nobody knows yet.
        let is_wanted = self.access_log.is_some() || has_span(trace.as_ref());
        is_wanted.then(|| Arc::new(Exchange::begin(id.clone(), api, trace, head())))
    }

    fn trace(&self, parent: Option<Parent>, is_probe: impl FnOnce() -> bool) -> Option<Trace> {
        match &self.tracer {
            Some(tracer) => tracer.trace(parent, is_probe),
            // The log says which trace a call belongs to, although nothing is added to it here.
            None => parent.map(|parent| Trace {
                trace_id: parent.trace_id,
                parent_id: Some(parent.span_id),
                span_id: None,
                state: String::new(),
            }),
        }
    }

    fn is_probe(&self, api: Api, path: &str) -> bool {
        match api {
            Api::Grpc => path.starts_with("/grpc.health.v1.Health/"),
            _ => path == "/livez" || path.starts_with("/readyz") || Some(path) == self.metrics_path.as_deref(),
        }
    }
}

fn has_span(trace: Option<&Trace>) -> bool {
    trace.is_some_and(|trace| trace.span_id.is_some())
}

/// At most so many of something each second.
#[derive(Debug, Default)]
struct Bound {
    /// Second since 1970 in the upper half, and how many there were in it.
    state: AtomicU64,
}

impl Bound {
    fn allows(&self, most: u64) -> bool {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        self.allows_at(now.map_or(0, |since| since.as_secs()), most)
    }

    fn allows_at(&self, second: u64, most: u64) -> bool {
        let counted = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| match state >> 32 {
            // More than are told of need not be counted.
            before if before == second & 0xffff_ffff => (state & 0xffff_ffff < most).then_some(state + 1),
            _ => Some(second << 32 | 1),
        });
        counted.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_and_the_next_as_many_again() {
        let bound = Bound::default();
        let allowed = |second| (0..5).filter(|_| bound.allows_at(second, 3)).count();
        assert_eq!((allowed(1), allowed(1), allowed(2)), (3, 0, 3));
    }

    #[test]
    fn nobody_wants_a_call_when_both_are_off() {
        let request = Request::get("/livez").header("traceparent", "00-1-1-01").body(()).unwrap();
        assert!(Observer::default().begin(&RequestId::new(), Api::Rest, None, &request).is_none());
    }
}
