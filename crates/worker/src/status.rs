//! How a load or a run failed, in the terms that every layer shares.

use seaway_wire::Code;

/// Longest message that a reply carries, in bytes.
///
/// Source: tensorflow_serving/model_servers/grpc_status_util.cc (the limit and its mark).
const MESSAGE_LIMIT: usize = 1024;
const TRUNCATED: &str = "...TRUNCATED";

/// A canonical code other than `Ok`, and what to tell the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.name())]
pub struct Status {
    /// The canonical code.
    pub code: Code,
    /// The engine's words, or ours.
    pub message: String,
}

impl Status {
    /// A status with `code` and `message`.
    pub fn new(code: Code, message: impl Into<String>) -> Status {
        Status { code, message: message.into() }
    }

    /// The message as a reply carries it: whole, or its first 1024 bytes and `...TRUNCATED`.
    pub fn wire_message(&self) -> String {
        if self.message.len() <= MESSAGE_LIMIT {
            return self.message.clone();
        }
        let mut end = MESSAGE_LIMIT;
        while !self.message.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}{TRUNCATED}", &self.message[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_on_a_character_and_says_so() {
        let short = "é".repeat(512);
        assert_eq!(Status::new(Code::Internal, short.clone()).wire_message(), short);
        let long = format!("x{}", "é".repeat(600));
        let cut = Status::new(Code::Internal, long).wire_message();
        assert_eq!(cut, format!("x{}...TRUNCATED", "é".repeat(511)));
    }
}
