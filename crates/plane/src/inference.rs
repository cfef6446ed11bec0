//! The inference calls themselves, for REST and gRPC alike: one business path.
//!
//! A call finds its servable, checks its inputs against the signature, runs, and counts itself. It knows neither JSON nor
//! protobuf; the codecs know neither routes nor workers.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use parking_lot::{Mutex, RwLock};
use smallvec::smallvec;
use tokio::sync::watch;

use crate::channel::Channel;
use crate::exchange::{Exchange, Observer};
use crate::job::Job;
use crate::metrics::{Api, Method, Metrics};
use crate::operations::Operations;
use crate::request_log::record::{Answered, Asked};
use crate::request_log::Entry;
use crate::routes::{ModelAddress, Route, Routes, Servable, VersionStatus};
use crate::settings::PlaneSettings;
use crate::shadow::Copy;
use crate::signature::{Signature, DEFAULT_SIGNATURE};
use crate::status::{Result, Status};
use crate::tensor::{Tensor, TensorView};
use crate::tokens::Tokens;

mod answer;

pub use answer::Answer;
use answer::{Active, Record, Unanswered};

/// Method names of signatures.
///
/// Source: tensorflow/cc/saved_model/signature_constants.h.
pub mod method_names {
    /// For Predict.
    pub const PREDICT: &str = "tensorflow/serving/predict";
    /// For Classify.
    pub const CLASSIFY: &str = "tensorflow/serving/classify";
    /// For Regress.
    pub const REGRESS: &str = "tensorflow/serving/regress";
}

/// What every call carries beside its arguments.
#[derive(Clone, Debug)]
pub struct Call {
    /// How it came.
    pub api: Api,
    /// When its answer is of no use any more.
    pub deadline: Option<tokio::time::Instant>,
    /// When its last byte had come.
    pub received: Instant,
    /// Where what is found out about it is noted; none when nobody wants to know.
    pub exchange: Option<Arc<Exchange>>,
}

impl Call {
    /// A call that begins now and that nobody wants to know of.
    pub fn unobserved(api: Api, deadline: Option<tokio::time::Instant>) -> Call {
        Call { api, deadline, received: Instant::now(), exchange: None }
    }
}

/// The input of Classify and Regress: serialized `tensorflow.Example`s.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examples {
    /// One an instance.
    pub examples: Vec<Bytes>,
    /// Features that all of them share.
    pub context: Option<Bytes>,
}

