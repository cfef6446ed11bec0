//! One server's plane: its runtime, listeners, channels and routes, as whoever embeds it sees it.
//!
//! The methods take and give plain data and may be called from any thread outside the runtime; those that wait say so.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{mpsc, Arc};
use std::time::Duration;

use base64::Engine;
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::watch;

use crate::batch::prove::prove;
use crate::batch::BatchRules;
use crate::channel::{Channel, ChannelSettings};
use crate::dataplane::{drained, BatchingRequest, Dataplane};
use crate::exchange::Observer;
use crate::grpc;
use crate::inference::Call;
use crate::job::Job;
use crate::log;
use crate::metrics::{Api, Observation};
use crate::operations::{runner, system_clock, Operations};
use crate::pb::tensorflow::serving::PredictionLog;
use crate::request_log::RequestLog;
use crate::routes::{Routes, RoutesDocument, Servable};
use crate::server::{self, Listener, Load, Protocol};
use crate::settings::{OperationsSettings, PlaneSettings};
use crate::signature::Signatures;
use crate::status::{Result, Status};
use crate::tokens::Secret;
use crate::trial;

/// How long connections may take to close once everything on them has been answered.
const LINGER: Duration = Duration::from_secs(1);
/// How long what waits for the logs and the collector may take to be written and sent at the end.
const LOG_LINGER: Duration = Duration::from_secs(3);

/// Something that the embedder has to act on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Apply a configuration and answer with [`Plane::reply`].
    Reload {
        /// For the answer.
        id: u64,
        /// The serialized `ReloadConfigRequest`, in base64.
        request: String,
    },
    /// Apply batching parameters and answer with [`Plane::reply`].
    SetBatching {
        /// For the answer.
        id: u64,
        /// Every version of this model.
        model: String,
        /// JSON, as a client sent it.
        parameters: String,
    },
    /// A worker hung up on its own.
    ChannelClosed {
        /// Its channel.
        channel: u64,
    },
    /// A line for the log.
    Log {
        /// `error`, `warning` or `info`.
        level: &'static str,
        /// What to write.
        message: String,
    },
}

/// Where a plane listens.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Addresses {
    /// gRPC over TCP.
    pub grpc_address: Option<String>,
    /// REST over TCP.
    pub rest_address: Option<String>,
    /// gRPC over a unix socket.
    pub grpc_socket: Option<String>,
    /// REST over a unix socket.
    pub rest_socket: Option<String>,
}

/// The plane.
pub struct Plane {
    dataplane: Arc<Dataplane>,
    request_log: RequestLog,
    runtime: tokio::runtime::Runtime,
    stop: watch::Sender<bool>,
    load: Arc<Load>,
    channels: Arc<Mutex<Channels>>,
    events: (mpsc::Sender<Event>, Mutex<mpsc::Receiver<Event>>),
}

#[derive(Default)]
struct Channels {
    next: u64,
    open: HashMap<u64, OpenChannel>,
}

struct OpenChannel {
    channel: Arc<Channel>,
    servable: Option<Arc<Servable>>,
}

impl Plane {
    /// A plane that does not listen yet.
    ///
    /// Errors: the operating system's, when it gives no threads; INVALID_INPUT for tokens that cannot be sent, an access log that cannot be
    /// written, or a collector that cannot be spoken to.
    pub fn new(mut settings: PlaneSettings) -> io::Result<Plane> {
        // Their digests are kept, not they.
        let tokens = std::mem::take(&mut settings.tokens);
        let (sender, receiver) = mpsc::channel();
        let log = log::dispatch(sender.clone());
        let dispatch = log.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(settings.threads.max(1))
            .thread_name("seaway-plane")
            .on_thread_start(move || log::attach(&log))
            .enable_all()
            .build()?;
        let log_settings = settings.request_log.clone();
        let mut dataplane = Dataplane::new(settings);
        let observer = Observer::new(&dataplane.settings, &dataplane.metrics, &dispatch);
        dataplane.observer = Arc::new(observer.map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?);
        let dataplane = Arc::new(dataplane);
        let request_log = RequestLog::new(log_settings, Arc::clone(&dataplane.metrics), dispatch);
        let refused = |status: Status| io::Error::new(io::ErrorKind::InvalidInput, status.message);
        dataplane.tokens.replace(&tokens).map_err(refused)?;
        Ok(Plane {
            dataplane,
            request_log,
            runtime,
            stop: watch::channel(false).0,
            load: Arc::default(),
            channels: Arc::default(),
            events: (sender, Mutex::new(receiver)),
        })
    }

