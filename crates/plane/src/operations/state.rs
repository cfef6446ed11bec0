//! What may happen to an operation, and what becomes of it: pure, over times that are given.
//!
//! Inference has no side effects, so one that may have run already is simply run again; what bounds that is the number of
//! times it was begun, since an operation that kills its worker would do so for ever.

use super::operation::{Delivery, Failure, Millis, Operation, State};
use crate::settings::OperationsSettings;
use crate::status::{Code, Status};

/// Pause before an operation whose worker went away is begun again; it doubles with each time.
const RETRY_MS: Millis = 500;
/// The longest of those pauses.
const MAX_RETRY_MS: Millis = 30_000;
/// Pause before an operation is looked at again whose model is on its way.
const NOT_LOADED_MS: Millis = 500;
/// The longest pause between two tries of a delivery.
const MAX_DELIVERY_PAUSE_MS: Millis = 600_000;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer of so many bytes, by this version.
    Answered {
        /// The answer's length.
        bytes: u64,
        /// Who answered.
        version: i64,
    },
    /// With an error.
    Refused(Status),
}

/// The bounds that [`run_ended`] and the others keep.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// See [`OperationsSettings::timeout_ms`].
    pub timeout_ms: Millis,
    /// See [`OperationsSettings::retention_ms`].
    pub retention_ms: Millis,
    /// See [`OperationsSettings::max_attempts`].
    pub max_attempts: u32,
}

impl From<&OperationsSettings> for Rules {
    fn from(settings: &OperationsSettings) -> Rules {
        let OperationsSettings { timeout_ms, retention_ms, max_attempts, .. } = *settings;
        Rules { timeout_ms, retention_ms, max_attempts }
    }
}

impl Rules {
    /// When an operation must have ended.
    pub fn deadline_ms(&self, operation: &Operation) -> Millis {
        operation.created_ms.saturating_add(self.timeout_ms)
    }

    /// When an operation that has ended is forgotten; one whose result is yet to be sent is not.
    pub fn expires_ms(&self, operation: &Operation) -> Option<Millis> {
        let kept = operation.state.has_ended() && !operation.is_undelivered();
        kept.then(|| operation.ended_ms.saturating_add(self.retention_ms))
    }

    /// Begins a run.
    pub fn start(&self, operation: &mut Operation, now: Millis) {
        operation.state = State::Running;
        operation.started_ms = now;
        operation.attempts += 1;
        operation.not_before_ms = 0;
    }

    /// Puts one off whose model is on its way: it was not begun.
    pub fn put_off(&self, operation: &mut Operation, now: Millis) {
        operation.state = State::Pending;
        operation.not_before_ms = now + NOT_LOADED_MS;
    }

    /// Takes note of how a run ended; `chance` in 0..1 spreads the next one.
    pub fn run_ended(&self, operation: &mut Operation, outcome: &Outcome, now: Millis, chance: f64) {
        match outcome {
            Outcome::Answered { bytes, version } => {
                operation.version = Some(*version);
                self.end(operation, State::Done, None, now);
                operation.result_bytes = *bytes;
            }
            Outcome::Refused(status) if status.code == Code::Unavailable => {
                self.interrupted(operation, &status.message, now, chance);
            }
            Outcome::Refused(status) => self.fail(operation, status, now),
        }
    }

    /// Takes note that a run was cut short by the end of its worker or its server.
    pub fn interrupted(&self, operation: &mut Operation, why: &str, now: Millis, chance: f64) {
        if operation.attempts >= self.max_attempts {
            let message = format!("gave up after {} attempts, the bound; the last one: {why}", operation.attempts);
            return self.fail(operation, &Status::unavailable(message), now);
        }
        operation.state = State::Pending;
        let doublings = operation.attempts.saturating_sub(1);
        operation.not_before_ms = now + pause_ms(RETRY_MS, MAX_RETRY_MS, doublings, chance);
    }

    /// Undoes a start that the end of the server took back.
    pub fn taken_back(&self, operation: &mut Operation) {
        operation.state = State::Pending;
        operation.attempts = operation.attempts.saturating_sub(1);
    }

    /// Ends one whose time is over; whether it was.
    pub fn expire(&self, operation: &mut Operation, now: Millis) -> bool {
        let over = !operation.state.has_ended() && self.deadline_ms(operation) <= now;
        if over {
            let message = format!("it did not end within {} s, the limit for operations", self.timeout_ms / 1000);
            self.fail(operation, &Status::deadline_exceeded(message), now);
        }
        over
    }

    /// Ends one with an error.
    pub fn fail(&self, operation: &mut Operation, status: &Status, now: Millis) {
        self.end(operation, State::Failed, Some(Failure::from(status)), now);
    }

    /// Ends one that the client does not want any more; its result is sent to nobody.
    pub fn cancel(&self, operation: &mut Operation, now: Millis) {
        operation.webhook = None;
        self.end(operation, State::Cancelled, None, now);
    }

    fn end(&self, operation: &mut Operation, state: State, failure: Option<Failure>, now: Millis) {
        operation.state = state;
        operation.failure = failure;
        operation.ended_ms = now;
        operation.request_bytes = 0;
        operation.not_before_ms = 0;
        if let Some(webhook) = &mut operation.webhook {
            webhook.next_ms = now;
        }
    }
}

/// How a try to deliver a result ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The receiver took it.
    Taken,
    /// It did not; the next try may help.
    Missed(String),
    /// No try will help.
    Hopeless(String),
}

/// Takes note of a try to deliver; `backoff_ms` is the first pause.
pub fn delivery_tried(
    operation: &mut Operation,
    tried: &Tried,
    max_attempts: u32,
    backoff_ms: Millis,
    now: Millis,
    chance: f64,
) {
    let Some(webhook) = &mut operation.webhook else { return };
    webhook.attempts += 1;
    webhook.next_ms = 0;
    (webhook.state, webhook.error) = match tried {
        Tried::Taken => (Delivery::Delivered, String::new()),
        Tried::Missed(why) if webhook.attempts < max_attempts => {
            webhook.next_ms = now + pause_ms(backoff_ms, MAX_DELIVERY_PAUSE_MS, webhook.attempts - 1, chance);
            (Delivery::Pending, why.clone())
        }
        Tried::Missed(why) | Tried::Hopeless(why) => (Delivery::Failed, why.clone()),
    };
}

/// A pause that doubles up to a bound, less up to half of it by chance, so that what failed together does not return together.
pub fn pause_ms(first: Millis, longest: Millis, doublings: u32, chance: f64) -> Millis {
    let whole = first.saturating_mul(1_u64.checked_shl(doublings).unwrap_or(u64::MAX)).min(longest.max(first));
    whole - (whole as f64 / 2.0 * chance.clamp(0.0, 1.0)) as Millis
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
