//! Recorded requests, replayed on the path of real ones: warm-up.

use std::sync::Arc;

use bytes::Bytes;

use super::prediction_service::{examples, multi_inference, predict, tensors};
use crate::dataplane::Dataplane;
use crate::inference::{classify_outputs, method_names, regress_outputs, Call};
use crate::job::Job;
use crate::pb::tensorflow::serving::prediction_log::LogType;
use crate::pb::tensorflow::serving::{InferenceTask, ModelSpec, PredictRequest, PredictionLog};
use crate::routes::{Route, Servable};
use crate::status::{Result, Status};

/// Runs the request of one record on `servable`, whatever model and version it was recorded from; the answer is dropped.
///
/// Errors: UNIMPLEMENTED for a record of another kind; otherwise what the call answers.
///
/// Source: tensorflow_serving/servables/tensorflow/saved_model_warmup_util.cc.
pub async fn replay(dataplane: &Dataplane, servable: &Arc<Servable>, log: PredictionLog, call: &Call) -> Result<()> {
    let route = &Route::from(Arc::clone(servable));
    match log.log_type {
        Some(LogType::PredictLog(log)) => {
            let request = log.request.unwrap_or_default();
            let name = signature(request.model_spec);
            predict(dataplane, route, &name, request.inputs, &request.output_filter, call).await.map(drop)
        }
        Some(LogType::ClassifyLog(log)) => {
            let request = log.request.unwrap_or_default();
            dataplane.classify(route, &signature(request.model_spec), examples(request.input), call).await.map(drop)
        }
        Some(LogType::RegressLog(log)) => {
            let request = log.request.unwrap_or_default();
            dataplane.regress(route, &signature(request.model_spec), examples(request.input), call).await.map(drop)
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
    let name = signature(request.model_spec);
    let route = Route::from(Arc::clone(servable));
    let answer = predict(dataplane, &route, &name, request.inputs, &request.output_filter, call).await?;
    Ok(answer.into_bytes())
}

/// The jobs that the request of one record comes to, without running them; what makes no job is left out.
pub fn jobs(dataplane: &Dataplane, servable: &Arc<Servable>, log: PredictionLog, call: &Call) -> Vec<Job> {
    let of_examples = |spec, input, outputs| {
        dataplane.example_job(servable, &signature(spec), examples(input), outputs, call).into_iter().collect()
    };
    match log.log_type {
        Some(LogType::PredictLog(log)) => {
            let request = log.request.unwrap_or_default();
            let job = tensors(dataplane, request.inputs).and_then(|inputs| {
                let name = signature(request.model_spec);
                dataplane.predict_job(servable, &name, inputs, &request.output_filter, call)
            });
            job.into_iter().collect()
        }
        Some(LogType::ClassifyLog(log)) => {
            let request = log.request.unwrap_or_default();
            of_examples(request.model_spec, request.input, classify_outputs)
        }
        Some(LogType::RegressLog(log)) => {
            let request = log.request.unwrap_or_default();
            of_examples(request.model_spec, request.input, regress_outputs)
        }
        Some(LogType::MultiInferenceLog(log)) => {
            let request = log.request.unwrap_or_default();
            let input = request.input;
            let job = |task: InferenceTask| {
                let outputs = match task.method_name.as_str() {
                    method_names::CLASSIFY => classify_outputs,
                    _ => regress_outputs,
                };
                let examples = examples(input.clone());
                dataplane.example_job(servable, &signature(task.model_spec), examples, outputs, call).ok()
            };
            request.tasks.into_iter().filter_map(job).collect()
        }
        Some(LogType::PredictStreamedLog(_)) | None => Vec::new(),
    }
}

fn signature(spec: Option<ModelSpec>) -> String {
    spec.map(|spec| spec.signature_name).unwrap_or_default()
}
