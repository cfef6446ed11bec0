//! gRPC: TensorFlow Serving's two services, health and reflection, as codecs over [`crate::inference`].

mod deadline;
mod health;
mod messages;
mod model_service;
mod prediction_service;
mod replay;
mod status;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::Incoming;
use hyper::header::{HeaderMap, CONTENT_TYPE};
use hyper::{Request, Response, StatusCode};
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::codegen::BoxFuture;
use tonic::server::NamedService;
use tonic::service::Routes;

use crate::dataplane::Dataplane;
use crate::exchange::Exchange;
use crate::metrics::Api;
use crate::pb;
use crate::pb::grpc::health::v1::health_server::HealthServer;
use crate::pb::tensorflow::serving::model_service_server::ModelServiceServer;
use crate::pb::tensorflow::serving::prediction_service_server::PredictionServiceServer;
use crate::pb::tensorflow::serving::ModelSpec;
use crate::routes::{ModelAddress, Servable};
use crate::status::{Result, Status};

use messages::{Limits, Messages};
pub use model_service::ReloadRequest;
pub(crate) use prediction_service::{classification_result, regression_result};
pub use replay::{answer, jobs, replay};
pub use status::to_grpc;

/// Every gRPC service behind the bounds that all of them share.
#[derive(Clone)]
pub struct Services {
    dataplane: Arc<Dataplane>,
    /// Asked without a router: every inference comes this way.
    prediction: PredictionServiceServer<prediction_service::PredictionService>,
    routes: Routes,
    limits: Limits,
}

/// All services; `on_reload` is told of each HandleReloadConfigRequest.
pub fn services(dataplane: &Arc<Dataplane>, on_reload: Arc<dyn Fn(ReloadRequest) + Send + Sync>) -> Services {
    let limits =
        Limits { message: dataplane.settings.max_message_bytes, unpacked: dataplane.settings.max_decompressed_bytes };
    let prediction =
        PredictionServiceServer::new(prediction_service::PredictionService { dataplane: Arc::clone(dataplane) })
            // Named to clients that send another one; gzip itself never gets this far.
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(limits.message)
            .max_encoding_message_size(limits.message);
    let models = ModelServiceServer::new(model_service::ModelService { dataplane: Arc::clone(dataplane), on_reload })
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(limits.message);
    let health = HealthServer::new(health::Health { dataplane: Arc::clone(dataplane) });
    let routes = Routes::new(models).add_service(health);
    let routes = match dataplane.settings.reflection {
        false => routes,
        true => with_reflection(routes),
    };
    Services { dataplane: Arc::clone(dataplane), prediction, routes: routes.prepare(), limits }
}

/// Old and new clients ask under different names.
fn with_reflection(routes: Routes) -> Routes {
    let builder =
        || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(pb::DESCRIPTOR_SET);
    routes
        .add_service(builder().build_v1().expect("the descriptors compiled"))
        .add_service(builder().build_v1alpha().expect("the descriptors compiled"))
}

impl Services {
    /// Probes come without tokens.
    fn check_token(&self, request: &Request<Incoming>) -> Result<()> {
        let tokens = &self.dataplane.tokens;
        if !tokens.any() || method_of(request.uri().path(), HealthServer::<health::Health>::NAME) {
            return Ok(());
        }
        let checked = tokens.check(request.headers());
        checked.inspect_err(|status| self.dataplane.metrics.refused(Api::Grpc, status))
    }
}

impl hyper::service::Service<Request<Incoming>> for Services {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, mut request: Request<Incoming>) -> Answer {
        if !is_grpc(request.headers()) {
            return Answer::Refused;
        }
        if let Some(exchange) = request.extensions().get::<Arc<Exchange>>() {
            exchange.is_call(call_of(request.uri().path()), "");
        }
        if let Err(status) = self.check_token(&request) {
            return Answer::Unauthenticated(Some(to_grpc(&status).into()));
        }
        let gzip = take_encoding(request.headers_mut());
        let request = request.map(|body| Messages::new(body, self.limits, gzip));
        // Both are always ready: neither has anything to wait for.
        match method_of(request.uri().path(), PredictionServiceServer::<prediction_service::PredictionService>::NAME) {
            true => Answer::Inference(tower::Service::call(&mut self.prediction.clone(), request)),
            false => Answer::Routed(Box::pin(tower::Service::call(&mut self.routes.clone(), request))),
        }
    }
}

