//! How a model's requests without version or label are spread over two of its versions, and which of them run twice.
//!
//! Decisions only: a place between 0 and 1 for each request, and what that place means. It knows no requests, no servables
//! and no routes. Two kinds of places:
//!
//! - of a client, by a header that it sends: a fixed hash of the value, so that one client has the same place at every
//!   replica and after every restart, and stays with the candidate while its share grows ([`place_of`]);
//! - of a request, by its turn: multiples of the golden ratio, which leave no gaps, so that a hundred requests hold a share
//!   as well as a million do ([`place_of_turn`]); numbers drawn at random would need thousands.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};

use crate::status::{Result, Status};

/// How requests are spread, as the manager writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficDocument {
    /// The version that answers all that no other does.
    pub live: i64,
    /// The version that is being tried.
    #[serde(default)]
    pub candidate: Option<i64>,
    /// Share of the requests that `candidate` answers, 0 to 1.
    #[serde(default)]
    pub canary: f64,
    /// A header (gRPC: a metadata key) whose value keeps a client with one version; empty for none.
    #[serde(default)]
    pub sticky_header: String,
    /// Share of the requests answered by `live` that are run on `candidate` too, 0 to 1.
    #[serde(default)]
    pub shadow: f64,
}

/// One of the two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The version that answers all that no other does.
    Live,
    /// The version that is being tried.
    Candidate,
}

/// Which sides can answer now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Available {
    /// [`Side::Live`] can.
    pub live: bool,
    /// [`Side::Candidate`] can.
    pub candidate: bool,
}

/// How one model's requests are spread: a checked [`TrafficDocument`], and whose turn it is.
#[derive(Debug)]
pub struct Traffic {
    /// The version that answers all that no other does.
    pub live: i64,
    /// The version that is being tried.
    pub candidate: Option<i64>,
    /// Of the requests that the live version answers, those that are run on the candidate too.
    pub shadow: Share,
    canary: Share,
    sticky_header: Option<HeaderName>,
}

/// A share of requests that take turns.
#[derive(Clone, Debug)]
pub struct Share {
    share: f64,
    /// Kept when the share changes, or every change would begin anew.
    turns: Arc<AtomicU64>,
}

impl Share {
    fn new(name: &str, share: f64, before: Option<&Share>) -> Result<Share> {
        match (0.0..=1.0).contains(&share) {
            true => Ok(Share { share, turns: before.map(|before| Arc::clone(&before.turns)).unwrap_or_default() }),
            false => Err(Status::invalid_argument(format!("traffic: {name} is {share}; a share is 0 to 1"))),
        }
    }

    /// Whether it is no request at all.
    pub fn is_empty(&self) -> bool {
        self.share == 0.0
    }

    /// Whether the next request is one of the share.
    pub fn takes_next(&self) -> bool {
        !self.is_empty() && self.next_place() < self.share
    }

    fn next_place(&self) -> f64 {
        place_of_turn(self.turns.fetch_add(1, Ordering::Relaxed))
    }
}

impl Traffic {
    /// The spread of a document, which goes on with the turns of the one before.
    ///
    /// Errors: INVALID_ARGUMENT for a share that is none, or a header that cannot be one.
    pub fn new(document: &TrafficDocument, before: Option<&Traffic>) -> Result<Traffic> {
        let sticky_header = match document.sticky_header.as_str() {
            "" => None,
            name => Some(HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
                Status::invalid_argument(format!("traffic: sticky_header is {name:?}, which is no header's name"))
            })?),
        };
        Ok(Traffic {
            live: document.live,
            candidate: document.candidate,
            canary: Share::new("canary", document.canary, before.map(|before| &before.canary))?,
            shadow: Share::new("shadow", document.shadow, before.map(|before| &before.shadow))?,
            sticky_header,
        })
    }

    /// Which side answers a request with these headers; none when neither can.
    pub fn choose(&self, headers: &HeaderMap, available: Available) -> Option<Side> {
        choose(self.canary.share, || self.place(headers), available)
    }

    fn place(&self, headers: &HeaderMap) -> f64 {
        let client = self.sticky_header.as_ref().and_then(|name| headers.get(name)).filter(|value| !value.is_empty());
        client.map_or_else(|| self.canary.next_place(), |value| place_of(value.as_bytes()))
    }
}

