//! One collector and the connection to it: OTLP over gRPC or HTTP, with or without TLS.
//!
//! A connection is kept and made anew when it broke. Everything is bounded: the time of a request, and what is read of an answer.
//!
//! Source: the OpenTelemetry protocol specification, OTLP/gRPC and OTLP/HTTP (binary).

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue, CONTENT_TYPE, HOST, TE, USER_AGENT};
use http::uri::Authority;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::otlp::{ExportResponse, GRPC_PATH};
use crate::settings::{OtlpProtocol, TracingSettings};

/// How long a request may take, its connection included.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What is read of an answer, in bytes.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Why spans were not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// They may be if they are sent again.
    Passing(String),
    /// They never will be.
    Refused(String),
}

/// One collector.
pub struct Collector {
    protocol: OtlpProtocol,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
    uri: Uri,
    headers: HeaderMap,
    sender: Option<Sender>,
}

/// A connection that is open.
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Collector {
    /// The collector that the settings name; nothing is sent yet.
    ///
    /// Errors: a sentence that names the setting that cannot be used.
    pub fn new(settings: &TracingSettings) -> Result<Collector, String> {
        let (protocol, endpoint) = (settings.protocol, settings.endpoint.as_str());
        let wrong = |why: &str| format!("tracing.endpoint {endpoint:?} cannot be used: {why}; use http://HOST:PORT");
        let given: Uri = endpoint.parse().map_err(|error| wrong(&format!("{error}")))?;
        let authority = given.authority().ok_or_else(|| wrong("it names no host"))?.clone();
        let is_https = match given.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("it begins with neither http:// nor https://")),
        };
        if authority.as_str().contains('@') {
            return Err(wrong("a user name in it is sent to nobody; use tracing.headers"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let path = match protocol {
            OtlpProtocol::Grpc => GRPC_PATH,
            OtlpProtocol::Http => given.path_and_query().map_or("/", |path| path.as_str()),
        };
        // HTTP/2 has the whole of it in the request, HTTP/1.1 the path, and the host in a header.
        let uri = match protocol {
            OtlpProtocol::Grpc => format!("{}://{authority}{path}", given.scheme_str().unwrap_or("http")),
            OtlpProtocol::Http => path.to_owned(),
        };
        let uri = uri.parse().map_err(|error| wrong(&format!("{error}")))?;
        let tls = is_https.then(|| tls(protocol)).transpose()?;
        Ok(Collector { protocol, host, port, tls, uri, headers: headers(settings, &authority)?, sender: None })
    }

    /// Sends a serialized request; how many of its spans were not taken.
    pub async fn send(&mut self, request: Bytes) -> Result<u64, Failure> {
        let sent = tokio::time::timeout(TIMEOUT, self.exchange(request)).await;
        let sent = sent.unwrap_or_else(|_| {
            let (host, port) = (&self.host, self.port);
            Err(Failure::Passing(format!("{host}:{port} did not answer within {} s", TIMEOUT.as_secs())))
        });
        if sent.is_err() {
            self.sender = None;
        }
        sent
    }

    async fn exchange(&mut self, request: Bytes) -> Result<u64, Failure> {
        let passing = |error: String| Failure::Passing(format!("{}:{}: {error}", self.host, self.port));
        let body = match self.protocol {
            OtlpProtocol::Grpc => framed(&request),
            OtlpProtocol::Http => request,
        };
        let mut message =
            Request::post(self.uri.clone()).body(Full::new(body)).map_err(|error| passing(error.to_string()))?;
        message.headers_mut().extend(self.headers.clone());
        let mut sender = match self.sender.take() {
            Some(sender) if !sender.is_closed() => sender,
            _ => self.connect().await.map_err(passing)?,
        };
        let answer = sender.send(message).await.map_err(|error| passing(error.to_string()))?;
        let (head, body) = answer.into_parts();
        let read = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(|error| passing(error.to_string()))?;
        let trailers = read.trailers().cloned();
        let body = read.to_bytes();
        self.sender = Some(sender);
        match self.protocol {
            OtlpProtocol::Http => by_http(head.status, &body),
            OtlpProtocol::Grpc => by_grpc(head.status, &head.headers, trailers.as_ref(), &body),
        }
    }

    async fn connect(&self) -> Result<Sender, String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| error.to_string())?;
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else { return self.greet(stream).await };
        let name = rustls_pki_types::ServerName::try_from(self.host.clone())
            .map_err(|_| format!("{} cannot be the name of a certificate", self.host))?;
        let stream = tls.connect(name, stream).await.map_err(|error| format!("TLS: {error}"))?;
        self.greet(stream).await
    }

    async fn greet(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Sender, String> {
        let stream = TokioIo::new(stream);
        let failed = |error: hyper::Error| error.to_string();
        match self.protocol {
            OtlpProtocol::Http => {
                let (sender, connection) = http1::handshake(stream).await.map_err(failed)?;
                drive(connection);
                Ok(Sender::Http1(sender))
            }
            OtlpProtocol::Grpc => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.map_err(failed)?;
                drive(connection);
                Ok(Sender::Http2(sender))
            }
        }
    }
}