/// Classes with their scores, an example each.
pub type Classifications = Vec<Vec<(String, f32)>>;

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
    active: AtomicUsize,
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

    /// Runs a signature on named inputs.
    ///
    /// Errors: FAILED_PRECONDITION for an unknown signature; INVALID_ARGUMENT for inputs or outputs that do not fit it;
    /// otherwise see [`Channel::run`].
    ///
    /// Source: tensorflow_serving/servables/tensorflow/predict_util.cc (PreProcessPrediction).
    pub async fn predict(
        &self,
        route: &Route,
        signature_name: &str,
        inputs: Vec<(String, Tensor)>,
        output_filter: &[String],
        call: &Call,
    ) -> Result<Answer<'_>> {
        let servable = &route.servable;
        let entry = Entry::of(route, signature_name, || Asked::Predict(inputs.clone(), output_filter.to_vec()));
        let copy = Copy::of(route, signature_name, Method::Predict, |candidate, call| {
            self.predict_job(candidate, signature_name, inputs.clone(), output_filter, call)
        });
        let job = self.predict_job(servable, signature_name, inputs, output_filter, call);
        let answer = self.run(servable, signature_name, job, Method::Predict, call).await?;
        if let Some(entry) = entry {
            entry.predicted(answer.views());
        }
        if let Some(copy) = copy {
            copy.run(&answer.outputs);
        }
        Ok(answer)
    }

    /// Classifies examples.
    ///
    /// Errors: INVALID_ARGUMENT for an unknown or another kind of signature, no examples, or outputs of another form;
    /// otherwise see [`Channel::run`].
    ///
    /// Source: tensorflow_serving/servables/tensorflow/classifier.cc.
    pub async fn classify(
        &self,
        route: &Route,
        signature_name: &str,
        examples: Examples,
        call: &Call,
    ) -> Result<Classifications> {
        let servable = &route.servable;
        let count = examples.examples.len();
        let entry = Entry::of(route, signature_name, || Asked::Classify(examples.clone()));
        let copy = Copy::of(route, signature_name, Method::Classify, |candidate, call| {
            self.example_job(candidate, signature_name, examples.clone(), classify_outputs, call)
        });
        let job = self.example_job(servable, signature_name, examples, classify_outputs, call);
        servable.metrics.examples(call.api, count);
        let answer = self.run(servable, signature_name, job, Method::Classify, call).await?;
        let classes = read_classifications(&answer.views(), count)?;
        if let Some(entry) = entry {
            entry.answered(Answered::Classes(classes.clone()));
        }
        if let Some(copy) = copy {
            copy.run(&answer.outputs);
        }
        Ok(classes)
    }

    /// Regresses examples.
    ///
    /// Errors: as for [`Dataplane::classify`].
    ///
    /// Source: tensorflow_serving/servables/tensorflow/regressor.cc.
    pub async fn regress(
        &self,
        route: &Route,
        signature_name: &str,
        examples: Examples,
        call: &Call,
    ) -> Result<Vec<f32>> {
        let servable = &route.servable;
        let count = examples.examples.len();
        let entry = Entry::of(route, signature_name, || Asked::Regress(examples.clone()));
        let copy = Copy::of(route, signature_name, Method::Regress, |candidate, call| {
            self.example_job(candidate, signature_name, examples.clone(), regress_outputs, call)
        });
        let job = self.example_job(servable, signature_name, examples, regress_outputs, call);
        servable.metrics.examples(call.api, count);
        let answer = self.run(servable, signature_name, job, Method::Regress, call).await?;
        let values = read_regressions(&answer.views(), count)?;
        if let Some(entry) = entry {
            entry.answered(Answered::Values(values.clone()));
        }
        if let Some(copy) = copy {
            copy.run(&answer.outputs);
        }
        Ok(values)
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

    fn check_predict_method(&self, signature: &Signature) -> Result<()> {
        use method_names::{CLASSIFY, PREDICT, REGRESS};
        match !self.settings.check_method_names
            || [PREDICT, CLASSIFY, REGRESS].contains(&signature.method_name.as_str())
        {
            true => Ok(()),
            false => Err(Status::internal(format!(
                "Expected prediction signature method_name to be one of {{{PREDICT}, {CLASSIFY}, {REGRESS}}}. Was: {}",
                signature.method_name
            ))),
        }
    }

    /// The job of a Predict request.
    ///
    /// Errors: those of [`Dataplane::predict`] that come before a run.
    pub(crate) fn predict_job(
        &self,
        servable: &Servable,
        signature_name: &str,
        inputs: Vec<(String, Tensor)>,
        output_filter: &[String],
        call: &Call,
    ) -> Result<Job> {
        let signature = servable.signatures.get(signature_name).cloned().ok_or_else(|| {
            let name = if signature_name.is_empty() { DEFAULT_SIGNATURE } else { signature_name };
            Status::failed_precondition(format!("Serving signature key \"{name}\" not found."))
        })?;
        self.check_predict_method(&signature)?;
        let inputs = with_defaults(&signature, inputs)?;
        check_outputs(&signature, output_filter)?;
        let background = call.api.is_background();
        Ok(Job { signature, inputs, outputs: output_filter.to_vec(), deadline: call.deadline, background })
    }

    /// The job of a Classify or Regress request; `outputs` says what it fetches.
    ///
    /// Errors: those of [`Dataplane::classify`] that come before a run.
    pub(crate) fn example_job(
        &self,
        servable: &Servable,
        signature_name: &str,
        examples: Examples,
        outputs: fn(&Signature) -> Result<Vec<String>>,
        call: &Call,
    ) -> Result<Job> {
        let signature = find_signature(servable, signature_name)?;
        let outputs = outputs(&signature)?;
        let [input] = signature.inputs.as_slice() else {
            return Err(Status::invalid_argument("Expected one input Tensor."));
        };
        let inputs = vec![(input.alias.clone(), example_tensor(examples)?)];
        Ok(Job { signature, inputs, outputs, deadline: call.deadline, background: call.api.is_background() })
    }

    async fn run(
        &self,
        servable: &Arc<Servable>,
        signature_name: &str,
        job: Result<Job>,
        method: Method,
        call: &Call,
    ) -> Result<Answer<'_>> {
        let active = Active::new(&self.active);
        if let Some(exchange) = &call.exchange {
            let signature = job.as_ref().ok().map(|job| &job.signature.name);
            exchange.goes_to(&servable.model, servable.version, signature);
        }
        let unanswered = Unanswered { servable, signature_name, call };
        let started = Instant::now();
        let ran = match job {
            Err(status) => Err(status),
            Ok(job) => {
                let signature = Arc::clone(&job.signature.name);
                let rows = job.inputs.first().map_or(0, |(_, tensor)| tensor.rows());
                let bytes_in: usize = job.inputs.iter().map(|(_, tensor)| tensor.len_bytes()).sum();
                servable.channel.run(job).await.map(|outputs| (signature, rows, bytes_in, outputs))
            }
        };
        let unanswered = std::mem::ManuallyDrop::new(unanswered);
        match ran {
            Ok((signature, rows, bytes_in, outputs)) => {
                let (timings, bytes_out) = (outputs.timings(), outputs.len_bytes());
                let record = Record {
                    servable: Arc::clone(servable),
                    signature,
                    method,
                    call: call.clone(),
                    started,
                    ran: Instant::now(),
                    timings,
                    batch: outputs.batch(),
                    rows: rows.max(0) as u64,
                    bytes: [bytes_in as u64, bytes_out],
                    _active: active,
                };
                Ok(Answer { outputs, record })
            }
            Err(status) => {
                unanswered.failed(&status);
                Err(status)
            }
        }
    }
}

