//! What all listeners share: the routing table, whether the server is ready, who is told of what, and the way to the manager.
//!
//! It answers what is asked about the server and its models. The calls that run a model are in [`crate::inference`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use crate::channel::Channel;
use crate::exchange::Observer;
use crate::metrics::Metrics;
use crate::operations::Operations;
use crate::routes::{ModelAddress, Route, Routes, Servable, VersionStatus};
use crate::settings::PlaneSettings;
use crate::status::{Result, Status};
use crate::tokens::Tokens;

/// Everything that answers requests: routes, settings, series. Shared by all listeners.
pub struct Dataplane {
    /// As given at the start.
    pub settings: PlaneSettings,
    /// The series.
    pub metrics: Arc<Metrics>,
    /// Who may ask.
    pub tokens: Tokens,
    /// Who is told of calls.
    pub observer: Arc<Observer>,
    routes: RwLock<Arc<Routes>>,
    ready: AtomicBool,
    started: AtomicBool,
    /// Inference calls that are not answered yet.
    pub(crate) active: AtomicUsize,
    changes: watch::Sender<u64>,
    watches_end: AtomicBool,
    reloads: Reloads,
    operations: OnceLock<Arc<Operations>>,
    report: RwLock<Option<Bytes>>,
    on_batching: OnceLock<Box<dyn Fn(BatchingRequest) + Send + Sync>>,
}

/// New batching parameters for the manager: the number under which it answers, the model, and JSON that nobody has checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchingRequest {
    /// For [`Dataplane::reloaded`].
    pub id: u64,
    /// Whose.
    pub model: String,
    /// The parameters.
    pub parameters: String,
}

/// Reload requests on their way to the manager and back.
#[derive(Default)]
struct Reloads {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, tokio::sync::oneshot::Sender<Result<()>>>>,
}

/// A reload that nobody waits for once this is dropped.
struct Forgotten<'a>(&'a Reloads, u64);

impl Drop for Forgotten<'_> {
    fn drop(&mut self) {
        self.0.waiting.lock().remove(&self.1);
    }
}

impl Dataplane {
    /// A plane with no models.
    pub fn new(settings: PlaneSettings) -> Dataplane {
        Dataplane {
            settings,
            metrics: Arc::new(Metrics::new()),
            tokens: Tokens::default(),
            observer: Arc::default(),
            report: RwLock::default(),
            routes: RwLock::default(),
            ready: AtomicBool::new(false),
            started: AtomicBool::new(false),
            active: AtomicUsize::new(0),
            changes: watch::channel(0).0,
            watches_end: AtomicBool::new(false),
            reloads: Reloads::default(),
            operations: OnceLock::new(),
            on_batching: OnceLock::new(),
        }
    }

    /// Swaps the routing table.
    pub fn publish(&self, routes: Routes) {
        self.metrics.forget(|model, version| routes.knows(model, version));
        *self.routes.write() = Arc::new(routes);
        self.changed();
    }

    /// The routing table as it is now.
    pub fn routes(&self) -> Arc<Routes> {
        Arc::clone(&self.routes.read())
    }

    /// Takes the operations of this server, once.
    pub fn set_operations(&self, operations: Arc<Operations>) {
        // A second call would be a fault of ours, and the first one stays.
        let _ = self.operations.set(operations);
    }

    /// What is accepted now and answered later; none when this server has nowhere to keep it.
    pub fn operations(&self) -> Option<&Arc<Operations>> {
        self.operations.get()
    }

    /// Takes what this server says of itself, as JSON that whoever embeds it has made.
    pub fn set_report(&self, report: Bytes) {
        *self.report.write() = Some(report);
    }

    /// What this server says of itself; none when nobody has said anything yet.
    pub fn report(&self) -> Option<Bytes> {
        self.report.read().clone()
    }

