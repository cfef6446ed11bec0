//! Unary gRPC calls, written straight onto HTTP/2: the request's bytes are built once, the response's are skipped.
//!
//! Source: grpc/doc/PROTOCOL-HTTP2.md.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::{Builder, SendRequest};
use h2::RecvStream;
use http::header::{HeaderName, HeaderValue, CONTENT_TYPE, TE};
use http::{HeaderMap, Method, Request, Uri, Version};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::connect::{Dialer, Protocol, PAUSE};
use crate::failure::Failure;
use crate::load::{self, Place, Progress};
use crate::options::Load;
use crate::problem::Problem;
use crate::turn::Turn;

/// Bytes of answers that may be under way: large, so that no answer waits for a window update.
const WINDOW_BYTES: u32 = 64 << 20;
/// Before each message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;
/// The header with the time that a server has for its answer, and the first number that is too long for it.
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const MAX_TIMEOUT: u128 = 100_000_000;

/// Loads the server that `load` names with calls of `messages` in turn.
pub async fn measure(
    load: &Load,
    messages: &[Vec<u8>],
    watch: &mut dyn FnMut(Progress) -> bool,
) -> Result<Value, Problem> {
    let dialer = Dialer::new(&load.target, load.allow_remote, load.tls.as_ref(), Protocol::Http2)?;
    let dialer = Rc::new(dialer);
    let requests = messages.iter().map(|message| framed(message)).collect();
    let call = Call { uri: uri(&dialer, &load.path)?, turn: Rc::new(Turn::new(requests)) };
    let mut places = vec![];
    for _ in 0..load.connections {
        let sender = open(&dialer).await.map_err(|error| Problem(format!("{dialer}: {error}")))?;
        let line = Rc::new(Line::new(dialer.clone(), sender));
        places.extend((0..load.streams).map(|_| GrpcPlace::new(line.clone(), call.clone())));
    }
    let mut report = load::run(places, load, watch).await?;
    report["api"] = "grpc".into();
    report["request_bytes"] = (messages.iter().map(Vec::len).sum::<usize>() / messages.len()).into();
    Ok(report)
}

/// One call of `method`, for its answer.
///
/// Raises: Failure - the server's status, or a connection that failed or took longer than `limit`.
pub fn call(dialer: Dialer, method: &str, message: &[u8], limit: Duration) -> Result<Vec<u8>, Failure> {
    let ask = async {
        let call = Call {
            uri: uri(&dialer, method).map_err(Failure::connection)?,
            turn: Rc::new(Turn::new(vec![framed(message)])),
        };
        let sender = open(&dialer).await?;
        let mut place = GrpcPlace::new(Rc::new(Line::new(Rc::new(dialer), sender)), call);
        let mut answer = vec![];
        place.send(None, &mut |chunk| answer.extend_from_slice(chunk)).await?;
        // Behind its prefix: this client takes no compressed answers, so it is the message.
        Ok(answer.split_off(answer.len().min(PREFIX_BYTES)))
    };
    let late = || Failure::connection(format!("no answer within {} s", limit.as_secs_f64()));
    let within = async { Ok(tokio::time::timeout(limit, ask).await.unwrap_or_else(|_| Err(late()))) };
    crate::in_one_thread(within).unwrap_or_else(|problem| Err(Failure::connection(problem)))
}

fn uri(dialer: &Dialer, method: &str) -> Result<Uri, Problem> {
    let text = format!("{}://{}{method}", dialer.scheme(), dialer.authority());
    text.parse().map_err(|error| Problem(format!("{method:?} is not a method's path: {error}")))
}

/// A message with its prefix: not compressed, and its length.
fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    frame.freeze()
}

async fn open(dialer: &Dialer) -> Result<SendRequest<Bytes>, Failure> {
    let stream = dialer.dial().await.map_err(Failure::connection)?;
    let mut builder = Builder::new();
    builder.initial_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES).enable_push(false);
    let (sender, connection) = builder.handshake(stream).await.map_err(Failure::connection)?;
    // Its error reaches every request on it, and is reported there.
    tokio::task::spawn_local(connection);
    Ok(sender)
}

