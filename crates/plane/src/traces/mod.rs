//! Traces: a span for each call and its stages, sent to an OpenTelemetry collector.
//!
//! [`context`] reads which trace a call belongs to and [`sampling`] decides whether it is kept, both at its beginning; [`spans`]
//! makes the spans when it has ended, from times that are measured in any case; [`exporter`] is the one task that sends them,
//! over a [`collector`]'s connection. What a call costs that is not kept is a look for a header.
//!
//! The messages are written here ([`otlp`]) instead of by the `opentelemetry` crates. Those make each span while the call
//! runs and keep it in a context that follows the task, for programs that do not know what they will trace. This one knows:
//! a call has the same stages each time, which it has measured anyway. So there is nothing to do before the end, and nothing at
//! all for a call that is not sampled. The price is a hundred lines of messages, whose numbers never change; what is saved is a
//! second HTTP client and about thirty crates, in a process that clients' bytes reach. hyper, prost and rustls are here already.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

pub mod collector;
pub mod context;
pub mod exporter;
pub mod otlp;
pub mod sampling;
pub mod spans;

use crate::exchange::{random, End, Exchange};
use crate::metrics::Counts;
use crate::settings::TracingSettings;

use collector::Collector;
use context::{Parent, Trace};
use exporter::{Exporter, Line};
use otlp::{KeyValue, Resource};
use sampling::Sampler;

/// What makes and sends the spans of one plane.
pub struct Tracer {
    sampler: Sampler,
    line: Arc<Line>,
    exporter: Mutex<Option<Exporter>>,
    task: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Tracer {
    /// A tracer that sends nothing yet.
    ///
    /// Errors: a sentence that names the setting that cannot be used.
    pub fn new(settings: &TracingSettings, counts: Counts) -> Result<Tracer, String> {
        let sampler = Sampler { ratio: settings.sampling_ratio, is_parent_based: settings.parent_based };
        let line = Arc::new(Line::new(counts));
        let exporter = Exporter::new(Collector::new(settings)?, Arc::clone(&line), resource(settings));
        Ok(Tracer { sampler, line, exporter: Mutex::new(Some(exporter)), task: Mutex::default() })
    }

    /// Begins to send.
    pub fn start(&self, runtime: &tokio::runtime::Handle) {
        if let Some(exporter) = self.exporter.lock().take() {
            *self.task.lock() = Some(runtime.spawn(exporter.run()));
        }
    }

    /// The trace of a call that begins; none when it has no parent and none is begun.
    pub fn trace(&self, parent: Option<Parent>, is_probe: impl FnOnce() -> bool) -> Option<Trace> {
        if parent.is_none() && !self.sampler.keeps_any_root() {
            return None;
        }
        let trace_id = parent.map_or_else(random::sixteen, |parent| parent.trace_id);
        let is_kept = self.sampler.keeps(&trace_id, parent, is_probe());
        let is_known = is_kept || parent.is_some();
        is_known.then(|| Trace {
            trace_id,
            parent_id: parent.map(|parent| parent.span_id),
            span_id: is_kept.then(random::eight),
            state: String::new(),
        })
    }

    /// Has the spans of a call sent. Never waits.
    pub fn send(&self, exchange: Arc<Exchange>, end: End) {
        self.line.push(exchange, end);
    }

    /// Sends what waits, as far as that is done within `limit`. Waits.
    pub fn close(&self, runtime: &tokio::runtime::Handle, limit: Duration) {
        self.line.close();
        let Some(task) = self.task.lock().take() else { return };
        runtime.block_on(async {
            let abort = task.abort_handle();
            if tokio::time::timeout(limit, task).await.is_err() {
                abort.abort();
            }
        });
    }
}

/// What is said of this process.
fn resource(settings: &TracingSettings) -> Resource {
    let mut attributes: Vec<KeyValue> =
        settings.resource.iter().map(|(key, value)| KeyValue::new(key, value.as_str())).collect();
    if !settings.resource.contains_key("service.instance.id") {
        let mut id = Vec::with_capacity(32);
        random::write_hex(&random::sixteen(), &mut id);
        attributes.push(KeyValue::new("service.instance.id", String::from_utf8_lossy(&id).into_owned()));
    }
    Resource { attributes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn tracer(sampling_ratio: f64) -> Tracer {
        let settings = TracingSettings { sampling_ratio, ..TracingSettings::example("http://127.0.0.1:1/v1/traces") };
        Tracer::new(&settings, Metrics::new().traces()).unwrap()
    }

    #[test]
    fn a_call_without_a_parent_begins_a_trace_or_has_none() {
        let root = tracer(1.0).trace(None, || false).unwrap();
        assert!(root.span_id.is_some() && root.parent_id.is_none());
        assert_ne!(tracer(1.0).trace(None, || false).unwrap().trace_id, root.trace_id);
        assert_eq!(tracer(1.0).trace(None, || true), None, "a probe");
        assert_eq!(tracer(0.0).trace(None, || unreachable!("nothing is kept")), None);
    }

    #[test]
    fn a_call_with_a_parent_belongs_to_its_trace_whether_it_is_kept_or_not() {
        let parent = Parent { trace_id: [1; 16], span_id: [2; 8], is_sampled: true };
        let kept = tracer(0.0).trace(Some(parent), || false).unwrap();
        assert_eq!((kept.trace_id, kept.parent_id, kept.span_id.is_some()), ([1; 16], Some([2; 8]), true));
        let unkept = tracer(1.0).trace(Some(Parent { is_sampled: false, ..parent }), || false).unwrap();
        assert_eq!((unkept.trace_id, unkept.parent_id, unkept.span_id), ([1; 16], Some([2; 8]), None));
    }
}
