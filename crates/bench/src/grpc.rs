//! Unary gRPC calls, written straight onto HTTP/2: the request's bytes are built once, the response's are skipped.
//!
//! Source: grpc/doc/PROTOCOL-HTTP2.md.

use std::future::poll_fn;
use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::{Builder, SendRequest};
use h2::RecvStream;
use http::header::{HeaderValue, CONTENT_TYPE, TE};
use http::{HeaderMap, Method, Request, Uri, Version};
use serde_json::Value;

use crate::cli::{GrpcOptions, RequestOptions};
use crate::connect::{connect, loopback};
use crate::failure::Failure;
use crate::load::{self, Place};
use crate::predict_request;
use crate::problem::Problem;

/// Bytes of answers that may be under way: large, so that no answer waits for a window update.
const WINDOW_BYTES: u32 = 64 << 20;

/// Loads the server that `options` name.
pub async fn measure(options: &GrpcOptions) -> Result<Value, Problem> {
    let address = loopback(&options.target)?;
    let message = message(&options.request)?;
    let uri: Uri = format!("http://{}{}", options.target, options.method)
        .parse()
        .map_err(|error| Problem(format!("{:?} is not a method's path: {error}", options.method)))?;
    let call = Call { uri, body: framed(&message) };
    let mut places = vec![];
    for _ in 0..options.load.connections {
        let sender = open(address).await.map_err(|error| Problem(format!("{address}: {error}")))?;
        places.extend((0..options.streams).map(|_| GrpcPlace { sender: sender.clone(), call: call.clone() }));
    }
    let mut report = load::run(places, &options.load).await?;
    report["api"] = "grpc".into();
    report["request_bytes"] = message.len().into();
    Ok(report)
}

fn message(request: &RequestOptions) -> Result<Vec<u8>, Problem> {
    match &request.body {
        Some(path) => std::fs::read(path).map_err(|error| Problem(format!("{}: {error}", path.display()))),
        None => Ok(predict_request::encode(&request.model, request.model_version, &request.signature, &request.inputs)),
    }
}

/// A message with its prefix: not compressed, and its length.
fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    frame.freeze()
}

async fn open(address: SocketAddr) -> Result<SendRequest<Bytes>, Failure> {
    let stream = connect(address).await.map_err(Failure::connection)?;
    let mut builder = Builder::new();
    builder.initial_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES).enable_push(false);
    let (sender, connection) = builder.handshake(stream).await.map_err(Failure::connection)?;
    // Its error reaches every request on it, and is reported there.
    tokio::task::spawn_local(connection);
    Ok(sender)
}

/// What every request of a load says.
#[derive(Clone)]
struct Call {
    uri: Uri,
    body: Bytes,
}

impl Call {
    fn head(&self) -> Request<()> {
        let mut head = Request::new(());
        *head.method_mut() = Method::POST;
        *head.uri_mut() = self.uri.clone();
        *head.version_mut() = Version::HTTP_2;
        head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        head.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
        head
    }
}

/// One stream at a time on a connection that other places share.
struct GrpcPlace {
    sender: SendRequest<Bytes>,
    call: Call,
}

impl Place for GrpcPlace {
    async fn ask(&mut self) -> Result<(), Failure> {
        poll_fn(|context| self.sender.poll_ready(context)).await.map_err(Failure::connection)?;
        let (response, mut body) = self.sender.send_request(self.call.head(), false).map_err(Failure::connection)?;
        body.send_data(self.call.body.clone(), true).map_err(Failure::connection)?;
        let response = response.await.map_err(Failure::connection)?;
        let (head, mut answer) = response.into_parts();
        if head.status != http::StatusCode::OK {
            return Err(Failure { code: format!("http {}", head.status.as_u16()), message: String::new() });
        }
        skip(&mut answer).await.map_err(Failure::connection)?;
        match answer.trailers().await.map_err(Failure::connection)? {
            Some(trailers) => status(&trailers),
            None => status(&head.headers),
        }
    }

    async fn recover(&mut self) -> bool {
        // The connection is shared: one that broke takes all its places with it, and the report says so.
        false
    }
}

/// Reads a body to its end and makes room for the next.
async fn skip(body: &mut RecvStream) -> Result<(), h2::Error> {
    while let Some(chunk) = body.data().await {
        body.flow_control().release_capacity(chunk?.len())?;
    }
    Ok(())
}

/// The call's status, from the trailers (or the headers of an answer that has nothing else).
fn status(headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    match text("grpc-status") {
        "0" => Ok(()),
        code => Err(Failure { code: format!("grpc {code}"), message: text("grpc-message").into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_prefixed_with_its_length() {
        assert_eq!(framed(b"abc"), b"\0\0\0\0\x03abc".as_slice());
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
}
