//! Who may ask: bearer tokens, of which a request must carry one.
//!
//! Only their SHA-256 is kept, and what a client sends is compared by it, all of them and every byte, so that neither the time
//! of an answer nor a dump of the memory says anything of a token. What needs a token is the matter of `grpc` and `rest`.
//!
//! Source: RFC 6750 section 2.1 (the Authorization header); RFC 9110 section 11.1 (the scheme's case does not matter).

use std::sync::atomic::{AtomicBool, Ordering};

use http::header::AUTHORIZATION;
use http::HeaderMap;
use parking_lot::RwLock;
use ring::digest::{digest, SHA256, SHA256_OUTPUT_LEN};
use serde::Deserialize;

use crate::status::{Code, Result, Status};

type Digest = [u8; SHA256_OUTPUT_LEN];

/// A text that is never shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret(text.to_owned())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// The tokens that count now; none lets everybody in.
#[derive(Default)]
pub struct Tokens {
    /// Read by every request, so that a server without tokens pays for nothing else.
    any: AtomicBool,
    digests: RwLock<Vec<Digest>>,
}

impl Tokens {
    /// These tokens count from now on, and no others.
    ///
    /// Errors: INVALID_ARGUMENT for a text that cannot be sent as a token, and for none where there were some: a file that is
    /// empty for a moment must not open a server to everybody. The old ones stay.
    pub fn replace(&self, tokens: &[Secret]) -> Result<()> {
        if let Some(index) = tokens.iter().position(|Secret(token)| !is_token(token)) {
            return Err(Status::invalid_argument(format!(
                "token {} of {} is none: it is empty, or has characters other than visible ASCII",
                index + 1,
                tokens.len()
            )));
        }
        if tokens.is_empty() && self.any() {
            return Err(Status::invalid_argument(
                "no tokens would open this server to everybody: start it without tokens if that is wanted",
            ));
        }
        *self.digests.write() = tokens.iter().map(|Secret(token)| digest_of(token.as_bytes())).collect();
        self.any.store(!tokens.is_empty(), Ordering::Release);
        Ok(())
    }

    /// Whether requests need a token.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Lets a request with these headers in.
    ///
    /// Errors: UNAUTHENTICATED without a token that counts, where there are any.
    pub fn check(&self, headers: &HeaderMap) -> Result<()> {
        if !self.any() {
            return Ok(());
        }
        let sent = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
        match sent.and_then(bearer) {
            Some(token) if self.contains(token) => Ok(()),
            Some(_) => Err(refused("the bearer token is not one of this server's")),
            None if sent.is_some() => Err(refused("the authorization header carries no bearer token")),
            None => Err(refused("the request carries no token")),
        }
    }

    fn contains(&self, token: &[u8]) -> bool {
        let sent = digest_of(token);
        self.digests.read().iter().fold(false, |found, digest| found | is_equal(digest, &sent))
    }
}

fn refused(why: &str) -> Status {
    Status::new(Code::Unauthenticated, format!("{why}; send `authorization: Bearer TOKEN`"))
}

/// The token of an Authorization header.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii()).filter(|token| !token.is_empty())
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn digest_of(bytes: &[u8]) -> Digest {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Looks at every byte, wherever the first difference is.
fn is_equal(a: &Digest, b: &Digest) -> bool {
    std::hint::black_box(a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b))) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(of: &[&str]) -> Tokens {
        let tokens = Tokens::default();
        tokens.replace(&secrets(of)).unwrap();
        tokens
    }

    fn secrets(of: &[&str]) -> Vec<Secret> {
        of.iter().map(|token| Secret::from(*token)).collect()
    }

    fn check(tokens: &Tokens, header: Option<&str>) -> std::result::Result<(), String> {
        let headers = header.map(|value| (AUTHORIZATION, value.parse().unwrap()));
        tokens.check(&headers.into_iter().collect()).map_err(|status| {
            assert_eq!(status.code, Code::Unauthenticated);
            status.message
        })
    }

    #[test]
    fn a_request_with_one_of_the_tokens_is_let_in_and_no_other() {
        let unknown = "the bearer token is not one of this server's; send `authorization: Bearer TOKEN`";
        let no_bearer = "the authorization header carries no bearer token; send `authorization: Bearer TOKEN`";
        let none = "the request carries no token; send `authorization: Bearer TOKEN`";
        let cases = [
            (Some("Bearer first"), Ok(())),
            (Some("Bearer second"), Ok(())),
            (Some("bearer  second "), Ok(())),
            (Some("Bearer third"), Err(unknown)),
            (Some("Bearer firs"), Err(unknown)),
            (Some("Bearer first second"), Err(unknown)),
            (Some("Bearer "), Err(no_bearer)),
            (Some("Bearerfirst"), Err(no_bearer)),
            (Some("Basic first"), Err(no_bearer)),
            (Some("first"), Err(no_bearer)),
            (None, Err(none)),
        ];
        let tokens = tokens(&["first", "second"]);
        for (header, expected) in cases {
            assert_eq!(check(&tokens, header), expected.map_err(str::to_owned), "{header:?}");
        }
    }

    #[test]
    fn without_tokens_everybody_is_let_in() {
        for header in [None, Some("Bearer x"), Some("Basic x")] {
            assert_eq!(check(&tokens(&[]), header), Ok(()));
        }
    }

    #[test]
    fn tokens_are_replaced_and_never_by_none() {
        let tokens = tokens(&[]);
        tokens.replace(&secrets(&["old"])).unwrap();
        tokens.replace(&secrets(&["new", "old"])).unwrap();
        assert!(check(&tokens, Some("Bearer old")).is_ok() && check(&tokens, Some("Bearer new")).is_ok());
        tokens.replace(&secrets(&["new"])).unwrap();
        assert!(check(&tokens, Some("Bearer old")).is_err() && check(&tokens, Some("Bearer new")).is_ok());
        for (wrong, message) in [
            (&[][..], "no tokens would open this server to everybody: start it without tokens if that is wanted"),
            (&["a", ""], "token 2 of 2 is none: it is empty, or has characters other than visible ASCII"),
            (&["a b"], "token 1 of 1 is none: it is empty, or has characters other than visible ASCII"),
        ] {
            assert_eq!(tokens.replace(&secrets(wrong)).unwrap_err().message, message);
            assert!(check(&tokens, Some("Bearer new")).is_ok(), "the old ones stay");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(format!("{:?}", secrets(&["first"])), "[[REDACTED]]");
    }
}
