//! How long runs take of late, as far as that lets one say what a run will take, or that a request cannot be answered in time.

use std::time::Duration;

/// Runs that are remembered.
const REMEMBERED: usize = 16;

/// The longest that a run of joined requests should take when nobody has said how large it may be. A model that needs longer
/// for a few rows keeps a processor busy with them, and gains nothing from more; whoever is behind only waits longer.
const NATURAL_RUN: Duration = Duration::from_millis(50);

/// One run that ended.
#[derive(Clone, Copy, Debug, Default)]
struct Ended {
    took: Duration,
    rows: usize,
}

/// The latest runs.
#[derive(Debug, Default)]
pub struct Pace {
    runs: [Ended; REMEMBERED],
    seen: usize,
}

impl Pace {
    /// Remembers a run of that many rows; 1 where rows are not known.
    pub fn note(&mut self, took: Duration, rows: usize) {
        self.runs[self.seen % REMEMBERED] = Ended { took, rows: rows.max(1) };
        self.seen += 1;
    }

    /// The fastest of the latest runs: no request can be expected to take less. Zero until enough have been seen.
    pub fn fastest(&self) -> Duration {
        match self.seen < REMEMBERED {
            true => Duration::ZERO,
            false => self.runs.iter().map(|run| run.took).min().unwrap_or_default(),
        }
    }

    /// The slowest of the latest runs; zero before the first.
    pub fn slowest(&self) -> Duration {
        self.runs.iter().map(|run| run.took).max().unwrap_or_default()
    }

    /// The most rows that a run should have to be over in [`NATURAL_RUN`], going by the best of the latest; none before the first.
    pub fn natural_rows(&self) -> Option<usize> {
        let ended = self.runs.iter().take(self.seen.min(REMEMBERED));
        let row = ended.map(|run| run.took / run.rows as u32).min()?;
        Some((NATURAL_RUN.as_nanos() / row.as_nanos().max(1)).clamp(1, 1 << 20) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn nothing_is_said_before_enough_has_been_seen() {
        let mut pace = Pace::default();
        for _ in 0..15 {
            pace.note(7 * MS, 1);
        }
        assert_eq!(pace.fastest(), Duration::ZERO);
        pace.note(5 * MS, 1);
        assert_eq!((pace.fastest(), pace.slowest()), (5 * MS, 7 * MS));
        for _ in 0..16 {
            pace.note(9 * MS, 1);
        }
        assert_eq!((pace.fastest(), pace.slowest()), (9 * MS, 9 * MS), "old runs are forgotten");
    }

    #[test]
    fn a_run_has_as_many_rows_as_are_over_soon() {
        let mut pace = Pace::default();
        assert_eq!(pace.natural_rows(), None);
        pace.note(20 * MS, 1);
        assert_eq!(pace.natural_rows(), Some(2));
        pace.note(25 * MS, 10);
        assert_eq!(pace.natural_rows(), Some(20), "by the best: a run of many rows tells what a row costs in it");
        let mut slow = Pace::default();
        slow.note(90 * MS, 0);
        assert_eq!(slow.natural_rows(), Some(1), "one row runs, however long it takes");
    }
}
