//! REST's edge map: the HTTP status and the body of an error.
//!
//! Source: tensorflow_serving/model_servers/http_server.cc, ToHTTPStatusCode; util/json_tensor.cc, MakeJsonFromStatus.

use http::StatusCode;

use super::json::Writer;
use crate::status::{Code, Status};

/// nginx's number for a client that closed the connection; TensorFlow Serving uses it for CANCELLED.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// An error on its way to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub status: Status,
    /// An HTTP status that says more than the code's own.
    pub http: Option<StatusCode>,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Refusal {
        Refusal { status, http: None }
    }
}

/// The HTTP status of a code.
pub fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => StatusCode::from_u16(CLIENT_CLOSED_REQUEST).expect("below 1000"),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The body of an error.
pub fn error_body(status: &Status) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    writer.start_object();
    writer.string(b"error");
    writer.string(status.client_message().as_bytes());
    writer.end_object();
    out
}

/// The value of `Retry-After`: whole seconds, one at least.
pub fn retry_after_seconds(status: &Status) -> Option<u64> {
    status.retry_after.map(|wait| (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_code_has_the_http_status_that_tensorflow_serving_gives_it() {
        let statuses = Code::ALL.map(|code| http_status(code).as_u16());
        let expected = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
        assert_eq!(statuses, expected);
    }

    #[test]
    fn the_message_is_the_body_with_its_quotes_escaped() {
        let body = error_body(&Status::invalid_argument("Bad key: \"key\"\n\u{1}é"));
        assert_eq!(String::from_utf8(body).unwrap(), "{\n    \"error\": \"Bad key: \\\"key\\\"\\n\\u0001é\"\n}");
    }

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds() {
        let after = |wait| retry_after_seconds(&Status { retry_after: wait, ..Status::unavailable("") });
        assert_eq!(after(None), None);
        assert_eq!(after(Some(Duration::ZERO)), Some(1));
        assert_eq!(after(Some(Duration::from_millis(1001))), Some(2));
        assert_eq!(after(Some(Duration::from_secs(30))), Some(30));
    }
}
