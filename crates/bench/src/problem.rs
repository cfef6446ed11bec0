//! Why there is nothing to report.

/// A sentence for the user: what is wrong, with the value, and what would be right.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Problem(pub String);