/// The side for a request at `place`: the candidate below `canary`; the other one where that side cannot answer.
fn choose(canary: f64, place: impl FnOnce() -> f64, available: Available) -> Option<Side> {
    match available {
        Available { live: true, candidate: true } if canary > 0.0 && place() < canary => Some(Side::Candidate),
        Available { live: true, .. } => Some(Side::Live),
        Available { candidate: true, .. } => Some(Side::Candidate),
        Available { .. } => None,
    }
}

/// The place of a client, from 0 to below 1: the first eight bytes of the value's SHA-256, as a big-endian fraction.
///
/// Never to be changed: clients would change versions in the middle of a rollout, and between replicas of two releases.
pub fn place_of(value: &[u8]) -> f64 {
    let digest = ring::digest::digest(&ring::digest::SHA256, value);
    let first = digest.as_ref()[..8].try_into().expect("SHA-256 has 32 bytes");
    fraction(u64::from_be_bytes(first))
}

/// The place of the request whose turn it is, from 0 to below 1: ½ + n·φ, without its whole part.
///
/// So no share is given in advance: it begins with the live version.
///
/// Source: the additive recurrence of lowest discrepancy, n·φ mod 1 with the golden ratio (Kuipers and Niederreiter, Uniform
/// Distribution of Sequences, chapter 2).
pub fn place_of_turn(turn: u64) -> f64 {
    const HALF: u64 = 1 << 63;
    /// 2^64 times the golden ratio's fraction.
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    fraction(turn.wrapping_mul(GOLDEN).wrapping_add(HALF))
}

