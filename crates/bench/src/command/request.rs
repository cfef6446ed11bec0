//! The bytes of a request, from a file or from the inputs on the command line.

use seaway_bench::Problem;

use super::cli::RequestOptions;
use super::{predict_json, predict_request};

/// A gRPC message.
///
/// Raises: Problem - the file cannot be read.
pub fn message(request: &RequestOptions) -> Result<Vec<u8>, Problem> {
    file(request).unwrap_or_else(|| {
        Ok(predict_request::encode(&request.model, request.model_version, &request.signature, &request.inputs))
    })
}

/// A REST body.
///
/// Raises: Problem - the file cannot be read.
pub fn body(request: &RequestOptions) -> Result<Vec<u8>, Problem> {
    file(request).unwrap_or_else(|| Ok(predict_json::encode(&request.signature, &request.inputs).into_bytes()))
}

/// The path of a model's `:predict`.
pub fn predict_path(request: &RequestOptions) -> String {
    match request.model_version {
        Some(version) => format!("/v1/models/{}/versions/{version}:predict", request.model),
        None => format!("/v1/models/{}:predict", request.model),
    }
}

fn file(request: &RequestOptions) -> Option<Result<Vec<u8>, Problem>> {
    let path = request.body.as_ref()?;
    Some(std::fs::read(path).map_err(|error| Problem(format!("{}: {error}", path.display()))))
}
