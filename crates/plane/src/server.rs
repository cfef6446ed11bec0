//! Listeners, connections and shutdown, the same for gRPC and REST.
//!
//! Life cycle only: what a connection carries is given as a service. Bound first, all of them, so that a port in use is
//! known before anything else starts; then accepted until told to stop; then drained: no new connections, GOAWAY on
//! HTTP/2, `connection: close` on HTTP/1.1, and what is in flight may end.

mod authority;
mod first_bytes;
mod load;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::exchange::observed::Observed;
use crate::exchange::Observer;
use crate::metrics::Api;
use crate::settings::TlsSettings;

use authority::PlainAuthority;
use first_bytes::FirstBytes;
use load::Counted;
pub use load::Load;

/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes that a client may send before it is read: a large tensor should not stop for window updates.
const HTTP2_WINDOW_BYTES: u32 = 8 << 20;

/// A bound socket that is not accepted from yet.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A unix socket; its file is removed when the listener is dropped.
    Unix(UnixListener, SocketFile),
}

/// Removes a socket's file when dropped.
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Binds `address`, for example `0.0.0.0:8500`; port 0 picks a free one.
    ///
    /// Errors: the operating system's, with the address in its text.
    pub async fn tcp(address: &str) -> io::Result<Listener> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
        TcpListener::bind(address).await.map(Listener::Tcp).map_err(named)
    }

    /// Binds a unix socket; a socket that a dead server left behind is replaced, one that answers and any other file is not.
    ///
    /// Errors: the operating system's, with the path in its text.
    pub async fn unix(path: &str) -> io::Result<Listener> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on the socket {path}: {error}"));
        // Connecting to a plain file is refused as well.
        let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
        let is_dead = || {
            std::os::unix::net::UnixStream::connect(path)
                .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        };
        if is_socket && is_dead() {
            std::fs::remove_file(path).map_err(named)?;
        }
        let listener = UnixListener::bind(path).map_err(named)?;
        Ok(Listener::Unix(listener, SocketFile(path.into())))
    }

    /// Where it listens: an address with its port, or a path.
    pub fn local(&self) -> String {
        match self {
            Listener::Tcp(listener) => {
                listener.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string())
            }
            Listener::Unix(_, file) => file.0.display().to_string(),
        }
    }

    /// The port, for TCP.
    pub fn port(&self) -> Option<u16> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
            Listener::Unix(..) => None,
        }
    }
}

/// How connections are spoken to.
#[derive(Clone)]
pub struct Protocol {
    /// Only HTTP/2, as gRPC needs it.
    pub http2_only: bool,
    /// Longest time until a request's headers are complete.
    pub header_read_timeout: Duration,
    /// TLS, where it is wanted.
    pub tls: Option<TlsAcceptor>,
    /// Where connections and requests are counted.
    pub load: Arc<Load>,
    /// What is spoken on them.
    pub api: Api,
    /// Who is told of what is asked.
    pub observer: Arc<Observer>,
}

impl Protocol {
    /// A connection's service, whose calls are told of.
    fn observed<S: Clone>(&self, service: &S, peer: Option<SocketAddr>) -> Observed<S> {
        Observed { service: service.clone(), observer: Arc::clone(&self.observer), api: self.api, peer }
    }
}