/// What the requests of a load say.
#[derive(Clone)]
struct Call {
    uri: Uri,
    turn: Rc<Turn>,
}

impl Call {
    fn head(&self, deadline: Option<Instant>) -> Request<()> {
        let mut head = Request::new(());
        *head.method_mut() = Method::POST;
        *head.uri_mut() = self.uri.clone();
        *head.version_mut() = Version::HTTP_2;
        head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        head.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
        if let Some(left) = deadline.and_then(|deadline| timeout(deadline.saturating_duration_since(Instant::now()))) {
            head.headers_mut().insert(TIMEOUT, left);
        }
        head
    }
}

/// A time as `grpc-timeout` writes it, with at most eight digits; none for one that would need more.
fn timeout(left: Duration) -> Option<HeaderValue> {
    let (micros, millis) = (left.as_micros(), left.as_millis());
    let text = if micros < MAX_TIMEOUT { format!("{micros}u") } else { format!("{millis}m") };
    (millis < MAX_TIMEOUT).then(|| HeaderValue::from_str(&text).ok()).flatten()
}

/// A connection that places share, and how it is opened anew.
struct Line {
    dialer: Rc<Dialer>,
    sender: RefCell<SendRequest<Bytes>>,
    /// How often it was opened again.
    opened: Cell<u64>,
    /// Held by the place that opens it.
    opening: Mutex<()>,
}

impl Line {
    fn new(dialer: Rc<Dialer>, sender: SendRequest<Bytes>) -> Line {
        Line { dialer, sender: RefCell::new(sender), opened: Cell::new(0), opening: Mutex::new(()) }
    }
}

/// One stream at a time on a shared connection.
struct GrpcPlace {
    line: Rc<Line>,
    /// The line's connection when it had been opened `opened` times.
    sender: SendRequest<Bytes>,
    opened: u64,
    call: Call,
}

impl GrpcPlace {
    fn new(line: Rc<Line>, call: Call) -> GrpcPlace {
        let (sender, opened) = (line.sender.borrow().clone(), line.opened.get());
        GrpcPlace { line, sender, opened, call }
    }

    /// Sends the request, gives what the answer's body has to `take`, and judges its status.
    async fn send(&mut self, deadline: Option<Instant>, take: &mut impl FnMut(&[u8])) -> Result<(), Failure> {
        poll_fn(|context| self.sender.poll_ready(context)).await.map_err(Failure::connection)?;
        let (response, mut body) =
            self.sender.send_request(self.call.head(deadline), false).map_err(Failure::connection)?;
        body.send_data(self.call.turn.take(), true).map_err(Failure::connection)?;
        let response = response.await.map_err(Failure::connection)?;
        let (head, mut answer) = response.into_parts();
        if head.status != http::StatusCode::OK {
            return Err(Failure { code: format!("http {}", head.status.as_u16()), message: String::new() });
        }
        read(&mut answer, take).await.map_err(Failure::connection)?;
        match answer.trailers().await.map_err(Failure::connection)? {
            Some(trailers) => status(&trailers),
            None => status(&head.headers),
        }
    }
}

impl Place for GrpcPlace {
    async fn ask(&mut self, deadline: Option<Instant>) -> Result<(), Failure> {
        self.send(deadline, &mut |_| {}).await
    }