    /// Binds every listener, then serves them; nothing is served when one cannot be bound.
    ///
    /// Errors: the operating system's, naming the address; INVALID_INPUT for TLS texts that cannot be used; a sentence that names the
    /// file or the setting when the operations cannot be kept.
    pub fn start(&self) -> io::Result<Addresses> {
        let settings = &self.dataplane.settings;
        if let Some(settings) = &settings.operations {
            self.start_operations(settings)?;
        }
        let (grpc, rest) = self.runtime.block_on(async {
            let grpc = bind(settings.grpc_address.as_deref(), &settings.grpc_socket).await?;
            let rest = bind(settings.rest_address.as_deref(), &settings.rest_socket).await?;
            io::Result::Ok((grpc, rest))
        })?;
        let tls = settings.tls.as_ref().map(server::tls_acceptor).transpose()?;
        let addresses = Addresses {
            grpc_address: tcp(&grpc),
            rest_address: tcp(&rest),
            grpc_socket: unix(&grpc),
            rest_socket: unix(&rest),
        };
        let events = self.events.0.clone();
        let on_reload = move |reload: grpc::ReloadRequest| {
            let request = base64::engine::general_purpose::STANDARD.encode(reload.request);
            // The receiver lives as long as the plane.
            let _ = events.send(Event::Reload { id: reload.id, request });
        };
        let events = self.events.0.clone();
        self.dataplane.on_batching(move |BatchingRequest { id, model, parameters }| {
            let _ = events.send(Event::SetBatching { id, model, parameters });
        });
        self.dataplane.observer.start(self.runtime.handle());
        let services = grpc::services(&self.dataplane, Arc::new(on_reload));
        for listener in grpc {
            let protocol = Protocol { tls: tls.clone(), ..self.protocol(Api::Grpc) };
            self.runtime.spawn(server::serve(listener, protocol, services.clone(), self.stop.subscribe()));
        }
        for listener in rest {
            let protocol = self.protocol(Api::Rest);
            let service = crate::rest::service(&self.dataplane);
            self.runtime.spawn(server::serve(listener, protocol, service, self.stop.subscribe()));
        }
        Ok(addresses)
    }

    fn protocol(&self, api: Api) -> Protocol {
        Protocol {
            http2_only: api == Api::Grpc,
            header_read_timeout: Duration::from_millis(self.dataplane.settings.header_read_timeout_ms),
            tls: None,
            load: Arc::clone(&self.load),
            api,
            observer: Arc::clone(&self.dataplane.observer),
        }
    }

    fn start_operations(&self, settings: &OperationsSettings) -> io::Result<()> {
        let metrics = Arc::clone(&self.dataplane.metrics);
        let operations = {
            // For what the store and the courier have to say.
            let _runtime = self.runtime.enter();
            Operations::open(settings, metrics, system_clock()).map_err(io::Error::other)?
        };
        self.dataplane.set_operations(Arc::clone(&operations));
        self.runtime.spawn(runner::run(operations, Arc::downgrade(&self.dataplane)));
        Ok(())
    }

    /// Opens the way to a worker: the channel's number, and the two descriptors for the worker.
    ///
    /// Errors: see [`Channel::open`].
    pub fn open_channel(&self, settings: ChannelSettings) -> Result<(u64, OwnedFd, OwnedFd)> {
        let (channel, socket, arena) = Channel::open(settings, self.runtime.handle())?;
        let mut channels = self.channels.lock();
        channels.next += 1;
        let id = channels.next;
        let events = self.events.0.clone();
        channel.on_hang_up(move || {
            let _ = events.send(Event::ChannelClosed { channel: id });
        });
        channels.open.insert(id, OpenChannel { channel, servable: None });
        Ok((id, socket, arena))
    }

