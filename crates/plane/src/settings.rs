//! What the plane is told once, at its start, as one JSON document.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::tokens::Secret;

/// Settings of one plane; the names are those of the JSON document.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlaneSettings {
    /// Where gRPC listens, for example `0.0.0.0:8500`; port 0 picks a free one.
    pub grpc_address: Option<String>,
    /// A unix socket for gRPC as well; empty for none.
    pub grpc_socket: String,
    /// Where REST listens.
    pub rest_address: Option<String>,
    /// A unix socket for REST as well; empty for none.
    pub rest_socket: String,
    /// Threads that decode, route and encode.
    pub threads: usize,
    /// Largest request and response message, in bytes.
    pub max_message_bytes: usize,
    /// Largest request after decompression, in bytes.
    pub max_decompressed_bytes: usize,
    /// Longest time a REST request may take, in milliseconds.
    pub rest_timeout_ms: u64,
    /// Answer browsers' cross-origin questions.
    pub cors: bool,
    /// Path of the Prometheus text on the REST port; none turns it off.
    pub metrics_path: Option<String>,
    /// Write outputs as `tensor_content` instead of typed fields.
    pub tensor_content_outputs: bool,
    /// Certificates for gRPC.
    pub tls: Option<TlsSettings>,
    /// Offer gRPC server reflection.
    pub reflection: bool,
    /// Longest time until a request's headers are complete, in milliseconds.
    pub header_read_timeout_ms: u64,
    /// Refuse Classify and Regress on signatures of another method.
    pub check_method_names: bool,
    /// Let clients of the REST API change how the server works.
    pub admin_calls: bool,
    /// Requests that are accepted now and answered later; none when there is nowhere to keep them.
    pub operations: Option<OperationsSettings>,
    /// Tokens of which a request must carry one; none lets everybody in. Probes and metrics need none.
    pub tokens: Vec<Secret>,
    /// Bounds of the logs of requests, and what is left out of them.
    pub request_log: RequestLogSettings,
    /// A line for each request.
    pub access_log: AccessLogSettings,
    /// Spans for some; none when they are sent nowhere.
    pub tracing: Option<TracingSettings>,
}

/// How each request is logged in a line.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessLogSettings {
    /// The file; `-` for the standard output, empty for none.
    pub path: String,
    /// The share of requests that end well which is logged, 0 to 1; errors always are.
    pub sampling: f64,
}

impl Default for AccessLogSettings {
    fn default() -> Self {
        AccessLogSettings { path: String::new(), sampling: 1.0 }
    }
}

/// Which requests are traced, and where their spans go.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracingSettings {
    /// The collector's URL, whole.
    pub endpoint: String,
    /// What it is spoken to in.
    pub protocol: OtlpProtocol,
    /// Said with each request to it.
    pub headers: BTreeMap<String, Secret>,
    /// The share of traces that is kept, 0 to 1.
    pub sampling_ratio: f64,
    /// Whether a request's parent decides instead, where there is one.
    pub parent_based: bool,
    /// What is said of this server.
    pub resource: BTreeMap<String, String>,
}

/// How spans are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum OtlpProtocol {
    /// gRPC.
    #[serde(rename = "grpc")]
    Grpc,
    /// HTTP, with messages in protobuf.
    #[serde(rename = "http/protobuf")]
    Http,
}

#[cfg(test)]
impl TracingSettings {
    /// Everything is kept and sent there.
    pub fn example(endpoint: &str) -> TracingSettings {
        TracingSettings {
            endpoint: endpoint.to_owned(),
            protocol: OtlpProtocol::Http,
            headers: BTreeMap::new(),
            sampling_ratio: 1.0,
            parent_based: true,
            resource: BTreeMap::from([("service.name".to_owned(), "seaway".to_owned())]),
        }
    }
}

/// How requests are logged; which ones, and where to, says each model.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestLogSettings {
    /// A file of so many bytes is complete.
    pub max_file_bytes: u64,
    /// So is one of so many records.
    pub max_file_records: u64,
    /// And one that was begun so long ago, in milliseconds.
    pub max_file_age_ms: u64,
    /// Bytes of all files with one prefix; the oldest are removed.
    pub max_total_bytes: u64,
    /// Bytes of requests and answers that may wait to be written.
    pub queue_bytes: usize,
    /// Names of inputs, outputs and features whose values are not logged.
    pub mask: Vec<String>,
    /// Passed on into each record.
    pub saved_model_tags: Vec<String>,
}

impl Default for RequestLogSettings {
    fn default() -> Self {
        RequestLogSettings {
            max_file_bytes: 64 << 20,
            max_file_records: 1000,
            max_file_age_ms: 300_000,
            max_total_bytes: 1 << 30,
            queue_bytes: 64 << 20,
            mask: Vec::new(),
            saved_model_tags: Vec::new(),
        }
    }
}

/// How operations are kept, run, and told of.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationsSettings {
    /// Where their store is.
    pub directory: String,
    /// How many run at once.
    pub concurrency: usize,
    /// How many may wait or run.
    pub max_pending: usize,
    /// Most bytes of requests and results that are kept.
    pub max_store_bytes: u64,
    /// Longest time from acceptance to the end, in milliseconds.
    pub timeout_ms: u64,
    /// How long an operation that has ended is kept, in milliseconds.
    pub retention_ms: u64,
    /// How often one may be begun whose worker or server ends meanwhile.
    pub max_attempts: u32,
    /// Whom results may be sent to; none when clients may not ask for it.
    pub webhooks: Option<WebhookSettings>,
}

/// How results are sent.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// `whsec_` and the key in base64.
    pub secret: String,
    /// Hosts and networks that may be sent to although they are not public.
    #[serde(default)]
    pub allow: Vec<String>,
    /// How often a delivery is tried.
    pub max_attempts: u32,
    /// Longest time of one try, in milliseconds.
    pub timeout_ms: u64,
    /// Pause after the first failure, in milliseconds; it doubles with each.
    pub backoff_ms: u64,
}

impl std::fmt::Debug for WebhookSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebhookSettings {{ secret: [REDACTED], allow: {:?}, .. }}", self.allow)
    }
}

/// PEM texts for TLS.
#[derive(Clone, Deserialize)]
pub struct TlsSettings {
    /// The server's private key.
    pub key: String,
    /// The server's certificate chain.
    pub cert: String,
    /// Certificate authority for clients' certificates; needed with `client_verify`.
    #[serde(default)]
    pub client_ca: String,
    /// Refuse clients without a valid certificate.
    #[serde(default)]
    pub client_verify: bool,
}

impl std::fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsSettings { key: [REDACTED], .. }")
    }
}

impl Default for PlaneSettings {
    fn default() -> Self {
        PlaneSettings {
            grpc_address: None,
            grpc_socket: String::new(),
            rest_address: None,
            rest_socket: String::new(),
            threads: 2,
            max_message_bytes: i32::MAX as usize,
            max_decompressed_bytes: 100 << 20,
            rest_timeout_ms: 30_000,
            cors: false,
            metrics_path: Some("/monitoring/prometheus/metrics".to_owned()),
            tensor_content_outputs: false,
            tls: None,
            reflection: true,
            header_read_timeout_ms: 10_000,
            check_method_names: false,
            operations: None,
            tokens: Vec::new(),
            admin_calls: false,
            request_log: RequestLogSettings::default(),
            access_log: AccessLogSettings::default(),
            tracing: None,
        }
    }
}
