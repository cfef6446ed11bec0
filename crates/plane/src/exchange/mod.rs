//! One call as it is seen from outside: its name, who made it, what it asked for, where its time went and how it ended.
//!
//! The request path notes facts here and does not know what becomes of them: when the last byte of the answer is taken,
//! [`observer`] hands them to the access log ([`crate::access_log`]) and to traces ([`crate::traces`]). Only a call that one of
//! the two wants has an [`Exchange`]; all others carry a name and nothing more.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::header::USER_AGENT;
use http::{HeaderValue, Request, Version};
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::channel::BatchSize;
use crate::metrics::Api;
use crate::operations::operation::Id;
use crate::routes::ModelAddress;
use crate::status::{Code, Status};
use crate::traces::context::Trace;

pub mod observed;
pub mod observer;
pub mod random;
pub mod request_id;

pub use observer::Observer;
pub use request_id::RequestId;

/// Longest name or message of a client's that is kept, in bytes.
const MAX_TEXT_BYTES: usize = 256;

/// One call, from its headers until its answer is out.
#[derive(Debug)]
pub struct Exchange {
    /// Its name.
    pub id: RequestId,
    /// How it came.
    pub api: Api,
    /// The trace it belongs to.
    pub trace: Option<Trace>,
    /// What came with it.
    pub request: Head,
    /// When its headers were there.
    pub begun: Instant,
    /// And by the clock on the wall.
    pub begun_at: SystemTime,
    noted: Mutex<Noted>,
}

/// What came with a call.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// Who is at the other end of the connection; none over a unix socket, or when nobody is.
    pub peer: Option<SocketAddr>,
    /// HTTP's method.
    pub method: String,
    /// What it was sent to.
    pub path: String,
    /// Of HTTP.
    pub version: Version,
    /// What the client says it is.
    pub user_agent: String,
}

impl Head {
    /// What came with a request. Copied: a header may be a slice of a whole head, which would be kept in memory with it.
    pub fn of<B>(peer: Option<SocketAddr>, request: &Request<B>) -> Head {
        let agent = request.headers().get(USER_AGENT).map_or(&[][..], HeaderValue::as_bytes);
        Head {
            peer,
            method: bounded(request.method().as_str()).to_owned(),
            path: bounded(request.uri().path()).to_owned(),
            version: request.version(),
            user_agent: String::from_utf8_lossy(&agent[..agent.len().min(MAX_TEXT_BYTES)]).into_owned(),
        }
    }
}

/// What was found out about a call.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    /// Which call it is: `Predict`, `GetModelStatus`, ...; empty when it is none.
    pub call: &'static str,
    /// The form of its path, in REST.
    pub route: &'static str,
    /// The model that was asked.
    pub model: Arc<str>,
    /// The version that answered, or that was asked for.
    pub version: Option<i64>,
    /// The label that was asked for.
    pub label: String,
    /// The signature.
    pub signature: Arc<str>,
    /// What a worker did for it; a MultiInference has several.
    pub runs: SmallVec<[Ran; 1]>,
    /// What its client is told of an error.
    pub message: String,
    /// The operation that it began, or is.
    pub operation: Option<Id>,
}

/// One run of a model for a call.
#[derive(Clone, Copy, Debug)]
pub struct Ran {
    /// When the request's last byte was there.
    pub received: Instant,
    /// When it was decoded and checked.
    pub started: Instant,
    /// When its outputs were there.
    pub ran: Instant,
    /// When they were encoded.
    pub ended: Instant,
    /// Its wait for a slot.
    pub queue: Duration,
    /// Its wait for company while a slot was free.
    pub batch: Duration,
    /// Its time in the engine.
    pub run: Duration,
    /// Its rows.
    pub rows: u64,
    /// Bytes of tensors in and out.
    pub bytes: [u64; 2],
    /// What it shared its run with, where it is the one to tell.
    pub shared: Option<BatchSize>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// As a canonical code.
    pub code: Code,
    /// As HTTP's status, in REST; none when there was no answer.
    pub http: Option<u16>,
    /// When.
    pub at: Instant,
}