    /// Whether this server was ready once, so that what cannot be found is not there.
    pub fn has_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// Says whether this server wants requests at all.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
        self.started.fetch_or(ready, Ordering::AcqRel);
        self.changed();
    }

    /// Whether this server wants requests and can answer some: one bad model does not take the others out.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) && self.routes().any_ready()
    }

    /// Whether one model can answer; `None` when there is no such model.
    pub fn is_model_ready(&self, name: &str) -> Option<bool> {
        // While the server starts, a model that is loaded is ready, whatever the others still do.
        let stopping = self.started.load(Ordering::Acquire) && !self.ready.load(Ordering::Acquire);
        self.routes().is_model_ready(name).map(|ready| ready && !stopping)
    }

    /// Ticks whenever routes or readiness change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether those who watch readiness should stop: the server is shutting down.
    pub fn watches_end(&self) -> bool {
        self.watches_end.load(Ordering::Acquire)
    }

    /// Ends every watch, so that none keeps a connection open.
    pub fn end_watches(&self) {
        self.watches_end.store(true, Ordering::Release);
        self.changed();
    }

    /// Inference calls that are not answered yet.
    pub fn active(&self) -> usize {
        self.active.load(Ordering::Acquire)
    }

    /// Where a request with this address and these headers goes.
    ///
    /// Errors: as for [`Dataplane::resolve`].
    pub fn route(&self, address: &ModelAddress, headers: &HeaderMap) -> Result<Route> {
        self.routes().route(address, headers).map_err(|error| self.while_starting(address, error))
    }

    /// The version that an address means, to those that ask about the model.
    ///
    /// Until the server was ready for the first time, what cannot be found may only not be loaded yet. TensorFlow Serving
    /// does not listen before that; here it is UNAVAILABLE, which clients retry, instead of NOT_FOUND, which they believe.
    ///
    /// Errors: see [`Routes::resolve`].
    pub fn resolve(&self, address: &ModelAddress) -> Result<Arc<Servable>> {
        self.routes().resolve(address).map_err(|error| self.while_starting(address, error))
    }

    fn while_starting(&self, address: &ModelAddress, error: Status) -> Status {
        match address.name.is_empty() || self.started.load(Ordering::Acquire) {
            true => error,
            false => {
                Status::unavailable(format!("model {} cannot be asked: the server is still starting", address.name))
            }
        }
    }

    /// The states of a model's versions; a label stands for the version it points to.
    ///
    /// Errors: see [`Routes::status`] and [`Routes::version_of_label`].
    pub fn model_status(&self, address: &ModelAddress) -> Result<Vec<VersionStatus>> {
        let routes = self.routes();
        let version = match &address.label {
            Some(label) => Some(routes.version_of_label(&address.name, label)?),
            None => address.version,
        };
        routes.status(&address.name, version)
    }

    /// The metrics in Prometheus' text form.
    pub fn metrics_text(&self) -> String {
        for servable in self.routes().servables() {
            let channel = &servable.channel;
            self.metrics.set_channel(&servable.model, servable.version, channel.in_flight(), channel.queued());
        }
        if let Some(operations) = self.operations() {
            operations.measure();
        }
        self.metrics.text()
    }

    /// What this server has to do, and what it answered so far, as JSON: see [`crate::metrics::Measurements`].
    pub fn measurements(&self) -> String {
        let queued: usize = self.routes().servables().map(|servable| servable.channel.queued()).sum();
        let in_flight = self.active().saturating_sub(queued);
        serde_json::to_string(&self.metrics.measurements(in_flight, queued)).expect("plain data")
    }

    /// Asks the manager to apply a configuration; `announce` is told the number under which it answers.
    ///
    /// Errors: what the manager answers; DEADLINE_EXCEEDED when it does not within `timeout`.
    pub async fn reload(&self, announce: impl FnOnce(u64), timeout: Duration) -> Result<()> {
        let id = self.reloads.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = tokio::sync::oneshot::channel();
        self.reloads.waiting.lock().insert(id, answer);
        // Also when the client goes away.
        let _forgotten = Forgotten(&self.reloads, id);
        announce(id);
        match tokio::time::timeout(timeout, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Status::unavailable("the server is shutting down")),
            Err(_) => Err(Status::deadline_exceeded(format!(
                "the configuration was not applied within {} s; it may still be",
                timeout.as_secs()
            ))),
        }
    }

    /// Sets who is told of batching parameters that clients send.
    pub fn on_batching(&self, call: impl Fn(BatchingRequest) + Send + Sync + 'static) {
        // A second call would be a fault of ours, and the first one stays.
        let _ = self.on_batching.set(Box::new(call));
    }

    /// Has the manager apply batching parameters to every version of a model.
    ///
    /// Errors: UNIMPLEMENTED when nobody manages this plane; otherwise as for [`Dataplane::reload`].
    pub async fn set_batching(&self, model: &str, parameters: String, timeout: Duration) -> Result<()> {
        let Some(tell) = self.on_batching.get() else {
            return Err(Status::unimplemented("nobody manages the models of this server"));
        };
        let model = model.to_owned();
        self.reload(|id| tell(BatchingRequest { id, model, parameters }), timeout).await
    }

    /// The manager's answer to a reload, or to batching parameters.
    pub fn reloaded(&self, id: u64, outcome: Result<()>) {
        if let Some(answer) = self.reloads.waiting.lock().remove(&id) {
            let _ = answer.send(outcome);
        }
    }

    fn changed(&self) {
        self.changes.send_modify(|tick| *tick += 1);
    }
}

/// Waits until nobody but its `holders` has a servable and its channel is idle, at most until `end`; whether it is so.
pub async fn drained(servable: &Arc<Servable>, channel: &Channel, holders: usize, end: tokio::time::Instant) -> bool {
    loop {
        if Arc::strong_count(servable) <= holders
            && channel.in_flight() == 0
            && channel.queued() + channel.queued_in_background() == 0
        {
            return true;
        }
        if tokio::time::Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