    /// Tells what the worker behind a channel can be asked; from then on it can be published.
    ///
    /// Errors: NOT_FOUND for a channel that is not open; INTERNAL when the bytes are no `SignatureDefMap`.
    pub fn set_signatures(&self, channel: u64, signature_def_map: &[u8]) -> Result<()> {
        let signatures = Signatures::decode(signature_def_map)?;
        let mut channels = self.channels.lock();
        let open = channels.open.get_mut(&channel).ok_or_else(|| not_open(channel))?;
        let settings = open.channel.settings();
        open.servable = Some(Arc::new(Servable {
            model: settings.model.as_str().into(),
            version: settings.version,
            signatures,
            channel: Arc::clone(&open.channel),
            metrics: self.dataplane.metrics.servable(&settings.model, settings.version),
        }));
        Ok(())
    }

    /// Replays one serialized `PredictionLog` on a loaded version that need not be published. Waits.
    ///
    /// Errors: NOT_FOUND for a channel that has no signatures; INVALID_ARGUMENT for bytes that are no record;
    /// UNIMPLEMENTED for records that cannot be replayed; otherwise what the call itself answers.
    ///
    /// Source: tensorflow_serving/servables/tensorflow/saved_model_warmup_util.cc (RunWarmupRequest).
    pub fn warm_up(&self, channel: u64, record: &[u8], timeout: Duration) -> Result<()> {
        let servable = self.servable(channel)?;
        let log = PredictionLog::decode(bytes::Bytes::copy_from_slice(record))
            .map_err(|error| Status::invalid_argument(format!("the record is no PredictionLog: {error}")))?;
        self.runtime.block_on(async {
            let deadline = Some(after(timeout));
            let call = Call::unobserved(Api::WarmUp, deadline);
            grpc::replay(&self.dataplane, &servable, log, &call).await
        })
    }

    /// Finds out which signatures of a loaded version may have requests joined, and allows it there. Waits.
    ///
    /// `records` are serialized `PredictionLog`s, whose rows are better than any that could be made up; what is none is left
    /// out. Gives for each signature none, or why its requests run unbatched.
    ///
    /// Errors: NOT_FOUND for a channel that has no signatures.
    pub fn prove_batching(
        &self,
        channel: u64,
        records: &[Vec<u8>],
        timeout: Duration,
    ) -> Result<BTreeMap<String, Option<String>>> {
        let servable = self.servable(channel)?;
        let recorded = self.recorded(&servable, records);
        self.runtime.block_on(async {
            let end = tokio::time::Instant::now() + timeout;
            let mut proofs = BTreeMap::new();
            for signature in servable.signatures.called() {
                let own = recorded.get(&signature.name).map_or(&[][..], Vec::as_slice);
                let proof = tokio::time::timeout_at(end, prove(&servable.channel, signature, own)).await;
                let why_not = match proof {
                    Ok(Ok(())) => {
                        servable.channel.allow_joining(&signature.name);
                        None
                    }
                    Ok(Err(why_not)) => Some(why_not),
                    Err(_) => Some(format!("the proof took longer than {} s", timeout.as_secs())),
                };
                if let Some(why_not) = &why_not {
                    servable.channel.forbid_joining(&signature.name, why_not);
                }
                proofs.insert(signature.name.to_string(), why_not);
            }
            Ok(proofs)
        })
    }

    /// Answers one serialized `PredictRequest` on a loaded version that need not be published. Waits.
    ///
    /// Errors: NOT_FOUND for a channel that has no signatures; otherwise see [`trial::predict`].
    pub fn predict(&self, channel: u64, request: &[u8]) -> Result<bytes::Bytes> {
        let servable = self.servable(channel)?;
        let request = bytes::Bytes::copy_from_slice(request);
        self.runtime.block_on(trial::predict(&self.dataplane, &servable, request))
    }

