//! How one request failed.

/// A request that was not answered with success.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// What the report counts it under: `grpc 14`, `http 503`, `connection`, `late` or `not sent`.
    pub code: String,
    /// The server's words, or the operating system's.
    pub message: String,
}

impl Failure {
    /// The connection broke, or could not be made.
    pub fn connection(error: impl ToString) -> Failure {
        Failure { code: "connection".into(), message: error.to_string() }
    }

    /// It was answered, but after its deadline.
    pub fn late() -> Failure {
        Failure { code: "late".into(), message: "the answer came after the deadline".into() }
    }

    /// Its deadline passed before a place in flight was free for it.
    pub fn not_sent() -> Failure {
        Failure { code: "not sent".into(), message: "its deadline passed before a place in flight was free".into() }
    }
}
