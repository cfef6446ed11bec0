//! `tensorflow.serving.PredictionService`.
//!
//! Source: tensorflow_serving/apis/prediction_service.proto; tensorflow_serving/model_servers/prediction_service_impl.cc.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use prost::Message;
use tonic::{Request, Response};

use super::deadline::deadline;
use super::{address, model_spec, to_grpc};
use crate::codec::{encode_predict_response, RawMessage, Representation};
use crate::dataplane::Dataplane;
use crate::inference::{classify_outputs, method_names, regress_outputs, Call, Classifications, Examples};
use crate::metrics::Api;
use crate::pb::tensorflow::serving as pb;
use crate::request_log::record::{Answered, Asked};
use crate::request_log::Entry;
use crate::routes::{ModelAddress, Route, Servable};
use crate::signature::DEFAULT_SIGNATURE;
use crate::status::{Result, Status};
use crate::tensor::Tensor;

/// The service.
pub struct PredictionService {
    /// What answers.
    pub dataplane: Arc<Dataplane>,
}

type Reply<T> = std::result::Result<Response<T>, tonic::Status>;

#[tonic::async_trait]
impl pb::prediction_service_server::PredictionService for PredictionService {
    async fn predict(&self, request: Request<pb::PredictRequest>) -> Reply<RawMessage> {
        let (call, headers, request) = open(request);
        self.answer_predict(request, headers, &call).await.map(Response::new).map_err(|status| to_grpc(&status))
    }

    async fn classify(&self, request: Request<pb::ClassificationRequest>) -> Reply<pb::ClassificationResponse> {
        let (call, headers, request) = open(request);
        self.answer_classify(request, headers, &call).await.map(Response::new).map_err(|status| to_grpc(&status))
    }

    async fn regress(&self, request: Request<pb::RegressionRequest>) -> Reply<pb::RegressionResponse> {
        let (call, headers, request) = open(request);
        self.answer_regress(request, headers, &call).await.map(Response::new).map_err(|status| to_grpc(&status))
    }

    async fn multi_inference(&self, request: Request<pb::MultiInferenceRequest>) -> Reply<pb::MultiInferenceResponse> {
        let (call, headers, request) = open(request);
        self.answer_multi_inference(request, headers, &call).await.map(Response::new).map_err(|status| to_grpc(&status))
    }

    async fn get_model_metadata(
        &self,
        request: Request<pb::GetModelMetadataRequest>,
    ) -> Reply<pb::GetModelMetadataResponse> {
        self.answer_metadata(request.into_inner()).map(Response::new).map_err(|status| to_grpc(&status))
    }
}

impl PredictionService {
    async fn answer_predict(&self, request: pb::PredictRequest, headers: HeaderMap, call: &Call) -> Result<RawMessage> {
        let (route, signature) = self.find(request.model_spec, headers, call)?;
        predict(&self.dataplane, &route, &signature, request.inputs, &request.output_filter, call).await
    }

    async fn answer_classify(
        &self,
        request: pb::ClassificationRequest,
        headers: HeaderMap,
        call: &Call,
    ) -> Result<pb::ClassificationResponse> {
        let (route, signature) = self.find(request.model_spec, headers, call)?;
        let classes = self.dataplane.classify(&route, &signature, examples(request.input), call).await?;
        Ok(pb::ClassificationResponse {
            model_spec: Some(model_spec(&route.servable, or_default(&signature))),
            result: Some(classification_result(classes)),
        })
    }

    async fn answer_regress(
        &self,
        request: pb::RegressionRequest,
        headers: HeaderMap,
        call: &Call,
    ) -> Result<pb::RegressionResponse> {
        let (route, signature) = self.find(request.model_spec, headers, call)?;
        let values = self.dataplane.regress(&route, &signature, examples(request.input), call).await?;
        Ok(pb::RegressionResponse {
            model_spec: Some(model_spec(&route.servable, or_default(&signature))),
            result: Some(regression_result(values)),
        })
    }

