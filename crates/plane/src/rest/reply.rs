//! What the calls of the REST interface answer with, and where long bodies are worked on.

use http::header::HeaderValue;
use http::{HeaderName, StatusCode};

/// Bodies beyond this many bytes are not worked on by a thread that others wait for.
const LARGE_BODY_BYTES: usize = 256 << 10;

/// A reply's body and what it is.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
    pub(super) content_type: HeaderValue,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Reply {
    pub(super) fn json(body: Vec<u8>) -> Reply {
        let content_type = HeaderValue::from_static("application/json");
        Reply { status: StatusCode::OK, body, content_type, headers: Vec::new() }
    }
}

/// Runs work on a body of this length; long work does not hold up the runtime's other tasks.
pub(super) fn off_the_runtime<T>(body_len: usize, work: impl FnOnce() -> T) -> T {
    if body_len > LARGE_BODY_BYTES {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}
