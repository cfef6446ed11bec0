//! `tensorflow.serving.ModelService`.
//!
//! Source: tensorflow_serving/apis/model_service.proto; tensorflow_serving/model_servers/model_service_impl.cc.

use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tonic::{Request, Response};

use super::deadline::deadline;
use super::{address, to_grpc};
use crate::dataplane::Dataplane;
use crate::pb::tensorflow::serving as pb;
use crate::pb::tensorflow::serving::model_version_status::State;
use crate::routes::VersionStatus;
use crate::status::{Code, Result, Status};

/// Longest time that a reload without a deadline of its own may take.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(600);

/// A reload for the manager: the number under which it answers, and the serialized `ReloadConfigRequest`.
pub struct ReloadRequest {
    /// For [`Dataplane::reloaded`].
    pub id: u64,
    /// The request.
    pub request: Vec<u8>,
}

/// The service.
pub struct ModelService {
    /// What answers.
    pub dataplane: Arc<Dataplane>,
    /// Told of each reload.
    pub on_reload: Arc<dyn Fn(ReloadRequest) + Send + Sync>,
}

type Reply<T> = std::result::Result<Response<T>, tonic::Status>;

#[tonic::async_trait]
impl pb::model_service_server::ModelService for ModelService {
    async fn get_model_status(&self, request: Request<pb::GetModelStatusRequest>) -> Reply<pb::GetModelStatusResponse> {
        self.status(request.into_inner()).map(Response::new).map_err(|status| to_grpc(&status))
    }

    async fn handle_reload_config_request(
        &self,
        request: Request<pb::ReloadConfigRequest>,
    ) -> Reply<pb::ReloadConfigResponse> {
        let timeout =
            deadline(request.metadata()).map_or(RELOAD_TIMEOUT, |deadline| deadline - tokio::time::Instant::now());
        let outcome = self.reload(request.into_inner(), timeout).await;
        outcome.map_err(|status| to_grpc(&status))?;
        let status = Some(pb::StatusProto::default());
        Ok(Response::new(pb::ReloadConfigResponse { status, metric: Vec::new() }))
    }
}

impl ModelService {
    fn status(&self, request: pb::GetModelStatusRequest) -> Result<pb::GetModelStatusResponse> {
        let (mut address, _) = address(request.model_spec)?;
        // As in TensorFlow Serving, which answers for all versions then.
        address.label = None;
        let statuses = self.dataplane.model_status(&address)?;
        Ok(pb::GetModelStatusResponse { model_version_status: statuses.iter().map(version_status).collect() })
    }

    async fn reload(&self, request: pb::ReloadConfigRequest, timeout: Duration) -> Result<()> {
        use pb::model_server_config::Config;
        match request.config.as_ref().and_then(|config| config.config.as_ref()) {
            Some(Config::ModelConfigList(_)) => {}
            _ => {
                return Err(Status::invalid_argument(
                    "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported",
                ))
            }
        }
        let bytes = request.encode_to_vec();
        self.dataplane.reload(|id| (self.on_reload)(ReloadRequest { id, request: bytes }), timeout).await
    }
}

fn version_status(status: &VersionStatus) -> pb::ModelVersionStatus {
    pb::ModelVersionStatus {
        version: status.version,
        state: State::from_str_name(&status.state).unwrap_or(State::Unknown).into(),
        status: Some(pb::StatusProto {
            error_code: status.error as i32,
            error_message: if status.error == Code::Ok { String::new() } else { status.error_message.clone() },
        }),
    }
}
