//! One logged request as the message that the file holds; made by the writer's thread.
//!
//! Source: tensorflow_serving/apis/prediction_log.proto; tensorflow_serving/core/request_logger.cc for the metadata.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};

use super::mask::Mask;
use crate::codec::{tensor_proto, RawMessage, TensorProto};
use crate::grpc::{classification_result, regression_result};
use crate::inference::{Classifications, Examples};
use crate::pb::tensorflow::serving as pb;
use crate::pb::tensorflow::serving::model_spec::VersionChoice;
use crate::pb::tensorflow::serving::prediction_log::LogType;
use crate::signature::DEFAULT_SIGNATURE;
use crate::tensor::{Elements, Tensor};

/// What was asked.
#[derive(Clone, Debug)]
pub enum Asked {
    /// Predict: the inputs as they came, and the names of the outputs that were wanted.
    Predict(Vec<(String, Tensor)>, Vec<String>),
    /// Classify.
    Classify(Examples),
    /// Regress.
    Regress(Examples),
    /// MultiInference.
    Multi(pb::MultiInferenceRequest),
}

/// What was answered.
#[derive(Clone, Debug)]
pub enum Answered {
    /// A serialized PredictResponse.
    Outputs(Bytes),
    /// A classification of each example.
    Classes(Classifications),
    /// A value for each example.
    Values(Vec<f32>),
    /// One result for each task.
    Multi(pb::MultiInferenceResponse),
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub struct Record {
    /// The model that answered.
    pub model: String,
    /// Its version.
    pub version: i64,
    /// The signature, as the client wrote it.
    pub signature: String,
    /// How often requests of this model are logged.
    pub sampling_rate: f64,
    /// When it was answered, in seconds since 1970.
    pub timestamp_s: i64,
    /// What was asked.
    pub asked: Asked,
    /// What was answered.
    pub answered: Answered,
}

/// A record that cannot be written, because what is to be masked in it cannot be found.
#[derive(Debug, PartialEq, Eq)]
pub struct Unmaskable;

impl Asked {
    /// Bytes that it holds in memory.
    pub fn len_bytes(&self) -> usize {
        let examples = |examples: &Examples| {
            examples.examples.iter().chain(&examples.context).map(|example| example.len() + size_of::<Bytes>()).sum()
        };
        match self {
            Asked::Predict(inputs, _) => inputs.iter().map(|(alias, tensor)| alias.len() + held(tensor)).sum(),
            Asked::Classify(asked) | Asked::Regress(asked) => examples(asked),
            Asked::Multi(request) => prost::Message::encoded_len(request),
        }
    }
}

/// Bytes that a tensor holds in memory: short strings are little beside their handles.
fn held(tensor: &Tensor) -> usize {
    match tensor.elements() {
        Elements::Raw(bytes) => bytes.len(),
        Elements::Strings(strings) => strings.iter().map(|string| string.len() + size_of::<Bytes>()).sum(),
    }
}

impl Answered {
    /// Bytes that it holds in memory.
    pub fn len_bytes(&self) -> usize {
        match self {
            Answered::Outputs(bytes) => bytes.len(),
            Answered::Classes(rows) => {
                rows.iter().flatten().map(|(label, _)| label.len() + size_of::<(String, f32)>()).sum()
            }
            Answered::Values(values) => size_of_val(values.as_slice()),
            Answered::Multi(response) => prost::Message::encoded_len(response),
        }
    }
}

impl Record {
    /// The message.
    ///
    /// Errors: an example that is to be masked and is none.
    pub fn into_message(self, mask: &Mask, saved_model_tags: &[String]) -> Result<pb::PredictionLog, Unmaskable> {
        let version = Some(VersionChoice::Version(self.version));
        let resolved = if self.signature.is_empty() { DEFAULT_SIGNATURE } else { &self.signature };
        let answered_by =
            pb::ModelSpec { name: self.model.clone(), signature_name: resolved.to_owned(), version_choice: version };
        // Without a version, so that the record asks whichever version it is replayed on.
        let spec = pb::ModelSpec { name: self.model, signature_name: self.signature, version_choice: None };
        let metadata = pb::LogMetadata {
            model_spec: Some(answered_by.clone()),
            sampling_config: Some(pb::SamplingConfig { sampling_rate: self.sampling_rate, ..Default::default() }),
            saved_model_tags: saved_model_tags.to_vec(),
            timestamp_secs: self.timestamp_s,
            ..pb::LogMetadata::default()
        };
        let log_type = log_type(self.asked, self.answered, spec, answered_by, mask)?;
        Ok(pb::PredictionLog { log_metadata: Some(metadata), log_type: Some(log_type) })
    }
}

fn log_type(
    asked: Asked,
    answered: Answered,
    spec: pb::ModelSpec,
    answered_by: pb::ModelSpec,
    mask: &Mask,
) -> Result<LogType, Unmaskable> {
    let (spec, answered_by) = (Some(spec), Some(answered_by));
    Ok(match asked {
        Asked::Predict(inputs, output_filter) => LogType::PredictLog(pb::PredictLog {
            request: Some(pb::PredictRequest {
                model_spec: spec,
                inputs: messages(&inputs, mask),
                output_filter,
                ..pb::PredictRequest::default()
            }),
            response: match answered {
                Answered::Outputs(bytes) => Some(RawMessage::new(BytesMut::from(bytes))),
                _ => None,
            },
        }),
        Asked::Classify(examples) => LogType::ClassifyLog(pb::ClassifyLog {
            request: Some(pb::ClassificationRequest { model_spec: spec, input: Some(input(examples, mask)?) }),
            response: match answered {
                Answered::Classes(classes) => Some(pb::ClassificationResponse {
                    model_spec: answered_by,
                    result: Some(classification_result(classes)),
                }),
                _ => None,
            },
        }),
        Asked::Regress(examples) => LogType::RegressLog(pb::RegressLog {
            request: Some(pb::RegressionRequest { model_spec: spec, input: Some(input(examples, mask)?) }),
            response: match answered {
                Answered::Values(values) => {
                    Some(pb::RegressionResponse { model_spec: answered_by, result: Some(regression_result(values)) })
                }
                _ => None,
            },
        }),
        Asked::Multi(mut request) => {
            request.input = request.input.map(|input| mask.input(input)).transpose()?;
            for spec in request.tasks.iter_mut().filter_map(|task| task.model_spec.as_mut()) {
                spec.version_choice = None;
            }
            let response = match answered {
                Answered::Multi(response) => Some(response),
                _ => None,
            };
            LogType::MultiInferenceLog(pb::MultiInferenceLog { request: Some(request), response })
        }
    })
}

fn messages(inputs: &[(String, Tensor)], mask: &Mask) -> HashMap<String, TensorProto> {
    let message = |alias: &str, tensor: &Tensor| match mask.hides(alias) {
        true => TensorProto::empty(tensor.dtype()),
        false => tensor_proto(tensor),
    };
    inputs.iter().map(|(alias, tensor)| (alias.clone(), message(alias, tensor))).collect()
}

fn input(examples: Examples, mask: &Mask) -> Result<pb::Input, Unmaskable> {
    let raw = |bytes: Bytes| RawMessage::new(BytesMut::from(bytes));
    let list = examples.examples.into_iter().map(raw).collect();
    let kind = match examples.context {
        None => pb::input::Kind::ExampleList(pb::ExampleList { examples: list }),
        Some(context) => pb::input::Kind::ExampleListWithContext(pb::ExampleListWithContext {
            examples: list,
            context: Some(raw(context)),
        }),
    };
    mask.input(pb::Input { kind: Some(kind) })
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
