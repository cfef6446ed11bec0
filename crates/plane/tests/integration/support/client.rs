//! gRPC as a client speaks it, by hand: every byte of a request is the test's own.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::time::Duration;

use bytes::{BufMut, Bytes};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2::{handshake, SendRequest};
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use seaway_plane::pb::tensorflow::serving as pb;
use tokio::io::{AsyncRead, AsyncWrite};

/// The errors of a body that a test breaks on purpose.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// Any body.
pub type Body = BoxBody<Bytes, BodyError>;

/// One connection.
#[derive(Clone)]
pub struct Client {
    sender: SendRequest<Body>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// HTTP's own status.
    pub http: StatusCode,
    /// gRPC's.
    pub code: i32,
    /// And why.
    pub message: String,
    /// Headers and trailers.
    pub metadata: HeaderMap,
    /// The message's frames.
    pub body: Bytes,
}

impl Client {
    /// Speaks HTTP/2 over any stream.
    pub async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> hyper::Result<Client> {
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Client { sender })
    }

    /// Connects over TCP.
    pub async fn tcp(address: &str) -> Client {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        // Else a message waits 40 ms for the acknowledgement of its headers.
        stream.set_nodelay(true).unwrap();
        Client::over(stream).await.unwrap()
    }

    /// Calls a method with one message.
    pub async fn call(&self, method: &str, request: &impl Message) -> Answer {
        self.call_with(method, &[], full(framed(0, &request.encode_to_vec()))).await
    }

    /// Calls a method with these headers and this body.
    pub async fn call_with(&self, method: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        self.try_call(method, headers, body).await.unwrap()
    }

    /// The same; the connection may end.
    pub async fn try_call(&self, method: &str, headers: &[(&str, &str)], body: Body) -> hyper::Result<Answer> {
        let mut request = Request::post(format!("http://localhost{method}")).header("te", "trailers");
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/grpc");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.sender.clone().send_request(request.body(body).unwrap()).await?;
        let (head, body) = response.into_parts();
        let collected = body.collect().await?;
        let mut metadata = head.headers;
        if let Some(trailers) = collected.trailers() {
            metadata.extend(trailers.clone());
        }
        let text = |name: &str| metadata.get(name).map(|value| value.to_str().unwrap().to_owned());
        let code = text("grpc-status").map_or(-1, |code| code.parse().unwrap());
        let message = text("grpc-message").map_or_else(String::new, |message| percent_decoded(&message));
        Ok(Answer { http: head.status, code, message, body: collected.to_bytes(), metadata })
    }

    /// Predict.
    pub async fn predict(&self, request: &pb::PredictRequest) -> Answer {
        self.call(PREDICT, request).await
    }
}

/// Predict's path.
pub const PREDICT: &str = "/tensorflow.serving.PredictionService/Predict";

impl Answer {
    /// The one message of a call that went well.
    pub fn decoded<M: Message + Default>(&self) -> M {
        assert_eq!((self.code, self.message.as_str()), (0, ""), "{self:?}");
        M::decode(&self.payload()[..]).unwrap()
    }

    /// The first message's bytes, unpacked.
    pub fn payload(&self) -> Vec<u8> {
        let len = u32::from_be_bytes(self.body[1..5].try_into().unwrap()) as usize;
        let payload = &self.body[5..5 + len];
        match self.body[0] {
            0 => payload.to_vec(),
            _ => {
                let mut plain = Vec::new();
                flate2::read::GzDecoder::new(payload).read_to_end(&mut plain).unwrap();
                plain
            }
        }
    }

    /// The float outputs of a Predict call, and the spec that answered.
    pub fn predicted(&self) -> (HashMap<String, Vec<f32>>, pb::ModelSpec) {
        let response: Response = self.decoded();
        let outputs = response.outputs.into_iter().map(|(name, tensor)| (name, tensor.float_val)).collect();
        (outputs, response.model_spec.unwrap())
    }
}

/// PredictResponse, as far as the tests read it.
#[derive(Clone, PartialEq, Message)]
struct Response {
    #[prost(map = "string, message", tag = "1")]
    outputs: HashMap<String, Tensor>,
    #[prost(message, optional, tag = "2")]
    model_spec: Option<pb::ModelSpec>,
}

#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(float, repeated, tag = "5")]
    float_val: Vec<f32>,
}

/// A message with its five bytes of header.
pub fn framed(flag: u8, payload: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(payload.len() + 5);
    bytes.put_u8(flag);
    bytes.put_u32(payload.len() as u32);
    bytes.put_slice(payload);
    bytes.into()
}

/// The same, packed.
pub fn framed_gzip(payload: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(payload).unwrap();
    framed(1, &encoder.finish().unwrap())
}

/// A body of these bytes.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(BodyError::from).boxed()
}

/// A body of no bytes.
pub fn empty() -> Body {
    Empty::new().map_err(BodyError::from).boxed()
}

/// A body that begins so and never ends.
pub fn unfinished(bytes: impl Into<Bytes>) -> Body {
    let begun = tokio_stream::once(Ok(Frame::data(bytes.into())));
    StreamBody::new(tokio_stream::StreamExt::chain(begun, tokio_stream::pending())).boxed()
}

/// A Predict request for model `m` on float inputs.
pub fn request(signature: &str, inputs: &[(&str, &[f32])]) -> pb::PredictRequest {
    pb::PredictRequest {
        model_spec: Some(spec("m", signature)),
        inputs: inputs.iter().map(|(name, values)| ((*name).to_owned(), super::float_proto(values))).collect(),
        ..pb::PredictRequest::default()
    }
}

/// A spec without a version.
pub fn spec(name: &str, signature: &str) -> pb::ModelSpec {
    pb::ModelSpec { name: name.to_owned(), signature_name: signature.to_owned(), version_choice: None }
}

/// Waits until `check` holds: state changes on other threads.
pub async fn eventually(what: &str, check: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !check() {
            tokio::task::yield_now().await;
        }
    });
    assert!(waited.await.is_ok(), "never came: {what}");
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next().unwrap(), rest.next().unwrap()];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
    }
    String::from_utf8(bytes).unwrap()
}