    /// Measures how fast a loaded version that need not be published answers serialized `PredictRequest`s. Waits.
    ///
    /// Errors: NOT_FOUND for a channel that has no signatures; otherwise see [`trial::pace`].
    pub fn pace(&self, channel: u64, requests: &[&[u8]], in_flight: usize, duration: Duration) -> Result<trial::Pace> {
        let servable = self.servable(channel)?;
        let requests = requests.iter().map(|request| bytes::Bytes::copy_from_slice(request)).collect();
        self.runtime.block_on(trial::pace(&self.dataplane, &servable, requests, in_flight, duration))
    }

    /// Changes how a channel joins requests, from its next run on.
    ///
    /// Errors: NOT_FOUND for a channel that is not open; INVALID_ARGUMENT for rules that make no sense.
    pub fn set_batching(&self, channel: u64, rules: BatchRules) -> Result<()> {
        let found = self.channels.lock().open.get(&channel).map(|open| Arc::clone(&open.channel));
        found.ok_or_else(|| not_open(channel))?.set_batching(rules)
    }

    /// Ends everything that waits for a channel's worker with UNAVAILABLE, and forgets it.
    pub fn close_channel(&self, channel: u64) {
        let removed = self.channels.lock().open.remove(&channel);
        if let Some(open) = removed {
            open.channel.close("it was unloaded");
        }
    }

    /// Waits until no request that was routed to a channel is left; true when so, false after `timeout`.
    ///
    /// The channel must no longer be published, or new requests keep coming.
    pub fn drain_channel(&self, channel: u64, timeout: Duration) -> bool {
        let found =
            self.channels.lock().open.get(&channel).map(|open| (Arc::clone(&open.channel), open.servable.clone()));
        match found {
            None | Some((_, None)) => true,
            // Two holders: the table of channels and this one.
            Some((channel, Some(servable))) => {
                self.runtime.block_on(async { drained(&servable, &channel, 2, after(timeout)).await })
            }
        }
    }

    /// Swaps the table of routes.
    ///
    /// Errors: INVALID_ARGUMENT when an AVAILABLE version names a channel that is not loaded, or requests cannot be spread as it
    /// says; the old table stays.
    pub fn publish(&self, document: RoutesDocument) -> Result<()> {
        let before = self.dataplane.routes();
        let routes = {
            let channels = self.channels.lock();
            Routes::new(document, &before, |id| channels.open.get(&id).and_then(|open| open.servable.clone()))?
        };
        drop(before);
        let routes = routes.logged(|model, document| self.request_log.open(model, document));
        self.dataplane.publish(routes);
        self.request_log.published(&self.dataplane.routes());
        Ok(())
    }

    /// The next thing to act on. Waits; none after `timeout`.
    pub fn next_event(&self, timeout: Duration) -> Option<Event> {
        self.events.1.lock().recv_timeout(timeout).ok()
    }

    /// Answers an event that has an id.
    pub fn reply(&self, id: u64, outcome: Result<()>) {
        self.dataplane.reloaded(id, outcome);
    }

    /// Takes values that are measured outside the plane.
    ///
    /// Errors: see [`crate::metrics::Metrics::observe`].
    pub fn observe(&self, observations: &[Observation]) -> Result<()> {
        observations.iter().try_for_each(|observation| self.dataplane.metrics.observe(observation))
    }

    /// These tokens count from now on, and no others.
    ///
    /// Errors: see [`crate::tokens::Tokens::replace`]; the old ones stay.
    pub fn set_tokens(&self, tokens: &[Secret]) -> Result<()> {
        self.dataplane.tokens.replace(tokens)
    }

    /// Takes what `GET /v1/report` answers from now on.
    ///
    /// Errors: INVALID_ARGUMENT for what is no JSON.
    pub fn set_report(&self, report: &str) -> Result<()> {
        serde_json::from_str::<serde::de::IgnoredAny>(report)
            .map_err(|error| Status::invalid_argument(format!("the report is no JSON: {error}")))?;
        self.dataplane.set_report(bytes::Bytes::copy_from_slice(report.as_bytes()));
        Ok(())
    }