/// Has a connection go on until its sender is dropped.
fn drive(connection: impl Future<Output = hyper::Result<()>> + Send + 'static) {
    tokio::spawn(async move {
        // Whoever sends is told what went wrong.
        let _ = connection.await;
    });
}

impl Sender {
    fn is_closed(&self) -> bool {
        match self {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        match self {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}

fn tls(protocol: OtlpProtocol) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    let (_, ignored) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        tracing::warn!(ignored, "the system has no certificate authorities: spans cannot be sent over https");
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS for tracing.endpoint: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    if protocol == OtlpProtocol::Grpc {
        config.alpn_protocols = vec![b"h2".to_vec()];
    }
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What is said with each request.
fn headers(settings: &TracingSettings, authority: &Authority) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let agent = concat!("seaway/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    match settings.protocol {
        OtlpProtocol::Grpc => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        OtlpProtocol::Http => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
            let host =
                HeaderValue::from_str(authority.as_str()).map_err(|error| format!("tracing.endpoint: {error}"))?;
            headers.insert(HOST, host);
        }
    }
    for (name, value) in &settings.headers {
        // Never the value: it is a secret, mostly.
        let wrong = || format!("tracing.headers: {name:?} cannot be sent as a header with the value that it has");
        let name: HeaderName = name.to_ascii_lowercase().parse().map_err(|_| wrong())?;
        let mut value: HeaderValue = value.reveal().parse().map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// A message as gRPC sends it: not compressed, and its length.
fn framed(message: &[u8]) -> Bytes {
    let mut body = BytesMut::with_capacity(message.len() + 5);
    body.put_u8(0);
    // One request has thousands of spans at most.
    body.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    body.put_slice(message);
    body.freeze()
}

/// What an answer over HTTP means.
fn by_http(status: StatusCode, body: &[u8]) -> Result<u64, Failure> {
    let why = format!("the collector answered with HTTP status {}", status.as_u16());
    match status.as_u16() {
        200..=299 => Ok(rejected(body)),
        429 | 502 | 503 | 504 => Err(Failure::Passing(why)),
        _ => Err(Failure::Refused(why)),
    }
}

/// What an answer over gRPC means.
fn by_grpc(status: StatusCode, head: &HeaderMap, trailers: Option<&HeaderMap>, body: &[u8]) -> Result<u64, Failure> {
    use tonic::Code::{Aborted, Cancelled, DataLoss, DeadlineExceeded, Ok as Fine, OutOfRange, Unavailable};
    if status != StatusCode::OK {
        return by_http(status, &[]);
    }
    let answered = trailers.and_then(tonic::Status::from_header_map).or_else(|| tonic::Status::from_header_map(head));
    let Some(answered) = answered else {
        return Err(Failure::Refused("the collector's answer is not gRPC's; is tracing.protocol right?".to_owned()));
    };
    let why = format!("the collector answered {:?}: {}", answered.code(), answered.message());
    match answered.code() {
        Fine => Ok(rejected(body.get(5..).unwrap_or_default())),
        Cancelled | DeadlineExceeded | Aborted | OutOfRange | Unavailable | DataLoss => Err(Failure::Passing(why)),
        tonic::Code::ResourceExhausted => Err(Failure::Passing(why)),
        _ => Err(Failure::Refused(why)),
    }
}

/// Spans that a collector that answered did not take.
fn rejected(body: &[u8]) -> u64 {
    let partial = ExportResponse::decode(body).ok().and_then(|answer| answer.partial_success);
    partial.map_or(0, |partial| u64::try_from(partial.rejected_spans).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traces::otlp::PartialSuccess;

    fn settings(endpoint: &str, protocol: OtlpProtocol) -> TracingSettings {
        TracingSettings { protocol, ..TracingSettings::example(endpoint) }
    }

    #[test]
    fn an_endpoint_is_a_url_and_its_path_is_http_s() {
        let made = |endpoint: &str, protocol| Collector::new(&settings(endpoint, protocol));
        let http = made("http://collector:4318/v1/traces", OtlpProtocol::Http).ok().unwrap();
        assert_eq!((http.host.as_str(), http.port, http.uri.to_string()), ("collector", 4318, "/v1/traces".into()));
        assert_eq!(http.headers["host"], "collector:4318");
        let grpc = made("http://[::1]:4317", OtlpProtocol::Grpc).ok().unwrap();
        assert_eq!((grpc.host.as_str(), grpc.port), ("::1", 4317));
        assert_eq!(grpc.uri.to_string(), format!("http://[::1]:4317{GRPC_PATH}"));
        assert_eq!(
            made("https://c", OtlpProtocol::Grpc).ok().map(|made| (made.port, made.tls.is_some())),
            Some((443, true))
        );
        for wrong in ["", "collector:4317", "ftp://c", "http://u:p@c", "http://", "http://a b"] {
            let Err(error) = made(wrong, OtlpProtocol::Http) else { panic!("{wrong}") };
            assert!(error.starts_with("tracing.endpoint"), "{error}");
        }
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_named_and_its_value_is_not() {
        let mut settings = settings("http://c:1", OtlpProtocol::Http);
        settings.headers = serde_json::from_str(r#"{"Api-Key": "k"}"#).unwrap();
        assert_eq!(Collector::new(&settings).ok().unwrap().headers["api-key"], "k");
        settings.headers = serde_json::from_str(r#"{"api-key": "hush\nhush"}"#).unwrap();
        let Err(error) = Collector::new(&settings) else { panic!("made") };
        assert!(error.contains("\"api-key\"") && !error.contains("hush"), "{error}");
    }

    #[test]
    fn an_answer_says_whether_another_try_may_help() {
        let passing = |answer: &Result<u64, Failure>| matches!(answer, Err(Failure::Passing(_)));
        for (status, expected) in [(429, true), (503, true), (400, false), (404, false), (500, false), (301, false)] {
            let answer = by_http(StatusCode::from_u16(status).unwrap(), b"");
            assert!(answer.is_err() && passing(&answer) == expected, "{status}");
        }
        for (code, expected) in [(14, true), (8, true), (4, true), (3, false), (12, false), (16, false)] {
            let trailers = HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), HeaderValue::from(code))]);
            let answer = by_grpc(StatusCode::OK, &HeaderMap::new(), Some(&trailers), b"");
            assert!(answer.is_err() && passing(&answer) == expected, "{code}");
        }
        assert!(matches!(by_grpc(StatusCode::OK, &HeaderMap::new(), None, b""), Err(Failure::Refused(_))));
    }

    #[test]
    fn spans_that_were_not_taken_are_told_of() {
        let partial = PartialSuccess { rejected_spans: 3, error_message: "full".into() };
        let answer = ExportResponse { partial_success: Some(partial) }.encode_to_vec();
        assert_eq!(by_http(StatusCode::OK, &answer), Ok(3));
        let fine = HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), HeaderValue::from(0))]);
        assert_eq!(by_grpc(StatusCode::OK, &HeaderMap::new(), Some(&fine), &framed(&answer)), Ok(3));
        assert_eq!(by_http(StatusCode::OK, b""), Ok(0));
    }
}