/// Accepts and serves connections until `stop` turns true, then lets those that are open end.
pub async fn serve<S, B, F>(listener: Listener, protocol: Protocol, service: S, stop: watch::Receiver<bool>)
where
    S: Service<Request<hyper::body::Incoming>, Response = Response<B>, Future = F> + Clone + Send + Sync + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    F: Future<Output = Result<Response<B>, S::Error>> + Send + 'static,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut stopped = stop.clone();
    loop {
        tokio::select! {
            () = told(&mut stopped) => return,
            accepted = accept(&listener) => match accepted {
                Ok(Stream::Tcp(stream, peer)) => {
                    spawn(stream, protocol.clone(), protocol.observed(&service, Some(peer)), stop.clone());
                }
                Ok(Stream::Unix(stream)) => {
                    let service = protocol.observed(&service, None);
                    spawn(PlainAuthority::new(stream), protocol.clone(), service, stop.clone());
                }
                // The client went away while it waited: none of our business, and nobody else's delay.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // Out of descriptors, mostly: a pause lets others close theirs, and a busy loop would not.
                    tracing::warn!(%error, listener = listener.local(), "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}

/// Waits until `stop` turns true, or whoever could say so is gone.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

enum Stream {
    Tcp(tokio::net::TcpStream, SocketAddr),
    Unix(tokio::net::UnixStream),
}

async fn accept(listener: &Listener) -> io::Result<Stream> {
    match listener {
        Listener::Tcp(listener) => {
            let (stream, peer) = listener.accept().await?;
            // Small answers must not wait for more. A connection that is gone already refuses, and ends by itself.
            let _ = stream.set_nodelay(true);
            Ok(Stream::Tcp(stream, peer))
        }
        Listener::Unix(listener, _) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
    }
}

fn spawn<I, S, B, F>(stream: I, protocol: Protocol, service: S, stop: watch::Receiver<bool>)
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<hyper::body::Incoming>, Response = Response<B>, Future = F> + Clone + Send + Sync + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    F: Future<Output = Result<Response<B>, S::Error>> + Send + 'static,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let share = protocol.load.connection();
    tokio::spawn(async move {
        let _counted = share;
        let Some(tls) = protocol.tls.clone() else { return connection(stream, &protocol, service, stop).await };
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => connection(stream, &protocol, service, stop).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    });
}

async fn connection<I, S, B, F>(stream: I, protocol: &Protocol, service: S, mut stop: watch::Receiver<bool>)
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<hyper::body::Incoming>, Response = Response<B>, Future = F> + Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    F: Future<Output = Result<Response<B>, S::Error>> + Send + 'static,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    if protocol.http2_only {
        builder = builder.http2_only();
    }
    builder.http1().timer(TokioTimer::new()).header_read_timeout(protocol.header_read_timeout).half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(HTTP2_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_WINDOW_BYTES)
        .max_concurrent_streams(None)
        .keep_alive_interval(Duration::from_secs(60))
        .keep_alive_timeout(Duration::from_secs(20));
    let stream = FirstBytes::within(protocol.header_read_timeout, stream, !protocol.http2_only);
    let service = Counted { service, load: Arc::clone(&protocol.load) };
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = told(&mut stop) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        // Clients that hang up mid-request are everyday.
        tracing::debug!(%error, "a connection ended");
    }
}

/// TLS for gRPC from PEM texts.
///
/// Errors: INVALID_INPUT naming the part that cannot be used.
pub fn tls_acceptor(settings: &TlsSettings) -> io::Result<TlsAcceptor> {
    use rustls_pki_types::pem::PemObject;
    use rustls_pki_types::{CertificateDer, PrivateKeyDer};
    use tokio_rustls::rustls::server::{NoClientAuth, WebPkiClientVerifier};
    use tokio_rustls::rustls::{RootCertStore, ServerConfig};

    let bad = |what: &str, error: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("TLS: {what}: {error}"))
    };
    let certificates = |pem: &str, what: &str| {
        let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| bad(what, &error))?;
        match found.is_empty() {
            false => Ok(found),
            true => Err(bad(what, &"no CERTIFICATE block in the PEM text")),
        }
    };
    let chain = certificates(&settings.cert, "server_cert")?;
    let key = PrivateKeyDer::from_pem_slice(settings.key.as_bytes()).map_err(|error| bad("server_key", &error))?;
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let verifier = match settings.client_verify {
        false => Arc::new(NoClientAuth) as Arc<dyn tokio_rustls::rustls::server::danger::ClientCertVerifier>,
        true => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(&settings.client_ca, "custom_ca, which client_verify needs")? {
                roots.add(certificate).map_err(|error| bad("custom_ca", &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            verifier.build().map_err(|error| bad("custom_ca", &error))?
        }
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad("protocol versions", &error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| bad("server_key and server_cert", &error))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
