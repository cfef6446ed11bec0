//! What a call is called, by its client and by everybody who writes about it.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::random;

/// The header, and in gRPC the metadata, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest name that a client may give, in bytes.
const MAX_BYTES: usize = 128;

/// The name of one call: visible ASCII, neither empty nor long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The client's own name for its call, if it is one that can stand in a log; a new one otherwise.
    pub fn of(headers: &HeaderMap) -> RequestId {
        let given = headers.get(REQUEST_ID).filter(|value| is_sane(value.as_bytes()));
        // A copy: the header may be a slice of a whole head, which would be kept in memory with it.
        let copied = given.and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
        copied.map_or_else(RequestId::new, RequestId)
    }

    /// A name that no other call has.
    pub fn new() -> RequestId {
        let mut text = Vec::with_capacity(32);
        random::write_hex(&random::sixteen(), &mut text);
        RequestId(HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).expect("hexadecimal digits"))
    }

    /// A name that was kept as text; a new one if it is none.
    pub fn kept(text: &str) -> RequestId {
        let given = HeaderValue::from_str(text).ok().filter(|value| is_sane(value.as_bytes()));
        given.map_or_else(RequestId::new, RequestId)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("visible ASCII")
    }

    /// As the value of the header.
    ///
    /// HTTP/2 is told not to remember it: no two are the same, and each would push something out of the table that both
    /// ends keep for values that come again.
    pub fn into_header(self) -> HeaderValue {
        let mut value = self.0;
        value.set_sensitive(true);
        value
    }
}

impl Default for RequestId {
    fn default() -> Self {
        RequestId::new()
    }
}

fn is_sane(name: &[u8]) -> bool {
    (1..=MAX_BYTES).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &[u8]) -> String {
        let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_bytes(value).unwrap())]);
        RequestId::of(&headers).as_str().to_owned()
    }

    #[test]
    fn a_sane_name_is_kept_and_any_other_replaced() {
        let longest = "x".repeat(MAX_BYTES);
        for sane in ["a", "5f2c-77", "{\"a\":1}", longest.as_str()] {
            assert_eq!(of(sane.as_bytes()), sane);
        }
        let long = "x".repeat(MAX_BYTES + 1);
        for other in ["", "a b", "tab\there", "é", long.as_str()] {
            let made = of(other.as_bytes());
            assert!(made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{other:?}: {made}");
        }
        assert_ne!(RequestId::of(&HeaderMap::new()), RequestId::of(&HeaderMap::new()));
    }

    #[test]
    fn a_kept_name_is_the_same_again() {
        let made = RequestId::new();
        assert_eq!(RequestId::kept(made.as_str()), made);
        assert_ne!(RequestId::kept("two words").as_str(), "two words");
        assert!(made.into_header().is_sensitive());
    }
}
