//! The one error of the request path: a canonical code and a message for the client.
//!
//! Neutral on purpose: `grpc` and `rest` each map it at their own edge.

use std::time::Duration;

pub use seaway_wire::Code;

/// Longest message that a client is sent, in bytes, before it is cut.
///
/// Source: tensorflow_serving/model_servers/grpc_status_util.cc, ToGRPCStatus.
const MAX_MESSAGE_BYTES: usize = 1024;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Never `Ok`.
    pub code: Code,
    /// For the client; names the value, the bound and the fix where there is one.
    pub message: String,
    /// When trying again may help: after how long.
    pub retry_after: Option<Duration>,
    /// Whether the model's engine said it, and not the plane: the same code may then be another one's fault.
    pub by_engine: bool,
}

/// The result of a step of the request path.
pub type Result<T> = std::result::Result<T, Status>;

impl Status {
    /// A status with this code and message.
    pub fn new(code: Code, message: impl Into<String>) -> Status {
        Status { code, message: message.into(), retry_after: None, by_engine: false }
    }

    /// INVALID_ARGUMENT: the request can never succeed as it is.
    pub fn invalid_argument(message: impl Into<String>) -> Status {
        Status::new(Code::InvalidArgument, message)
    }

    /// NOT_FOUND: no such model, version or signature.
    pub fn not_found(message: impl Into<String>) -> Status {
        Status::new(Code::NotFound, message)
    }

    /// FAILED_PRECONDITION: the server is not in a state to answer this.
    pub fn failed_precondition(message: impl Into<String>) -> Status {
        Status::new(Code::FailedPrecondition, message)
    }

    /// UNIMPLEMENTED: understood, but not something this server does.
    pub fn unimplemented(message: impl Into<String>) -> Status {
        Status::new(Code::Unimplemented, message)
    }

    /// UNAVAILABLE: trying again may help.
    pub fn unavailable(message: impl Into<String>) -> Status {
        Status::new(Code::Unavailable, message)
    }

    /// INTERNAL: a fault of this server.
    pub fn internal(message: impl Into<String>) -> Status {
        Status::new(Code::Internal, message)
    }

    /// DEADLINE_EXCEEDED: the client's time ran out.
    pub fn deadline_exceeded(message: impl Into<String>) -> Status {
        Status::new(Code::DeadlineExceeded, message)
    }

    /// The message as a client is sent it, cut like TensorFlow Serving cuts it.
    pub fn client_message(&self) -> std::borrow::Cow<'_, str> {
        if self.message.len() <= MAX_MESSAGE_BYTES {
            return (&self.message).into();
        }
        let mut end = MAX_MESSAGE_BYTES;
        while !self.message.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}...TRUNCATED", &self.message[..end]).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_on_a_character() {
        let status = Status::internal("é".repeat(600));
        assert_eq!(status.client_message().len(), 1024 + "...TRUNCATED".len());
        assert_eq!(Status::internal("short").client_message(), "short");
    }
}
