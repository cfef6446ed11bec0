//! What becomes of things that are written or sent behind the requests' back: a counter for each end.

use prometheus::{IntCounter, IntCounterVec};

/// What became of a line or a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is where it should be.
    Done,
    /// Too many waited already.
    Dropped,
    /// It could not be written, or was not taken.
    Failed,
}

/// The counters of one kind of thing.
#[derive(Clone, Debug)]
pub struct Counts([IntCounter; 3]);

impl Counts {
    /// Counters of a family with the label `outcome`; `done` is the first one's value.
    pub(super) fn new(family: &IntCounterVec, done: &str) -> Counts {
        Counts([done, "dropped", "failed"].map(|outcome| family.with_label_values(&[outcome])))
    }

    /// Counts some.
    pub fn count(&self, fate: Fate, some: u64) {
        self.0[fate as usize].inc_by(some);
    }

    /// How many ended so.
    pub fn counted(&self, fate: Fate) -> u64 {
        self.0[fate as usize].get()
    }
}