/// The signature of a Classify or Regress call.
///
/// Errors: INVALID_ARGUMENT when there is none of that name.
pub fn find_signature(servable: &Servable, name: &str) -> Result<Arc<Signature>> {
    let shown = if name.is_empty() { DEFAULT_SIGNATURE } else { name };
    let found = servable.signatures.get(name).cloned();
    found.ok_or_else(|| Status::invalid_argument(format!("No signature was found with the name: {shown}")))
}

/// The inputs, completed by the signature's defaults, in the order of the signature.
fn with_defaults(signature: &Signature, mut inputs: Vec<(String, Tensor)>) -> Result<Vec<(String, Tensor)>> {
    for (alias, value) in &signature.defaults {
        if !inputs.iter().any(|(name, _)| name == alias) {
            inputs.push((alias.clone(), value.clone()));
        }
    }
    inputs.sort_by(|(a, _), (b, _)| a.cmp(b));
    let fits = inputs.len() == signature.inputs.len()
        && inputs.iter().zip(&signature.inputs).all(|((name, _), info)| *name == info.alias);
    if !fits {
        return Err(input_mismatch(signature, &inputs));
    }
    for ((name, tensor), info) in inputs.iter().zip(&signature.inputs) {
        match info.dtype {
            Ok(dtype) if dtype != tensor.dtype() => {
                return Err(Status::invalid_argument(format!(
                    "input \"{name}\" of signature \"{}\" must be {}, got {}",
                    signature.name,
                    dtype.name(),
                    tensor.dtype().name()
                )))
            }
            // A type that cannot cross the wire fails in the engine, which knows its name.
            _ => {}
        }
    }
    Ok(inputs)
}

