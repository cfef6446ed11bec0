//! The inference calls themselves, for REST and gRPC alike: one business path.
//!
//! A call finds its servable, checks its inputs against the signature, runs, and counts itself. It knows neither JSON nor
//! protobuf; the codecs know neither routes nor workers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::dataplane::Dataplane;
use crate::exchange::Exchange;
use crate::job::Job;
use crate::metrics::{Api, Method};
use crate::request_log::record::{Answered, Asked};
use crate::request_log::Entry;
use crate::routes::{Route, Servable};
use crate::shadow::Copy;
use crate::signature::{Signature, DEFAULT_SIGNATURE};
use crate::status::{Result, Status};
use crate::tensor::Tensor;

mod answer;
mod examples;

pub use answer::Answer;
use answer::{Active, Record, Unanswered};
pub use examples::{classify_outputs, regress_outputs};
use examples::{example_tensor, read_classifications, read_regressions};

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

impl Dataplane {
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
