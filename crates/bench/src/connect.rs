//! Connections to the server under load, which must be on this machine unless another one is asked for in so many words.
//!
//! A load generator pointed at somebody else's address by a slip is an attack; across a network it measures the network
//! besides. So an address that is not loopback is refused before anything is sent.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use crate::problem::Problem;
use crate::stream::Stream;
use crate::tls::{server_name, Tls};

/// How long a place waits before it tries again to reach a server that is gone.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);
/// What a target on a unix socket begins with; the path follows.
const UNIX: &str = "unix:";
/// What a request over a unix socket calls its server, which has no name there.
const UNIX_AUTHORITY: &str = "localhost";

/// The protocol of a connection, as ALPN names it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Protocol {
    /// HTTP/2, for gRPC.
    Http2,
    /// HTTP/1.1, for REST.
    Http1,
}

/// Whom to connect to, and how.
pub struct Dialer {
    address: Address,
    authority: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

#[derive(Debug, PartialEq)]
enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Dialer {
    /// A dialer for `target`: `HOST:PORT`, or `unix:PATH`.
    ///
    /// Raises: Problem - it is neither; it is not one of this machine's loopback addresses and `allow_remote` is not given; the TLS
    /// settings are none.
    pub fn new(target: &str, allow_remote: bool, tls: Option<&Tls>, protocol: Protocol) -> Result<Dialer, Problem> {
        let address = address(target, allow_remote)?;
        let alpn: &[u8] = match protocol {
            Protocol::Http2 => b"h2",
            Protocol::Http1 => b"http/1.1",
        };
        let (authority, tls) = match (&address, tls) {
            (Address::Unix(_), Some(_)) => return Err(Problem(format!("{target:?}: a unix socket has no TLS"))),
            (Address::Unix(_), None) => (UNIX_AUTHORITY.to_owned(), None),
            (Address::Tcp(_), None) => (target.to_owned(), None),
            (Address::Tcp(_), Some(tls)) => {
                (target.to_owned(), Some((tls.connector(alpn)?, server_name(host_of(target))?)))
            }
        };
        Ok(Dialer { address, authority, tls })
    }

    /// What requests call the server.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// `http`, or `https` with TLS.
    pub(crate) fn scheme(&self) -> &'static str {
        match self.tls {
            None => "http",
            Some(_) => "https",
        }
    }

    /// A connection that sends what it is given at once.
    pub(crate) async fn dial(&self) -> io::Result<Stream> {
        let stream = match &self.address {
            Address::Unix(path) => return UnixStream::connect(path).await.map(Stream::Unix),
            Address::Tcp(address) => TcpStream::connect(address).await?,
        };
        stream.set_nodelay(true)?;
        match &self.tls {
            None => Ok(Stream::Tcp(stream)),
            Some((connector, name)) => {
                connector.connect(name.clone(), stream).await.map(|stream| Stream::Tls(Box::new(stream)))
            }
        }
    }
}

impl std::fmt::Display for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.address {
            Address::Tcp(address) => write!(f, "{address}"),
            Address::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

fn address(target: &str, allow_remote: bool) -> Result<Address, Problem> {
    match target.strip_prefix(UNIX) {
        Some("") => Err(Problem(format!("{target:?} names no socket: write unix:PATH"))),
        Some(path) => Ok(Address::Unix(path.into())),
        None => resolve(target, allow_remote).map(Address::Tcp),
    }
}

fn resolve(target: &str, allow_remote: bool) -> Result<SocketAddr, Problem> {
    let addresses: Vec<_> =
        target.to_socket_addrs().map_err(|error| Problem(format!("{target:?} is not HOST:PORT: {error}")))?.collect();
    if let Some(foreign) = addresses.iter().find(|address| !allow_remote && !address.ip().is_loopback()) {
        let reason = "only loopback addresses are loaded; use 127.0.0.1, or --allow-remote for a server of your own";
        return Err(Problem(format!("{target:?} is {}: {reason}", foreign.ip())));
    }
    // IPv4 first: that is what a server bound to 0.0.0.0 listens on.
    let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    first.copied().ok_or_else(|| Problem(format!("{target:?} has no address")))
}

fn host_of(target: &str) -> &str {
    let host = target.rsplit_once(':').map_or(target, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_loaded_unless_others_are_allowed() {
        for good in ["127.0.0.1:8500", "localhost:8500", "127.9.8.7:1", "[::1]:8500"] {
            assert!(resolve(good, false).is_ok(), "{good}");
        }
        for bad in ["192.0.2.1:8500", "0.0.0.0:8500", "10.0.0.1:80", "[2001:db8::1]:1"] {
            assert!(resolve(bad, false).unwrap_err().0.contains("only loopback"), "{bad}");
            assert!(resolve(bad, true).is_ok(), "{bad}");
        }
        assert!(resolve("localhost", true).unwrap_err().0.contains("HOST:PORT"));
    }

    #[test]
    fn a_unix_socket_is_named_by_its_path_and_has_no_tls() {
        assert_eq!(address("unix:/run/seaway.sock", false), Ok(Address::Unix("/run/seaway.sock".into())));
        assert!(address("unix:", false).unwrap_err().0.contains("unix:PATH"));
        let tls = Tls { authorities: String::new(), certificate: String::new(), key: String::new(), insecure: true };
        assert!(Dialer::new("unix:/s", false, Some(&tls), Protocol::Http2).err().unwrap().0.contains("no TLS"));
        let plain = Dialer::new("unix:/s", false, None, Protocol::Http1).unwrap();
        assert_eq!((plain.authority(), plain.scheme(), plain.to_string().as_str()), ("localhost", "http", "/s"));
    }

    #[test]
    fn a_certificate_must_be_for_the_host_as_it_was_written() {
        assert_eq!([host_of("localhost:1"), host_of("[::1]:8500")], ["localhost", "::1"]);
    }
}
