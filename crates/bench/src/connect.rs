//! Connections to the server under load, which must be on this machine.
//!
//! A load generator pointed at somebody else's address by a slip is an attack; across a network it would measure the
//! network besides. So an address that is not loopback is refused before anything is sent.

use std::net::{SocketAddr, ToSocketAddrs};

use tokio::net::TcpStream;

use crate::problem::Problem;

/// The address behind `target`.
///
/// Raises: Problem - it is no address, or not one of this machine's loopback addresses.
pub fn loopback(target: &str) -> Result<SocketAddr, Problem> {
    let addresses: Vec<_> =
        target.to_socket_addrs().map_err(|error| Problem(format!("{target:?} is not HOST:PORT: {error}")))?.collect();
    if let Some(foreign) = addresses.iter().find(|address| !address.ip().is_loopback()) {
        let reason = "only loopback addresses are loaded; use 127.0.0.1";
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
    fn only_loopback_addresses_are_loaded() {
        for good in ["127.0.0.1:8500", "localhost:8500", "127.9.8.7:1", "[::1]:8500"] {
            assert!(loopback(good).is_ok(), "{good}");
        }
        for bad in ["192.0.2.1:8500", "0.0.0.0:8500", "10.0.0.1:80", "[2001:db8::1]:1"] {
            assert!(loopback(bad).unwrap_err().0.contains("only loopback"), "{bad}");
        }
        assert!(loopback("localhost").unwrap_err().0.contains("HOST:PORT"));
    }
}
