//! One operation as it is kept: what was asked, how far it is, and where its result goes. Data only.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::status::{Code, Status};

/// Milliseconds since 1970.
pub type Millis = u64;

/// What an operation takes of the store beside its bodies, in bytes: its record, and what the store's pages waste.
pub const RECORD_BYTES: u64 = 2048;

/// Names an operation; whoever knows it may read the result, so it cannot be guessed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub [u8; 16]);

impl Id {
    /// Reads 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Id> {
        if text.len() != 32 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|number| Id(number.to_be_bytes()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        let text = String::deserialize(deserializer)?;
        Id::parse(&text).ok_or_else(|| serde::de::Error::custom("an id is 32 hexadecimal digits"))
    }
}

/// How far an operation is.
///
/// ```text
/// pending ⇄ running → done | failed        pending, running → cancelled
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits, or will be tried again.
    Pending,
    /// It is at the model, or in line for it.
    Running,
    /// The model answered.
    Done,
    /// It has an error for an answer.
    Failed,
    /// The client did not want it any more.
    Cancelled,
}

impl State {
    /// Its name in answers and metrics.
    pub fn name(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Running => "running",
            State::Done => "done",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }

    /// Reads [`State::name`].
    pub fn parse(name: &str) -> Option<State> {
        let all = [State::Pending, State::Running, State::Done, State::Failed, State::Cancelled];
        all.into_iter().find(|state| state.name() == name)
    }

    /// Whether nothing more happens to it.
    pub fn has_ended(self) -> bool {
        matches!(self, State::Done | State::Failed | State::Cancelled)
    }
}

/// A failed operation's error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The number of a canonical code.
    pub code: u32,
    /// Why.
    pub message: String,
}

impl From<&Status> for Failure {
    fn from(status: &Status) -> Failure {
        Failure { code: status.code as u32, message: status.client_message().into_owned() }
    }
}

impl Failure {
    /// The error that a synchronous call would have had.
    pub fn status(&self) -> Status {
        Status::new(Code::from_number(self.code), self.message.clone())
    }
}

/// How far the delivery of a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// There is no result yet, or it will be tried (again).
    Pending,
    /// The receiver took it.
    Delivered,
    /// It never will be.
    Failed,
}

/// Where a result is sent, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// The receiver.
    pub url: String,
    /// How far it is.
    pub state: Delivery,
    /// Tries so far.
    pub attempts: u32,
    /// When it is tried next; 0 when not.
    pub next_ms: Millis,
    /// What was wrong with the last try; empty for nothing.
    pub error: String,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its name.
    pub id: Id,
    /// Its place in the order of acceptance.
    pub seq: u64,
    /// The path of the call, as sent.
    pub path: String,
    /// The model that was asked.
    pub model: String,
    /// The version that answered.
    pub version: Option<i64>,
    /// How far it is.
    pub state: State,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// When it was accepted.
    pub created_ms: Millis,
    /// When it was last begun; 0 when never.
    pub started_ms: Millis,
    /// When it ended; 0 when it has not.
    pub ended_ms: Millis,
    /// How often it was begun.
    pub attempts: u32,
    /// When it may be begun again; 0 for at once.
    pub not_before_ms: Millis,
    /// The request's body, in bytes; 0 once it has ended.
    pub request_bytes: u64,
    /// The result's body, in bytes.
    pub result_bytes: u64,
    /// The client's name for its request.
    pub key: Option<String>,
    /// SHA-256 of method, path and body, in hexadecimal digits.
    pub fingerprint: String,
    /// Where the result goes.
    pub webhook: Option<Webhook>,
    /// The request that asked for it, for logs and traces; none for one that an older server accepted.
    #[serde(default)]
    pub origin: Option<Origin>,
}

/// The request that asked for an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its name.
    pub request_id: String,
    /// Its span, as W3C writes it; none when it belongs to no trace.
    pub traceparent: Option<String>,
}

impl Operation {
    /// What it takes of the store, in bytes.
    pub fn bytes(&self) -> u64 {
        RECORD_BYTES + self.request_bytes + self.result_bytes
    }

    /// Whether its result is yet to be sent.
    pub fn is_undelivered(&self) -> bool {
        self.webhook.as_ref().is_some_and(|webhook| webhook.state == Delivery::Pending)
    }
}

#[cfg(test)]
impl Operation {
    /// One that was accepted at second 1, with a body of 100 bytes.
    pub fn example(seq: u64) -> Operation {
        Operation {
            id: Id(u128::from(seq).to_be_bytes()),
            seq,
            path: "/v1/models/m:predict".into(),
            model: "m".into(),
            version: None,
            state: State::Pending,
            failure: None,
            created_ms: 1_000,
            started_ms: 0,
            ended_ms: 0,
            attempts: 0,
            not_before_ms: 0,
            request_bytes: 100,
            result_bytes: 0,
            key: None,
            fingerprint: String::new(),
            webhook: None,
            origin: None,
        }
    }
}

/// A time as RFC 3339 writes it, in UTC.
///
/// Source: for the civil calendar, RFC 3339 and the rule of leap years.
pub fn rfc3339(ms: Millis) -> String {
    let (seconds, fraction) = (ms / 1000, ms % 1000);
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let mut month = 1;
    loop {
        let length = match month {
            2 => 28 + u64::from(is_leap(year)),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z", days + 1)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = Id([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(id.to_string(), "000102030405060708090a0b0c0d0eff");
        assert_eq!(Id::parse(&id.to_string()), Some(id));
        for wrong in ["", "00", "+00102030405060708090a0b0c0d0eff", "000102030405060708090A0B0C0D0EFF"] {
            assert_eq!(Id::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_written_in_utc() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_735_689_600_001, "2025-01-01T00:00:00.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        for (ms, expected) in cases {
            assert_eq!(rfc3339(ms), expected);
        }
    }
}
