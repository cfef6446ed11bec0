//! How a model's requests are joined: what is in force as JSON, and new parameters on their way to the manager.
//!
//! The parameters of a reply are those that a `PUT` takes, so that what was read can be changed and sent back. What they may
//! be is decided in Python, which reads parameter files too (`seaway.settings.batching_parameters`).

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderMap;
use hyper::body::Body;
use serde::Serialize;

use super::body::{self, Limits};
use super::error::Refusal;
use super::model_status::protobuf_json;
use crate::batch::BatchRules;
use crate::dataplane::Dataplane;
use crate::routes::Servable;
use crate::status::{Code, Result, Status};

/// Longest wait for the manager, which may have to prove signatures first.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Largest body: parameters take a few hundred bytes.
const MAX_BYTES: usize = 64 << 10;

#[derive(Serialize)]
struct Reply<'a> {
    model: &'a str,
    versions: Vec<Version>,
}

#[derive(Serialize)]
struct Version {
    version: String,
    parameters: BatchRules,
    signatures: BTreeMap<String, Signature>,
}

#[derive(Serialize)]
struct Signature {
    joined: bool,
    why_not: String,
    runs: u64,
    mean_rows: f64,
    mean_requests: f64,
}

/// What is in force for each version of a model that can answer.
///
/// Errors: NOT_FOUND for a model that is not served.
pub fn batching_body(dataplane: &Dataplane, model: &str) -> Result<Vec<u8>> {
    let servables = dataplane.routes().available(model)?;
    Ok(protobuf_json(&Reply { model, versions: servables.iter().map(|servable| version(servable)).collect() }))
}

/// Has the parameters of a request's body applied to every version of a model, and answers what is in force then.
///
/// Errors: PERMISSION_DENIED unless the settings allow it; NOT_FOUND for a model that is not served; INVALID_ARGUMENT for
/// parameters that cannot be used.
pub async fn set_batching<B>(
    dataplane: &Dataplane,
    headers: &HeaderMap,
    body: B,
    model: &str,
) -> std::result::Result<Vec<u8>, Refusal>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if !dataplane.settings.admin_calls {
        let why =
            "calls may not change batching parameters: network.admin_calls is off; start the server with --admin-calls";
        return Err(Status::new(Code::PermissionDenied, why).into());
    }
    dataplane.routes().status(model, None)?;
    let body = body::read(headers, body, Limits { message: MAX_BYTES, unpacked: MAX_BYTES }).await?;
    let parameters = String::from_utf8(body.to_vec())
        .map_err(|error| Status::invalid_argument(format!("the batching parameters are not UTF-8: {error}")))?;
    dataplane.set_batching(model, parameters, TIMEOUT).await?;
    Ok(batching_body(dataplane, model)?)
}

fn version(servable: &Servable) -> Version {
    let parameters = servable.channel.rules();
    let signatures = servable.signatures.called().map(|signature| {
        let name = &*signature.name;
        (name.to_owned(), shown(servable, name, parameters.enabled))
    });
    Version { version: servable.version.to_string(), signatures: signatures.collect(), parameters }
}

fn shown(servable: &Servable, signature: &str, enabled: bool) -> Signature {
    let why_not = match servable.channel.joining(signature) {
        _ if !enabled => "batching is off".to_owned(),
        Some(Ok(())) => String::new(),
        Some(Err(why_not)) => why_not,
        None => "it is not known yet whether joined rows are answered as single ones".to_owned(),
    };
    let batches = servable.metrics.batches(signature);
    let mean = |count: u64| if batches.runs == 0 { 0.0 } else { count as f64 / batches.runs as f64 };
    Signature {
        joined: why_not.is_empty(),
        why_not,
        runs: batches.runs,
        mean_rows: mean(batches.rows),
        mean_requests: mean(batches.requests),
    }
}
