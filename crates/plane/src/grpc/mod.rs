//! gRPC: TensorFlow Serving's two services, health and reflection, as codecs over [`crate::inference`].

mod deadline;
mod health;
mod model_service;
mod prediction_service;
mod replay;
mod status;

use std::sync::Arc;

use tonic::codec::CompressionEncoding;
use tonic::service::Routes;

use crate::inference::Dataplane;
use crate::pb;
use crate::pb::grpc::health::v1::health_server::HealthServer;
use crate::pb::tensorflow::serving::model_service_server::ModelServiceServer;
use crate::pb::tensorflow::serving::prediction_service_server::PredictionServiceServer;
use crate::pb::tensorflow::serving::ModelSpec;
use crate::routes::ModelAddress;
use crate::status::{Result, Status};

pub use model_service::ReloadRequest;
pub use replay::replay;
pub use status::to_grpc;

/// All services; `on_reload` is told of each HandleReloadConfigRequest.
pub fn services(dataplane: &Arc<Dataplane>, on_reload: Arc<dyn Fn(ReloadRequest) + Send + Sync>) -> Routes {
    let limit = dataplane.settings.max_message_bytes;
    let prediction =
        PredictionServiceServer::new(prediction_service::PredictionService { dataplane: Arc::clone(dataplane) })
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(limit.min(dataplane.settings.max_decompressed_bytes.max(limit)))
            .max_encoding_message_size(limit);
    let models = ModelServiceServer::new(model_service::ModelService { dataplane: Arc::clone(dataplane), on_reload })
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(limit);
    let health = HealthServer::new(health::Health { dataplane: Arc::clone(dataplane) });
    let routes = Routes::new(prediction).add_service(models).add_service(health);
    match dataplane.settings.reflection {
        false => routes,
        true => {
            let builder = || {
                tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(pb::DESCRIPTOR_SET)
            };
            // Old and new clients ask under different names.
            routes
                .add_service(builder().build_v1().expect("the descriptors compiled"))
                .add_service(builder().build_v1alpha().expect("the descriptors compiled"))
        }
    }
}

/// Which version a request's spec means, and the name of the signature.
///
/// Errors: INVALID_ARGUMENT without a spec.
fn address(spec: Option<ModelSpec>) -> Result<(ModelAddress, String)> {
    use pb::tensorflow::serving::model_spec::VersionChoice;
    let spec = spec.ok_or_else(|| Status::invalid_argument("Missing ModelSpec"))?;
    let (version, label) = match spec.version_choice {
        Some(VersionChoice::Version(version)) => (Some(version), None),
        // An empty label is no label.
        Some(VersionChoice::VersionLabel(label)) if !label.is_empty() => (None, Some(label)),
        Some(VersionChoice::VersionLabel(_)) | None => (None, None),
    };
    Ok((ModelAddress { name: spec.name, version, label }, spec.signature_name))
}

/// The spec of a response.
fn model_spec(model: &str, version: i64, signature: &str) -> ModelSpec {
    ModelSpec {
        name: model.to_owned(),
        signature_name: signature.to_owned(),
        version_choice: Some(pb::tensorflow::serving::model_spec::VersionChoice::Version(version)),
    }
}