    async fn answer_multi_inference(
        &self,
        request: pb::MultiInferenceRequest,
        headers: HeaderMap,
        call: &Call,
    ) -> Result<pb::MultiInferenceResponse> {
        let Some(first) = request.tasks.first() else {
            return Err(Status::invalid_argument("Inference request must contain at least one task."));
        };
        let (route, signature) = self.find(first.model_spec.clone(), headers, call)?;
        let entry = Entry::of(&route, &signature, || Asked::Multi(request.clone()));
        let response = multi_inference(&self.dataplane, &route.servable, request, call).await?;
        if let Some(entry) = entry {
            entry.answered(Answered::Multi(response.clone()));
        }
        Ok(response)
    }

    fn answer_metadata(&self, request: pb::GetModelMetadataRequest) -> Result<pb::GetModelMetadataResponse> {
        let (address, _) = address(request.model_spec)?;
        if request.metadata_field.is_empty() {
            return Err(Status::invalid_argument("GetModelMetadataRequest must specify at least one metadata_field"));
        }
        if let Some(field) = request.metadata_field.iter().find(|field| *field != "signature_def") {
            return Err(Status::invalid_argument(format!("Metadata field {field} is not supported")));
        }
        let servable = self.dataplane.resolve(&address)?;
        let definitions = prost_types::Any {
            type_url: "type.googleapis.com/tensorflow.serving.SignatureDefMap".to_owned(),
            value: servable.signatures.proto().encode_to_vec(),
        };
        Ok(pb::GetModelMetadataResponse {
            model_spec: Some(model_spec(&servable, "")),
            metadata: HashMap::from([("signature_def".to_owned(), definitions)]),
        })
    }

    fn find(&self, spec: Option<pb::ModelSpec>, headers: HeaderMap, call: &Call) -> Result<(Route, String)> {
        let found = address(spec).and_then(|(address, signature): (ModelAddress, String)| {
            if let Some(exchange) = &call.exchange {
                exchange.asks(&address, &signature);
            }
            let route = self.dataplane.route(&address, &headers)?;
            Ok((route, signature))
        });
        found.inspect_err(|status| self.dataplane.metrics.refused(call.api, status))
    }
}

/// Predict on a servable that is already found; warm-up comes this way too.
pub(super) async fn predict(
    dataplane: &Dataplane,
    route: &Route,
    signature: &str,
    inputs: HashMap<String, crate::codec::TensorProto>,
    output_filter: &[String],
    call: &Call,
) -> Result<RawMessage> {
    let inputs = tensors(dataplane, inputs)
        .inspect_err(|status| route.servable.metrics.failed("", call.api, status, call.received.elapsed()))?;
    let answer = dataplane.predict(route, signature, inputs, output_filter, call).await?;
    let representation = match dataplane.settings.tensor_content_outputs {
        true => Representation::TensorContent,
        false => Representation::TypedFields,
    };
    encode_predict_response(&model_spec(&route.servable, answer.signature()), &answer.views(), representation)
}

/// The inputs of a Predict request as tensors, in no order.
///
/// Errors: INVALID_ARGUMENT, naming the input.
pub(super) fn tensors(
    dataplane: &Dataplane,
    inputs: HashMap<String, crate::codec::TensorProto>,
) -> Result<Vec<(String, Tensor)>> {
    let limit = dataplane.settings.max_message_bytes;
    let named = |(alias, proto): (String, crate::codec::TensorProto)| {
        let tensor = proto
            .to_tensor(limit)
            .map_err(|status| Status::new(status.code, format!("tensor parsing error: {alias}: {}", status.message)))?;
        Ok((alias, tensor))
    };
    inputs.into_iter().map(named).collect()
}

