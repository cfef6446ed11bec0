//! Connections to the server under load, which must be on this machine unless another one is asked for in so many words.
//!
//! A load generator pointed at somebody else's address by a slip is an attack; across a network it measures the network
//! besides. So an address that is not loopback is refused before anything is sent.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::problem::Problem;

/// How long a place waits before it tries again to reach a server that is gone.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// The address behind `target`.
///
/// Raises: Problem - it is no address, or not one of this machine's loopback addresses and `allow_remote` is not given.
pub fn resolve(target: &str, allow_remote: bool) -> Result<SocketAddr, Problem> {
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

/// A TCP connection that sends what it is given at once.
pub async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
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
}