    /// Says whether this server wants requests.
    pub fn set_ready(&self, ready: bool) {
        self.dataplane.set_ready(ready);
    }

    /// The metrics in Prometheus' text form.
    pub fn metrics_text(&self) -> String {
        self.dataplane.metrics_text()
    }

    /// What this server has to do, and what each version answered so far, as JSON: see [`crate::metrics::Measurements`].
    pub fn measurements(&self) -> String {
        self.dataplane.measurements()
    }

    /// What is being received and answered now.
    pub fn load(&self) -> &Load {
        &self.load
    }

    /// Accepts nothing new and waits until what was accepted has been answered; true when no inference is left, false
    /// after `timeout`.
    pub fn drain(&self, timeout: Duration) -> bool {
        self.stop.send_replace(true);
        if let Some(operations) = self.dataplane.operations() {
            operations.pause();
        }
        self.dataplane.end_watches();
        self.runtime.block_on(async {
            let end = after(timeout);
            let answered = || self.load.requests() == 0 && self.dataplane.active() == 0;
            if eventually(end, answered).await {
                // The last bytes are on their way: connections close once they are out, unless the client is dead.
                eventually(end.min(tokio::time::Instant::now() + LINGER), || self.load.connections() == 0).await;
            }
            self.dataplane.active() == 0
        })
    }

    /// Ends everything now.
    pub fn stop(self) {
        self.stop.send_replace(true);
        if let Some(operations) = self.dataplane.operations() {
            operations.close();
        }
        let open: Vec<OpenChannel> = self.channels.lock().open.drain().map(|(_, open)| open).collect();
        for open in open {
            open.channel.close("the server stopped");
        }
        self.request_log.close(LOG_LINGER);
        self.dataplane.observer.close(self.runtime.handle(), LOG_LINGER);
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }

    /// What records ask a version, by signature.
    fn recorded(&self, servable: &Arc<Servable>, records: &[Vec<u8>]) -> HashMap<Arc<str>, Vec<Job>> {
        let call = Call::unobserved(Api::WarmUp, None);
        let mut jobs: HashMap<Arc<str>, Vec<Job>> = HashMap::new();
        for record in records {
            let Ok(log) = PredictionLog::decode(bytes::Bytes::copy_from_slice(record)) else { continue };
            for job in grpc::jobs(&self.dataplane, servable, log, &call) {
                jobs.entry(Arc::clone(&job.signature.name)).or_default().push(job);
            }
        }
        jobs
    }

    fn servable(&self, channel: u64) -> Result<Arc<Servable>> {
        let channels = self.channels.lock();
        let found = channels.open.get(&channel).and_then(|open| open.servable.clone());
        found.ok_or_else(|| not_open(channel))
    }
}

/// The moment `timeout` from now; a timeout beyond what a clock can say means a day.
fn after(timeout: Duration) -> tokio::time::Instant {
    let now = tokio::time::Instant::now();
    now.checked_add(timeout).unwrap_or_else(|| now + Duration::from_secs(86_400))
}

/// Waits until `check` holds, at most until `end`; whether it does.
async fn eventually(end: tokio::time::Instant, check: impl Fn() -> bool) -> bool {
    while !check() {
        if tokio::time::Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    true
}

fn not_open(channel: u64) -> Status {
    Status::not_found(format!("channel {channel} is not open, or its worker has not announced its signatures"))
}

async fn bind(address: Option<&str>, socket: &str) -> io::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    if let Some(address) = address {
        listeners.push(Listener::tcp(address).await?);
    }
    if !socket.is_empty() {
        listeners.push(Listener::unix(socket).await?);
    }
    Ok(listeners)
}

fn tcp(listeners: &[Listener]) -> Option<String> {
    listeners.iter().find(|listener| listener.port().is_some()).map(Listener::local)
}

fn unix(listeners: &[Listener]) -> Option<String> {
    listeners.iter().find(|listener| listener.port().is_none()).map(Listener::local)
}