/// `numerator / 2^64`, as near as a float below 1 can be.
fn fraction(numerator: u64) -> f64 {
    // The 53 bits that a float holds: rounding more of them could give 1.
    (numerator >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Available = Available { live: true, candidate: true };
    const LIVE: Available = Available { live: true, candidate: false };
    const CANDIDATE: Available = Available { live: false, candidate: true };
    const NEITHER: Available = Available { live: false, candidate: false };

    fn document(canary: f64, sticky_header: &str, shadow: f64) -> TrafficDocument {
        TrafficDocument { live: 6, candidate: Some(7), canary, sticky_header: sticky_header.into(), shadow }
    }

    fn traffic(canary: f64, sticky_header: &str, shadow: f64) -> Traffic {
        Traffic::new(&document(canary, sticky_header, shadow), None).unwrap()
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn a_request_below_the_share_is_the_candidates_where_both_can_answer() {
        let (live, candidate) = (Some(Side::Live), Some(Side::Candidate));
        let cases = [
            (0.1, 0.0, BOTH, candidate),
            (0.1, 0.099, BOTH, candidate),
            (0.1, 0.1, BOTH, live),
            (0.1, 0.9, BOTH, live),
            (0.0, 0.0, BOTH, live),
            (1.0, 0.999_999, BOTH, candidate),
            (0.1, 0.0, LIVE, live),
            (0.1, 0.9, CANDIDATE, candidate),
            (0.0, 0.9, CANDIDATE, candidate),
            (1.0, 0.0, LIVE, live),
            (0.5, 0.0, NEITHER, None),
        ];
        for (canary, place, available, expected) in cases {
            assert_eq!(choose(canary, || place, available), expected, "{place} of {canary}, {available:?}");
        }
    }

    #[test]
    fn a_small_window_holds_the_share_wherever_it_begins() {
        for share in [0.01, 0.1, 0.5, 0.9] {
            for (begin, len) in [(0, 100), (12_345, 100), (777, 1000), (u64::MAX - 50, 100)] {
                let turns = (0..len).map(|n: u64| n.wrapping_add(begin));
                let chosen = turns.filter(|turn| place_of_turn(*turn) < share).count() as f64;
                let expected = share * len as f64;
                assert!((chosen - expected).abs() <= 3.0, "{chosen} of {len} from {begin}, not {expected}");
            }
        }
    }

    #[test]
    fn the_first_request_is_the_live_versions() {
        assert_eq!(traffic(0.5, "", 0.0).choose(&HeaderMap::new(), BOTH), Some(Side::Live));
    }

    #[test]
    fn the_place_of_a_client_never_changes() {
        // sha256sum, its first 16 digits over 2^64.
        for (value, expected) in
            [("user-1", 0.7764059241441004), ("user-7", 0.035652224916160935), ("é", 0.291402190516421)]
        {
            let place = place_of(value.as_bytes());
            assert!((place - expected).abs() < 1e-12, "{value:?} is at {place}");
        }
        assert!(fraction(u64::MAX) < 1.0);
    }

    #[test]
    fn a_client_that_is_on_the_candidate_stays_there_while_the_share_grows() {
        let clients: Vec<String> = (0..1000).map(|number| format!("client-{number}")).collect();
        let on_candidate = |share: f64| {
            let traffic = traffic(share, "X-User", 0.0);
            let is_there =
                |client: &&String| traffic.choose(&headers("x-user", client.as_str()), BOTH) == Some(Side::Candidate);
            clients.iter().filter(is_there).collect::<Vec<_>>()
        };
        let mut before = Vec::new();
        for share in [0.01, 0.1, 0.5, 1.0] {
            let now = on_candidate(share);
            assert!(before.iter().all(|client| now.contains(client)), "{share}");
            assert!((now.len() as f64 - share * 1000.0).abs() < 50.0, "{} of 1000 for {share}", now.len());
            assert_eq!(now, on_candidate(share), "asked twice, by another replica");
            before = now;
        }
    }

    #[test]
    fn clients_without_the_header_take_turns() {
        let traffic = traffic(0.5, "x-user", 0.0);
        let ask = |headers: &HeaderMap| traffic.choose(headers, BOTH) == Some(Side::Candidate);
        let empty = headers("x-user", "");
        let chosen = (0..100).filter(|_| ask(&HeaderMap::new())).count() + (0..100).filter(|_| ask(&empty)).count();
        assert!((98..=102).contains(&chosen), "{chosen}");
        let named = headers("x-user", "user-1");
        assert_eq!((0..100).filter(|_| ask(&named)).count() % 100, 0, "one client, one version");
    }

    #[test]
    fn a_share_of_the_live_requests_is_copied() {
        for (share, expected) in [(0.0, 0), (0.1, 10), (1.0, 100)] {
            let traffic = traffic(0.0, "", share);
            let copied = (0..100).filter(|_| traffic.shadow.takes_next()).count();
            assert!(copied.abs_diff(expected) <= 1, "{copied} for {share}");
        }
    }

    #[test]
    fn a_change_of_the_shares_goes_on_with_the_turns() {
        let mut before = traffic(0.01, "", 0.0);
        let mut chosen = 0;
        for _ in 0..1000 {
            let now = Traffic::new(&document(0.01, "", 0.0), Some(&before)).unwrap();
            chosen += usize::from(now.choose(&HeaderMap::new(), BOTH) == Some(Side::Candidate));
            before = now;
        }
        assert!((9..=11).contains(&chosen), "{chosen}");
    }

    #[test]
    fn what_is_no_spread_is_refused_with_its_reason() {
        let cases = [
            (document(-0.1, "", 0.0), "traffic: canary is -0.1; a share is 0 to 1"),
            (document(f64::NAN, "", 0.0), "traffic: canary is NaN; a share is 0 to 1"),
            (document(0.0, "", 1.5), "traffic: shadow is 1.5; a share is 0 to 1"),
            (document(0.0, "a b", 0.0), "traffic: sticky_header is \"a b\", which is no header's name"),
        ];
        for (document, message) in cases {
            assert_eq!(Traffic::new(&document, None).unwrap_err().message, message);
        }
    }

    #[test]
    fn a_document_may_name_the_live_version_alone() {
        let document: TrafficDocument = serde_json::from_str(r#"{"live": 6}"#).unwrap();
        assert_eq!(document, TrafficDocument { candidate: None, ..self::document(0.0, "", 0.0) });
        assert!(serde_json::from_str::<TrafficDocument>(r#"{"live": 6, "canry": 0.1}"#).is_err());
    }
}
