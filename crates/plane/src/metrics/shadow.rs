//! How copies of requests compared: a counter for each outcome of a pair of versions.

use prometheus::{IntCounter, IntCounterVec};

/// What became of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The candidate answered like the live version.
    Agreed,
    /// It answered otherwise.
    Differed,
    /// It did not answer.
    Failed,
    /// It was not asked: too many copies waited already.
    Dropped,
}

impl Outcome {
    const ALL: [Outcome; 4] = [Outcome::Agreed, Outcome::Differed, Outcome::Failed, Outcome::Dropped];

    fn label(self) -> &'static str {
        match self {
            Outcome::Agreed => "agreed",
            Outcome::Differed => "differed",
            Outcome::Failed => "failed",
            Outcome::Dropped => "dropped",
        }
    }
}

/// The counters of one pair of versions.
#[derive(Clone, Debug)]
pub struct Comparison([IntCounter; 4]);

impl Comparison {
    /// Counters of a family.
    pub(super) fn new(family: &IntCounterVec, model: &str, live: i64, candidate: i64) -> Comparison {
        let [live, candidate] = [live, candidate].map(|version| version.to_string());
        let counter = |outcome: Outcome| family.with_label_values(&[model, &live, &candidate, outcome.label()]);
        Comparison(Outcome::ALL.map(counter))
    }

    /// Counts a copy.
    pub fn count(&self, outcome: Outcome) {
        self.0[outcome as usize].inc();
    }

    /// Copies that ended so.
    pub fn counted(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize].get()
    }
}

/// Ends the series of a pair.
pub(super) fn remove(family: &IntCounterVec, model: &str, live: i64, candidate: i64) {
    let [live, candidate] = [live, candidate].map(|version| version.to_string());
    for outcome in Outcome::ALL {
        // Gone already is as wanted.
        let _ = family.remove_label_values(&[model, &live, &candidate, outcome.label()]);
    }
}
