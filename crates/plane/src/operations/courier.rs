//! Sends results to webhooks: signed, to a checked address only, in bounded time, and never further than asked.
//!
//! A name is resolved here and every address is checked before one of them is connected to, so a name that changes its mind
//! between check and connection gains nothing. No proxy is asked, no redirect followed, and of the receiver's answer only the
//! head is read. When to try again is decided in [`super::state`].
//!
//! Source: the Standard Webhooks specification (headers, signature scheme v1, `whsec_` secrets); RFC 9110 for statuses.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use ring::hmac;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::state::Tried;
use super::target::{self, Allowed, Target};
use crate::settings::WebhookSettings;

/// What a secret begins with.
const SECRET_PREFIX: &str = "whsec_";
/// Lengths of a secret's key, in bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Longest head of a receiver's answer, in bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// Sends results.
pub struct Courier {
    key: hmac::Key,
    allowed: Allowed,
    timeout: Duration,
    tls: TlsConnector,
}

/// One result on its way.
#[derive(Clone, Debug)]
pub struct Message {
    /// The same for every try.
    pub id: String,
    /// Seconds since 1970, of this try.
    pub timestamp_s: u64,
    /// The JSON that is signed and sent.
    pub payload: Bytes,
}

impl Courier {
    /// A courier that trusts the system's certificate authorities.
    ///
    /// Errors: a sentence that names the setting that cannot be used.
    pub fn new(settings: &WebhookSettings) -> Result<Courier, String> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (_, ignored) = roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            tracing::warn!(ignored, "the system has no certificate authorities: webhooks over https will fail");
        }
        Courier::trusting(settings, roots)
    }

    /// A courier that trusts these certificate authorities.
    ///
    /// Errors: as for [`Courier::new`].
    pub fn trusting(settings: &WebhookSettings, roots: RootCertStore) -> Result<Courier, String> {
        let allowed = Allowed::parse(&settings.allow).map_err(|why| format!("operations.webhook_allow: {why}"))?;
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS for webhooks: {error}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Courier {
            key: key(&settings.secret)?,
            allowed,
            timeout: Duration::from_millis(settings.timeout_ms),
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Refuses at once what would be refused later: a URL that is none, or an address that is not to be sent to.
    ///
    /// Errors: a sentence that says why.
    pub fn accepts(&self, url: &str) -> Result<(), String> {
        let target = target::parse(url)?;
        match target.host.parse::<IpAddr>() {
            Ok(address) => target::check(&target.host, &[address], &self.allowed),
            // Names are looked up when there is something to send.
            Err(_) => Ok(()),
        }
    }

    /// Tries once.
    pub async fn deliver(&self, url: &str, message: &Message) -> Tried {
        let tried = tokio::time::timeout(self.timeout, self.send(url, message)).await;
        tried.unwrap_or_else(|_| Tried::Missed(format!("no answer within {} ms", self.timeout.as_millis())))
    }

    async fn send(&self, url: &str, message: &Message) -> Tried {
        let target = match target::parse(url) {
            Ok(target) => target,
            Err(why) => return Tried::Hopeless(why),
        };
        let found: Vec<SocketAddr> = match tokio::net::lookup_host((target.host.as_str(), target.port)).await {
            Ok(found) => found.collect(),
            Err(error) => return Tried::Missed(format!("{} cannot be resolved: {error}", target.host)),
        };
        let addresses: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
        if let Err(why) = target::check(&target.host, &addresses, &self.allowed) {
            return Tried::Hopeless(why);
        }
        match self.exchange(&target, &found, message).await {
            Ok(status) => judged(&target.host, status),
            Err(why) => Tried::Missed(why),
        }
    }

    async fn exchange(&self, target: &Target, found: &[SocketAddr], message: &Message) -> Result<StatusCode, String> {
        let Target { host, authority, .. } = target;
        let stream = TcpStream::connect(found).await.map_err(|error| format!("{authority}: {error}"))?;
        let request = self.request(target, message)?;
        if !target.https {
            return post(stream, request).await.map_err(|error| format!("{authority}: {error}"));
        }
        let name = rustls_pki_types::ServerName::try_from(host.clone())
            .map_err(|_| format!("{host} cannot be the name of a certificate"))?;
        let stream = self.tls.connect(name, stream).await.map_err(|error| format!("{authority}: TLS: {error}"))?;
        post(stream, request).await.map_err(|error| format!("{authority}: {error}"))
    }

    fn request(&self, target: &Target, message: &Message) -> Result<Request<Full<Bytes>>, String> {
        Request::post(&target.path)
            .header("host", &target.authority)
            .header("content-type", "application/json")
            .header("user-agent", concat!("seaway/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", message.timestamp_s)
            .header("webhook-signature", signature(&self.key, message))
            .header("connection", "close")
            .body(Full::new(message.payload.clone()))
            .map_err(|error| error.to_string())
    }
}

/// Sends one request on a connection of its own and reads the head of the answer.
async fn post(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> hyper::Result<StatusCode> {
    let (mut sender, connection) =
        hyper::client::conn::http1::Builder::new().max_buf_size(MAX_HEAD_BYTES).handshake(TokioIo::new(stream)).await?;
    // Dropped, and with it the connection, as soon as the head is there or the time is over.
    let mut running = tokio::task::JoinSet::new();
    running.spawn(connection);
    Ok(sender.send_request(request).await?.status())
}

/// What a receiver's status means.
fn judged(host: &str, status: StatusCode) -> Tried {
    match status {
        status if status.is_success() => Tried::Taken,
        StatusCode::GONE => Tried::Hopeless(format!("{host} answered 410: it wants no more")),
        status if status.is_redirection() => {
            Tried::Missed(format!("{host} answered {}; redirects are not followed", status.as_u16()))
        }
        status => Tried::Missed(format!("{host} answered {}", status.as_u16())),
    }
}

/// Reads a secret.
fn key(secret: &str) -> Result<hmac::Key, String> {
    let bytes = secret.trim().strip_prefix(SECRET_PREFIX).and_then(|text| STANDARD.decode(text).ok());
    match bytes {
        Some(bytes) if SECRET_BYTES.contains(&bytes.len()) => Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes)),
        // Never the text itself.
        _ => Err(format!(
            "operations.webhook_secret must be {SECRET_PREFIX} and {} to {} bytes in base64",
            SECRET_BYTES.start(),
            SECRET_BYTES.end()
        )),
    }
}

/// The signature's header.
fn signature(key: &hmac::Key, message: &Message) -> String {
    let mut signed = hmac::Context::with_key(key);
    signed.update(format!("{}.{}.", message.id, message.timestamp_s).as_bytes());
    signed.update(&message.payload);
    format!("v1,{}", STANDARD.encode(signed.sign()))
}

#[cfg(test)]
#[path = "courier_tests.rs"]
mod tests;