fn input_mismatch(signature: &Signature, inputs: &[(String, Tensor)]) -> Status {
    let sent: BTreeSet<&str> = inputs.iter().map(|(name, _)| name.as_str()).collect();
    let expected: BTreeSet<&str> = signature.inputs.iter().map(|info| info.alias.as_str()).collect();
    let join = |names: Vec<&str>| names.join(",");
    Status::invalid_argument(format!(
        "input size does not match signature: {}!={} len({{{}}}) != len({{{}}}). Sent extra: {{{}}}. Missing but required: {{{}}}.",
        sent.len(),
        expected.len(),
        join(sent.iter().copied().collect()),
        join(expected.iter().copied().collect()),
        join(sent.difference(&expected).copied().collect()),
        join(expected.difference(&sent).copied().collect()),
    ))
}

fn check_outputs(signature: &Signature, filter: &[String]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for alias in filter {
        if signature.output(alias).is_none() {
            let known: Vec<&str> = signature.outputs.iter().map(|info| info.alias.as_str()).collect();
            return Err(Status::invalid_argument(format!(
                "output tensor alias not found in signature: {alias} Outputs expected to be in the set {{{}}}.",
                known.join(",")
            )));
        }
        if !seen.insert(alias) {
            return Err(Status::invalid_argument(format!("duplicate output tensor alias: {alias}")));
        }
    }
    Ok(())
}

/// The examples as the one string tensor that the model parses.
///
/// Source: tensorflow_serving/servables/tensorflow/util.cc (InputToSerializedExampleTensor): a context is joined by
/// putting its bytes before those of each example.
fn example_tensor(input: Examples) -> Result<Tensor> {
    if input.examples.is_empty() {
        return Err(Status::invalid_argument("Input is empty."));
    }
    let rows = input.examples.len() as i64;
    let elements = match input.context {
        None => input.examples,
        Some(context) => input.examples.iter().map(|example| join(&context, example)).collect(),
    };
    Tensor::strings(smallvec![rows], elements)
}

fn join(context: &[u8], example: &[u8]) -> Bytes {
    let mut joined = BytesMut::with_capacity(context.len() + example.len());
    joined.extend_from_slice(context);
    joined.extend_from_slice(example);
    joined.freeze()
}

/// The outputs that a classification fetches.
///
/// Errors: see [`Dataplane::classify`].
pub fn classify_outputs(signature: &Signature) -> Result<Vec<String>> {
    if signature.method_name != method_names::CLASSIFY {
        return Err(Status::invalid_argument(format!(
            "Expected classification signature method_name to be {}. Was: {}",
            method_names::CLASSIFY,
            signature.method_name
        )));
    }
    if signature.inputs.len() != 1 {
        return Err(Status::invalid_argument("Expected one input Tensor."));
    }
    if !(1..=2).contains(&signature.outputs.len()) {
        return Err(Status::invalid_argument(format!(
            "Expected one or two output Tensors, found {}",
            signature.outputs.len()
        )));
    }
    if signature.input("inputs").is_none() {
        return Err(Status::failed_precondition(format!(
            "No classification inputs found in SignatureDef: {}",
            signature.name
        )));
    }
    let outputs: Vec<String> = ["classes", "scores"]
        .iter()
        .filter(|alias| signature.output(alias).is_some())
        .map(|alias| (*alias).to_owned())
        .collect();
    match outputs.is_empty() {
        false => Ok(outputs),
        true => Err(Status::failed_precondition(format!(
            "Expected classification signature outputs to contain at least one of \"classes\" or \"scores\". Signature was: {}",
            signature.name
        ))),
    }
}