impl Exchange {
    /// A call that begins now.
    pub fn begin(id: RequestId, api: Api, trace: Option<Trace>, request: Head) -> Exchange {
        let (begun, begun_at) = (Instant::now(), SystemTime::now());
        Exchange { id, api, trace, request, begun, begun_at, noted: Mutex::default() }
    }

    /// What is known so far.
    pub fn noted(&self) -> Noted {
        self.noted.lock().clone()
    }

    /// Looks at what is known so far, without a copy.
    pub fn with_noted<T>(&self, look: impl FnOnce(&Noted) -> T) -> T {
        look(&self.noted.lock())
    }

    /// Which call it is.
    pub fn is_call(&self, call: &'static str, route: &'static str) {
        let mut noted = self.noted.lock();
        (noted.call, noted.route) = (call, route);
    }

    /// What it asks for.
    pub fn asks(&self, address: &ModelAddress, signature: &str) {
        let mut noted = self.noted.lock();
        noted.model = bounded(&address.name).into();
        noted.version = address.version;
        noted.label = address.label.as_deref().map_or_else(String::new, |label| bounded(label).to_owned());
        noted.signature = bounded(signature).into();
    }

    /// Who answers it.
    pub fn goes_to(&self, model: &Arc<str>, version: i64, signature: Option<&Arc<str>>) {
        let mut noted = self.noted.lock();
        noted.model = Arc::clone(model);
        noted.version = Some(version);
        if let Some(signature) = signature {
            noted.signature = Arc::clone(signature);
        }
    }

    /// A run that ended.
    pub fn ran(&self, ran: Ran) {
        self.noted.lock().runs.push(ran);
    }

    /// Why there is no other answer.
    pub fn failed(&self, status: &Status) {
        bounded(&status.message).clone_into(&mut self.noted.lock().message);
    }

    /// The operation that it is about.
    pub fn is_operation(&self, id: Id) {
        self.noted.lock().operation = Some(id);
    }
}

/// The beginning of a text, whole characters only.
fn bounded(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
pub(crate) mod examples {
    use super::*;

    /// A call whose times are whole milliseconds: received 1, decoded 2, queued 3, joined 4, run 10, encoded 5 after one another.
    pub fn predict(api: Api, trace: Option<Trace>) -> (Exchange, End) {
        let request = Head {
            peer: Some("127.0.0.1:4711".parse().unwrap()),
            method: "POST".into(),
            path: "/v1/models/two:predict".into(),
            version: Version::HTTP_11,
            user_agent: "curl/8".into(),
        };
        let mut exchange = Exchange::begin(RequestId::kept("r-1"), api, trace, request);
        exchange.begun_at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let at = |ms| exchange.begun + Duration::from_millis(ms);
        exchange.is_call("Predict", "/v1/models/{model}:predict");
        exchange.goes_to(&"two".into(), 7, Some(&"serving_default".into()));
        exchange.ran(Ran {
            received: at(1),
            started: at(3),
            ran: at(20),
            ended: at(25),
            queue: Duration::from_millis(3),
            batch: Duration::from_millis(4),
            run: Duration::from_millis(10),
            rows: 2,
            bytes: [8, 16],
            shared: Some(BatchSize { requests: 3, rows: 6, padded: 8 }),
        });
        let end = End { code: Code::Ok, http: (api == Api::Rest).then_some(200), at: at(26) };
        (exchange, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_is_kept_within_bounds() {
        let (exchange, _) = examples::predict(Api::Grpc, None);
        let long = "é".repeat(MAX_TEXT_BYTES);
        let address = ModelAddress { name: long.clone(), version: None, label: Some(long.clone()) };
        exchange.asks(&address, &format!("x{long}"));
        exchange.failed(&Status::internal(long));
        let noted = exchange.noted();
        let lengths = [noted.model.len(), noted.label.len(), noted.signature.len(), noted.message.len()];
        assert_eq!(lengths, [256, 256, 255, 256]);
        let long = "x".repeat(2 * MAX_TEXT_BYTES);
        let request = Request::builder().method(long.as_str()).uri(format!("/{long}")).header(USER_AGENT, &long);
        let head = Head::of(None, &request.body(()).unwrap());
        assert_eq!([head.method.len(), head.path.len(), head.user_agent.len()], [256; 3]);
    }
}