/// Several classifications and regressions of the same examples.
///
/// Source: tensorflow_serving/servables/tensorflow/multi_inference.cc (TensorFlowMultiInferenceRunner::Infer).
pub(super) async fn multi_inference(
    dataplane: &Dataplane,
    servable: &Arc<Servable>,
    request: pb::MultiInferenceRequest,
    call: &Call,
) -> Result<pb::MultiInferenceResponse> {
    check_tasks(servable, &request.tasks)?;
    let examples = examples(request.input);
    let route = Route::from(Arc::clone(servable));
    let mut results = Vec::with_capacity(request.tasks.len());
    for task in &request.tasks {
        let name = task.model_spec.as_ref().map_or("", |spec| spec.signature_name.as_str());
        let result = if task.method_name == method_names::CLASSIFY {
            let classes = dataplane.classify(&route, name, examples.clone(), call).await?;
            pb::inference_result::Result::ClassificationResult(classification_result(classes))
        } else {
            let values = dataplane.regress(&route, name, examples.clone(), call).await?;
            pb::inference_result::Result::RegressionResult(regression_result(values))
        };
        results.push(pb::InferenceResult {
            model_spec: Some(model_spec(servable, or_default(name))),
            result: Some(result),
        });
    }
    Ok(pb::MultiInferenceResponse { results })
}

fn check_tasks(servable: &Servable, tasks: &[pb::InferenceTask]) -> Result<()> {
    let mut names = BTreeSet::new();
    for task in tasks {
        let spec = task.model_spec.clone().unwrap_or_default();
        if spec.name.is_empty() {
            return Err(Status::invalid_argument("Found ModelSpec with an empty model name."));
        }
        if spec.name != *servable.model {
            return Err(Status::invalid_argument(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
            ));
        }
        let name = or_default(&spec.signature_name);
        if !names.insert(name.to_owned()) {
            return Err(Status::invalid_argument(format!("Duplicate evaluation of signature: {name}")));
        }
        let signature = servable
            .signatures
            .get(name)
            .ok_or_else(|| Status::invalid_argument(format!("Requested signature not found in model graph: {name}")))?;
        match task.method_name.as_str() {
            method_names::CLASSIFY => drop(classify_outputs(signature)?),
            method_names::REGRESS => drop(regress_outputs(signature)?),
            other => return Err(Status::unimplemented(format!("Unsupported signature method_name: {other}"))),
        }
    }
    Ok(())
}

pub(super) fn examples(input: Option<pb::Input>) -> Examples {
    let bytes = |examples: Vec<RawMessage>| examples.into_iter().map(RawMessage::into_bytes).collect::<Vec<Bytes>>();
    match input.and_then(|input| input.kind) {
        None => Examples::default(),
        Some(pb::input::Kind::ExampleList(list)) => Examples { examples: bytes(list.examples), context: None },
        Some(pb::input::Kind::ExampleListWithContext(list)) => {
            Examples { examples: bytes(list.examples), context: list.context.map(RawMessage::into_bytes) }
        }
    }
}

/// Classes as the message has them.
pub fn classification_result(rows: Classifications) -> pb::ClassificationResult {
    let class = |(label, score)| pb::Class { label, score };
    let classifications =
        rows.into_iter().map(|row| pb::Classifications { classes: row.into_iter().map(class).collect() }).collect();
    pb::ClassificationResult { classifications }
}

/// Values as the message has them.
pub fn regression_result(values: Vec<f32>) -> pb::RegressionResult {
    pb::RegressionResult { regressions: values.into_iter().map(|value| pb::Regression { value }).collect() }
}

fn or_default(name: &str) -> &str {
    if name.is_empty() {
        DEFAULT_SIGNATURE
    } else {
        name
    }
}

fn open<T>(request: Request<T>) -> (Call, HeaderMap, T) {
    let deadline = deadline(request.metadata());
    let (metadata, mut extensions, message) = request.into_parts();
    let call = Call { api: Api::Grpc, deadline, received: Instant::now(), exchange: extensions.remove() };
    (call, metadata.into_headers(), message)
}