/// The output that a regression fetches.
///
/// Errors: see [`Dataplane::regress`].
pub fn regress_outputs(signature: &Signature) -> Result<Vec<String>> {
    if signature.method_name != method_names::REGRESS {
        return Err(Status::invalid_argument(format!(
            "Expected regression signature method_name to be {}. Was: {}",
            method_names::REGRESS,
            signature.method_name
        )));
    }
    if signature.inputs.len() != 1 {
        return Err(Status::invalid_argument("Expected one input Tensor."));
    }
    if signature.outputs.len() != 1 {
        return Err(Status::invalid_argument("Expected one output Tensor."));
    }
    if signature.input("inputs").is_none() {
        return Err(Status::failed_precondition(format!(
            "No regression inputs found in SignatureDef: {}",
            signature.name
        )));
    }
    match signature.output("outputs") {
        Some(_) => Ok(vec!["outputs".to_owned()]),
        None => {
            Err(Status::failed_precondition(format!("No regression outputs found in SignatureDef: {}", signature.name)))
        }
    }
}

fn read_classifications(views: &[TensorView<'_>], count: usize) -> Result<Classifications> {
    let classes = views.iter().find(|view| view.name == "classes");
    let scores = views.iter().find(|view| view.name == "scores");
    for (view, dtype, what) in [(classes, "string", "classes"), (scores, "float", "scores")] {
        let Some(view) = view else { continue };
        if view.shape.len() != 2 {
            return Err(Status::invalid_argument(format!(
                "Expected Tensor shape: [batch_size num_classes] but got {}",
                crate::tensor::show_shape(view.shape)
            )));
        }
        if view.dtype.name() != dtype {
            return Err(Status::invalid_argument(format!(
                "Expected {what} Tensor of DT_{}. Got: {}",
                dtype.to_uppercase(),
                view.dtype.enum_name()
            )));
        }
        if view.shape[0] != count as i64 {
            return Err(Status::invalid_argument(format!(
                "Expected {what} output batch size of {count}. Got: {}",
                view.shape[0]
            )));
        }
    }
    let width = classes.or(scores).map_or(0, |view| view.shape[1]) as usize;
    if let (Some(classes), Some(scores)) = (classes, scores) {
        if classes.shape[1] != scores.shape[1] {
            return Err(Status::invalid_argument(format!(
                "Tensors class and score should match in dim_size(1). Got {} vs. {}",
                classes.shape[1], scores.shape[1]
            )));
        }
    }
    let labels = classes.map(TensorView::string_elements).transpose()?;
    let scores: Option<Vec<f32>> = scores.map(|view| floats(view.bytes).collect());
    let class = |index: usize| {
        let label =
            labels.as_ref().map_or_else(String::new, |labels| String::from_utf8_lossy(labels[index]).into_owned());
        (label, scores.as_ref().map_or(0.0, |scores| scores[index]))
    };
    Ok((0..count).map(|row| (row * width..(row + 1) * width).map(class).collect()).collect())
}

fn read_regressions(views: &[TensorView<'_>], count: usize) -> Result<Vec<f32>> {
    let [view] = views else {
        return Err(Status::invalid_argument("Could not find output tensor 'outputs'"));
    };
    let shown = || crate::tensor::show_shape(view.shape);
    match view.shape {
        [_] | [_, 1] => {}
        _ => {
            return Err(Status::invalid_argument(format!(
                "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {}",
                shown()
            )))
        }
    }
    if view.shape[0] != count as i64 {
        return Err(Status::invalid_argument(format!(
            "Input batch size did not match output batch size: {count} vs. {}",
            view.shape[0]
        )));
    }
    if view.dtype != seaway_wire::DType::Float {
        return Err(Status::invalid_argument(format!(
            "Expected output Tensor of DT_FLOAT.  Got: {}",
            view.dtype.enum_name()
        )));
    }
    Ok(floats(view.bytes).collect())
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    bytes.chunks_exact(4).map(|chunk| f32::from_le_bytes(chunk.try_into().expect("chunks of 4")))
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
