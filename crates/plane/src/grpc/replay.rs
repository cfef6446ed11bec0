//! Recorded requests, replayed on the path of real ones: warm-up.

use std::sync::Arc;

use bytes::Bytes;

use super::prediction_service::{examples, multi_inference, predict};
use crate::inference::{Call, Dataplane};
use crate::pb::tensorflow::serving::prediction_log::LogType;
use crate::pb::tensorflow::serving::{ModelSpec, PredictRequest, PredictionLog};
use crate::routes::Servable;
use crate::status::{Result, Status};

/// Runs the request of one record on `servable`, whatever model and version it was recorded from; the answer is dropped.
///
/// Errors: UNIMPLEMENTED for a record of another kind; otherwise what the call answers.
///
/// Source: tensorflow_serving/servables/tensorflow/saved_model_warmup_util.cc.
pub async fn replay(dataplane: &Dataplane, servable: &Arc<Servable>, log: PredictionLog, call: &Call) -> Result<()> {
    let signature = |spec: Option<ModelSpec>| spec.map(|spec| spec.signature_name).unwrap_or_default();
    match log.log_type {
        Some(LogType::PredictLog(log)) => {
            let request = log.request.unwrap_or_default();
            let name = signature(request.model_spec);
            predict(dataplane, servable, &name, request.inputs, &request.output_filter, call).await.map(drop)
        }
        Some(LogType::ClassifyLog(log)) => {
            let request = log.request.unwrap_or_default();
            dataplane.classify(servable, &signature(request.model_spec), examples(request.input), call).await.map(drop)
        }
        Some(LogType::RegressLog(log)) => {
            let request = log.request.unwrap_or_default();
            dataplane.regress(servable, &signature(request.model_spec), examples(request.input), call).await.map(drop)
        }
        Some(LogType::MultiInferenceLog(log)) => {
            let mut request = log.request.unwrap_or_default();
            for task in &mut request.tasks {
                task.model_spec.get_or_insert_default().name = servable.model.to_string();
            }
            multi_inference(dataplane, servable, request, call).await.map(drop)
        }
        Some(LogType::PredictStreamedLog(_)) => {
            Err(Status::unimplemented("Unsupported log_type for warmup: PredictStreamedLog"))
        }
        None => Err(Status::unimplemented("Unsupported log_type for warmup: none that this server knows")),
    }
}

/// Answers a Predict request on `servable`, whatever model and version it names, with a serialized `PredictResponse`.
///
/// Errors: what the call answers.
pub async fn answer(
    dataplane: &Dataplane,
    servable: &Arc<Servable>,
    request: PredictRequest,
    call: &Call,
) -> Result<Bytes> {
    let signature = request.model_spec.map(|spec| spec.signature_name).unwrap_or_default();
    let answer = predict(dataplane, servable, &signature, request.inputs, &request.output_filter, call).await?;
    Ok(answer.into_bytes())
}