    /// Takes the line's newer connection, or opens one for all its places; waits a moment when that fails.
    async fn recover(&mut self) -> bool {
        let line = self.line.clone();
        let alone = line.opening.lock().await;
        if line.opened.get() == self.opened {
            match open(&line.dialer).await {
                Ok(sender) => {
                    line.sender.replace(sender);
                    line.opened.set(self.opened + 1);
                }
                Err(_) => {
                    drop(alone);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        self.sender = line.sender.borrow().clone();
        self.opened = line.opened.get();
        true
    }
}

/// Reads a body to its end and makes room for the next.
async fn read(body: &mut RecvStream, take: &mut impl FnMut(&[u8])) -> Result<(), h2::Error> {
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        take(&chunk);
        body.flow_control().release_capacity(chunk.len())?;
    }
    Ok(())
}

/// The call's status, from the trailers (or the headers of an answer that has nothing else).
fn status(headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    match text("grpc-status") {
        "0" => Ok(()),
        code => Err(Failure { code: format!("grpc {code}"), message: percent_decoded(text("grpc-message")) }),
    }
}

/// A status message as its sender meant it: on the wire, bytes outside of printable ASCII are `%` and two hexadecimal digits.
fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_prefixed_with_its_length() {
        assert_eq!(framed(b"abc"), b"\0\0\0\0\x03abc".as_slice());
    }

    #[test]
    fn a_timeout_has_at_most_eight_digits() {
        let written = |micros| timeout(Duration::from_micros(micros)).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(written(1500).as_deref(), Some("1500u"));
        assert_eq!(written(100_000_000).as_deref(), Some("100000m"));
        assert_eq!(written(100_000_000_000), None);
    }

    #[test]
    fn only_status_zero_is_success() {
        let mut headers = HeaderMap::new();
        assert_eq!(status(&headers).unwrap_err().code, "grpc ");
        headers.insert("grpc-status", HeaderValue::from_static("0"));
        assert_eq!(status(&headers), Ok(()));
        headers.insert("grpc-status", HeaderValue::from_static("14"));
        headers.insert("grpc-message", HeaderValue::from_static("gone"));
        assert_eq!(status(&headers), Err(Failure { code: "grpc 14".into(), message: "gone".into() }));
    }

    /// Answers one call on each of `connections` connections, and hangs up after it.
    async fn answer_and_hang_up(listener: tokio::net::TcpListener, connections: usize) {
        for _ in 0..connections {
            let (stream, _) = listener.accept().await.expect("somebody connects");
            let mut server = h2::server::handshake(stream).await.expect("it speaks HTTP/2");
            let (_, mut respond) = server.accept().await.expect("a call comes").expect("the call is whole");
            let mut head = http::Response::new(());
            head.headers_mut().insert("grpc-status", HeaderValue::from_static("0"));
            respond.send_response(head, true).expect("the client listens");
            server.graceful_shutdown();
            while server.accept().await.is_some() {}
        }
    }

    #[test]
    fn places_of_a_broken_connection_share_the_next_one() {
        let outcome = crate::in_one_thread(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
            let address = listener.local_addr().expect("it is bound").to_string();
            let dialer = Rc::new(Dialer::new(&address, false, None, Protocol::Http2).unwrap());
            let serving = tokio::task::spawn_local(answer_and_hang_up(listener, 2));
            let call = Call { uri: uri(&dialer, "/m").unwrap(), turn: Rc::new(Turn::new(vec![framed(b"")])) };
            let line = Rc::new(Line::new(dialer.clone(), open(&dialer).await.unwrap()));
            let mut places = [GrpcPlace::new(line.clone(), call.clone()), GrpcPlace::new(line.clone(), call)];
            let first = places[0].ask(None).await;
            let broken = places[0].ask(None).await;
            let recovered = (places[1].recover().await, places[0].recover().await, line.opened.get());
            let again = places[0].ask(None).await;
            serving.abort();
            Ok((first, broken.map_err(|failure| failure.code), recovered, again))
        });
        assert_eq!(outcome.unwrap(), (Ok(()), Err("connection".into()), (true, true, 1), Ok(())));
    }

    #[test]
    fn a_status_message_is_read_as_it_was_meant() {
        for (wire, meant) in
            [("not%20found: %C3%A9", "not found: é"), ("100%", "100%"), ("%zz %4", "%zz %4"), ("%é", "%é"), ("", "")]
        {
            assert_eq!(percent_decoded(wire), meant, "{wire}");
        }
    }
}
