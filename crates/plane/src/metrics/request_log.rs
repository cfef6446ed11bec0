//! What becomes of the records of one model's requests: a counter for each outcome.

use prometheus::{IntCounter, IntCounterVec};

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logged {
    /// It is in a file.
    Written,
    /// Too many waited to be written already.
    Dropped,
    /// The file could not be written.
    Failed,
}

impl Logged {
    const ALL: [Logged; 3] = [Logged::Written, Logged::Dropped, Logged::Failed];

    fn label(self) -> &'static str {
        match self {
            Logged::Written => "written",
            Logged::Dropped => "dropped",
            Logged::Failed => "failed",
        }
    }
}

/// The counters of one model.
#[derive(Clone, Debug)]
pub struct LogCounts([IntCounter; 3]);

impl LogCounts {
    /// Counters of a family.
    pub(super) fn new(family: &IntCounterVec, model: &str) -> LogCounts {
        LogCounts(Logged::ALL.map(|outcome| family.with_label_values(&[model, outcome.label()])))
    }

    /// Counts a record.
    pub fn count(&self, outcome: Logged) {
        self.0[outcome as usize].inc();
    }

    /// Records that ended so.
    pub fn counted(&self, outcome: Logged) -> u64 {
        self.0[outcome as usize].get()
    }
}

/// Ends the series of a model.
pub(super) fn remove(family: &IntCounterVec, model: &str) {
    for outcome in Logged::ALL {
        // Gone already is as wanted.
        let _ = family.remove_label_values(&[model, outcome.label()]);
    }
}
