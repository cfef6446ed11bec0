//! Which addresses a result may be sent to: pure rules over URLs and addresses that somebody else resolved.
//!
//! A client chooses the URL and the server sends to it, so the server must not become the client's hand inside the network.
//! Every address that a name has is checked, whatever form it hides in, and only a checked one is connected to: see
//! [`super::courier`]. Public addresses are what is left when IANA's special ranges are taken away.
//!
//! Source: IANA's IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its updates); RFC 4291 2.5.5 (mapped),
//! RFC 6052 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;

/// Longest URL that is taken, in bytes.
pub const MAX_URL_BYTES: usize = 2048;

/// Where a result goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether over TLS.
    pub https: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query.
    pub path: String,
    /// As the `Host` header says it.
    pub authority: String,
}

/// Reads a webhook's URL.
///
/// Errors: a sentence that says what is wrong with it.
pub fn parse(url: &str) -> Result<Target, String> {
    if url.len() > MAX_URL_BYTES {
        return Err(format!("a webhook's URL has at most {MAX_URL_BYTES} bytes, not {}", url.len()));
    }
    let wrong = |why: &str| format!("{url:?} cannot be a webhook: {why}");
    let uri: Uri = url.parse().map_err(|error| wrong(&format!("{error}")))?;
    let https = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(wrong("it must begin with https:// or http://")),
    };
    let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
    if authority.as_str().contains('@') {
        return Err(wrong("a user name in it would be sent to nobody; leave it out"));
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = authority.port_u16().unwrap_or(if https { 443 } else { 80 });
    if host.is_empty() || port == 0 {
        return Err(wrong("it names no host and port that could be connected to"));
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Ok(Target { https, host, port, path, authority: authority.as_str().to_owned() })
}

/// What is allowed beyond public addresses: hosts by name, and networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    hosts: Vec<String>,
    networks: Vec<(IpAddr, u8)>,
}

impl Allowed {
    /// Reads host names, addresses, and networks such as `10.1.0.0/16`.
    ///
    /// Errors: a sentence that names what is none of these.
    pub fn parse(entries: &[String]) -> Result<Allowed, String> {
        let mut allowed = Allowed::default();
        for entry in entries {
            let (address, bits) = match entry.split_once('/') {
                Some((address, bits)) => (address, Some(bits)),
                None => (entry.as_str(), None),
            };
            match (address.parse::<IpAddr>(), bits) {
                (Ok(address), None) => allowed.networks.push((address, width(address))),
                (Ok(address), Some(bits)) => {
                    let bits = bits.parse().ok().filter(|bits| *bits <= width(address));
                    let bits =
                        bits.ok_or_else(|| format!("{entry:?} is no network: it needs 0 to {} bits", width(address)))?;
                    allowed.networks.push((address, bits));
                }
                (Err(_), None) if is_host(entry) => allowed.hosts.push(entry.to_ascii_lowercase()),
                _ => return Err(format!("{entry:?} is no host, address or network such as 10.1.0.0/16")),
            }
        }
        Ok(allowed)
    }

    /// Whether a name may be sent to wherever it leads.
    fn has_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    }

    fn has_address(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|(network, bits)| is_within(address, *network, *bits))
    }
}

/// Whether results may be sent to these addresses of a host; all of them must be right.
///
/// Errors: a sentence that names the first that is not, and why.
pub fn check(host: &str, addresses: &[IpAddr], allowed: &Allowed) -> Result<(), String> {
    if addresses.is_empty() {
        return Err(format!("{host} has no address"));
    }
    if allowed.has_host(host) {
        return Ok(());
    }
    for address in addresses {
        let plain = unwrapped(*address);
        if allowed.has_address(*address) || plain.is_some_and(|plain| allowed.has_address(plain)) {
            continue;
        }
        if let Some(kind) = special(*address) {
            return Err(format!(
                "{host} leads to {address}, {kind}; results are sent to public addresses and to operations.webhook_allow"
            ));
        }
    }
    Ok(())
}

/// What is special about an address; none for a public one.
pub fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    const RANGES: [([u8; 4], u8, &str); 16] = [
        // Azure's, which answers for every virtual machine though its address looks public.
        ([168, 63, 129, 16], 32, "a cloud's metadata service"),
        ([169, 254, 0, 0], 16, "a link-local address"),
        ([127, 0, 0, 0], 8, "a loopback address"),
        ([0, 0, 0, 0], 8, "an unspecified address"),
        ([10, 0, 0, 0], 8, "a private address"),
        ([172, 16, 0, 0], 12, "a private address"),
        ([192, 168, 0, 0], 16, "a private address"),
        ([100, 64, 0, 0], 10, "a private address behind a carrier's translation"),
        ([192, 0, 0, 0], 24, "a reserved address"),
        ([192, 0, 2, 0], 24, "an address for documentation"),
        ([198, 51, 100, 0], 24, "an address for documentation"),
        ([203, 0, 113, 0], 24, "an address for documentation"),
        ([192, 88, 99, 0], 24, "a reserved address"),
        ([198, 18, 0, 0], 15, "an address for benchmarks"),
        ([224, 0, 0, 0], 4, "a multicast address"),
        ([240, 0, 0, 0], 4, "a reserved address"),
    ];
    let found =
        RANGES.iter().find(|(network, bits, _)| is_within(address.into(), Ipv4Addr::from(*network).into(), *bits));
    found.map(|(_, _, kind)| *kind)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    if let Some(plain) = embedded(address) {
        return special_v4(plain);
    }
    let within = |network: &str, bits| {
        let network: Ipv6Addr = network.parse().expect("a constant");
        is_within(address.into(), network.into(), bits)
    };
    if address.is_loopback() {
        return Some("a loopback address");
    }
    if address.is_unspecified() {
        return Some("an unspecified address");
    }
    let ranges = [
        ("fe80::", 10, "a link-local address"),
        ("fc00::", 7, "a private address"),
        ("ff00::", 8, "a multicast address"),
        ("2001::", 23, "a reserved address"),
        ("2001:db8::", 32, "an address for documentation"),
        ("3fff::", 20, "an address for documentation"),
    ];
    if let Some((_, _, kind)) = ranges.iter().find(|(network, bits, _)| within(network, *bits)) {
        return Some(kind);
    }
    // Only these are given out; NAT64's local prefix and the old forms of embedding are outside.
    (!within("2000::", 3)).then_some("a reserved address")
}

/// The IPv4 address that an IPv6 address leads to: mapped, NAT64, or 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    let at = |first: usize| Ipv4Addr::new(octets[first], octets[first + 1], octets[first + 2], octets[first + 3]);
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(at(12)),
        [0x2002, ..] => Some(at(2)),
        _ => None,
    }
}

fn unwrapped(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => embedded(address).map(IpAddr::from),
    }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let same = |address: u128, network: u128, width: u32| {
        let rest = width - u32::from(bits);
        address.checked_shr(rest).unwrap_or(0) == network.checked_shr(rest).unwrap_or(0)
    };
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            same(u128::from(address.to_bits()), u128::from(network.to_bits()), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => same(address.to_bits(), network.to_bits(), 128),
        _ => false,
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() {
        32
    } else {
        128
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
