//! How one request failed.

/// A request that was not answered with success.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// What the report counts it under: `grpc 14`, `http 503`, or `connection`.
    pub code: String,
    /// The server's words, or the operating system's.
    pub message: String,
}

impl Failure {
    /// The connection broke, or could not be made.
    pub fn connection(error: impl ToString) -> Failure {
        Failure { code: "connection".into(), message: error.to_string() }
    }
}