/// The answer to one call.
pub enum Answer {
    /// What came is not gRPC.
    Refused,
    /// It carries no token that counts.
    Unauthenticated(Option<Box<tonic::Status>>),
    /// A method of PredictionService.
    Inference(BoxFuture<Response<Body>, Infallible>),
    /// A method of any other service, or of none.
    Routed(Pin<Box<<Routes as tower::Service<Request<Messages<Incoming>>>>::Future>>),
}

impl Future for Answer {
    type Output = std::result::Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Answer::Inference(future) => future.as_mut().poll(cx),
            Answer::Routed(future) => future.as_mut().poll(cx),
            Answer::Unauthenticated(status) => {
                // Polled once: it is ready at once.
                let status = status.take().unwrap_or_else(|| Box::new(tonic::Status::unauthenticated("")));
                Poll::Ready(Ok(status.into_http()))
            }
            Answer::Refused => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
                Poll::Ready(Ok(response))
            }
        }
    }
}

/// Which of the calls that there are a path means; empty when none. What a client makes up is no name of ours.
fn call_of(path: &str) -> &'static str {
    const PREDICTION: [&str; 5] = ["Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata"];
    const MODELS: [&str; 2] = ["GetModelStatus", "HandleReloadConfigRequest"];
    const HEALTH: [&str; 2] = ["Check", "Watch"];
    let Some((service, method)) = path.strip_prefix('/').and_then(|path| path.split_once('/')) else { return "" };
    let methods: &[&'static str] = match service {
        PredictionServiceServer::<prediction_service::PredictionService>::NAME => &PREDICTION,
        ModelServiceServer::<model_service::ModelService>::NAME => &MODELS,
        HealthServer::<health::Health>::NAME => &HEALTH,
        "grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection" => &["ServerReflectionInfo"],
        _ => &[],
    };
    methods.iter().find(|known| **known == method).copied().unwrap_or("")
}

/// Whether a path is that of a method of `service`.
fn method_of(path: &str, service: &str) -> bool {
    path.strip_prefix('/').and_then(|path| path.strip_prefix(service)).is_some_and(|method| method.starts_with('/'))
}

/// Source: the gRPC protocol over HTTP/2, Content-Type: anything else is answered with HTTP status 415.
fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Whether the request's messages are gzip, which [`Messages`] unpacks.
///
/// Only then is the answer packed as well: official clients accept gzip in every call without wanting it, and packing costs
/// more than most models.
fn take_encoding(headers: &mut HeaderMap) -> bool {
    let gzip = headers.get("grpc-encoding").is_some_and(|value| value == "gzip");
    match gzip {
        true => headers.remove("grpc-encoding"),
        false => headers.remove("grpc-accept-encoding"),
    };
    gzip
}

/// Which version a request's spec means, and the name of the signature.
///
/// Errors: INVALID_ARGUMENT without a spec.
fn address(spec: Option<ModelSpec>) -> Result<(ModelAddress, String)> {
    use pb::tensorflow::serving::model_spec::VersionChoice;
    let spec = spec.ok_or_else(|| Status::invalid_argument("Missing ModelSpec"))?;
    let (version, label) = match spec.version_choice {
        Some(VersionChoice::Version(version)) => (Some(version), None),
        Some(VersionChoice::VersionLabel(label)) => (None, Some(label)),
        None => (None, None),
    };
    Ok((ModelAddress { name: spec.name, version, label }, spec.signature_name))
}

/// The spec of a response.
fn model_spec(servable: &Servable, signature: &str) -> ModelSpec {
    ModelSpec {
        name: servable.model.to_string(),
        signature_name: signature.to_owned(),
        version_choice: Some(pb::tensorflow::serving::model_spec::VersionChoice::Version(servable.version)),
    }
}
