//! What the plane is told once, at its start, as one JSON document.

use serde::Deserialize;

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
            admin_calls: false,
        }
    }
}
