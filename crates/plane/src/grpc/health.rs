//! `grpc.health.v1.Health`: the truth about the server and about each model, now and as it changes.
//!
//! The empty name and those of the two services mean the whole server: SERVING when it wants requests and some model can
//! answer. A model's own name means that model.
//!
//! Source: the gRPC health checking protocol.

use std::pin::Pin;
use std::sync::Arc;

use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response};

use crate::dataplane::Dataplane;
use crate::pb::grpc::health::v1 as pb;
use crate::pb::grpc::health::v1::health_check_response::ServingStatus;

const WHOLE_SERVER: [&str; 5] = [
    "",
    "ModelService",
    "PredictionService",
    "tensorflow.serving.ModelService",
    "tensorflow.serving.PredictionService",
];

/// The service.
pub struct Health {
    /// What is asked.
    pub dataplane: Arc<Dataplane>,
}

#[tonic::async_trait]
impl pb::health_server::Health for Health {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<pb::HealthCheckResponse, tonic::Status>> + Send>>;

    async fn check(
        &self,
        request: Request<pb::HealthCheckRequest>,
    ) -> Result<Response<pb::HealthCheckResponse>, tonic::Status> {
        let service = request.into_inner().service;
        match status(&self.dataplane, &service) {
            Some(status) => Ok(Response::new(response(status))),
            None => {
                Err(tonic::Status::not_found(format!("{service:?} is neither a service nor a model of this server")))
            }
        }
    }

    async fn watch(
        &self,
        request: Request<pb::HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, tonic::Status> {
        let service = request.into_inner().service;
        let dataplane = Arc::clone(&self.dataplane);
        let mut last = None;
        let open = Arc::clone(&self.dataplane);
        let changes = WatchStream::new(self.dataplane.changes()).take_while(move |_| !open.watches_end());
        let statuses = changes.filter_map(move |_| {
            let now = status(&dataplane, &service).unwrap_or(ServingStatus::ServiceUnknown);
            (last.replace(now) != Some(now)).then(|| Ok(response(now)))
        });
        Ok(Response::new(Box::pin(statuses)))
    }
}

fn status(dataplane: &Dataplane, service: &str) -> Option<ServingStatus> {
    let ready = match WHOLE_SERVER.contains(&service) {
        true => Some(dataplane.is_ready()),
        false => dataplane.is_model_ready(service),
    };
    ready.map(|ready| if ready { ServingStatus::Serving } else { ServingStatus::NotServing })
}

fn response(status: ServingStatus) -> pb::HealthCheckResponse {
    pb::HealthCheckResponse { status: status.into() }
}
