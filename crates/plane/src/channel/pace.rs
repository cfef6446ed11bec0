//! How long runs take of late, as far as that lets one say that a request cannot be answered in time.

use std::time::Duration;

/// Runs that are remembered.
const REMEMBERED: usize = 16;

/// The times of the latest runs.
#[derive(Debug, Default)]
pub struct Pace {
    runs: [Duration; REMEMBERED],
    seen: usize,
}

impl Pace {
    /// Remembers a run.
    pub fn note(&mut self, run: Duration) {
        self.runs[self.seen % REMEMBERED] = run;
        self.seen += 1;
    }

    /// The fastest of the latest runs: no request can be expected to take less. Zero until enough have been seen.
    pub fn fastest(&self) -> Duration {
        match self.seen < REMEMBERED {
            true => Duration::ZERO,
            false => self.runs.iter().copied().min().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_before_enough_has_been_seen() {
        let mut pace = Pace::default();
        for _ in 0..15 {
            pace.note(Duration::from_millis(7));
        }
        assert_eq!(pace.fastest(), Duration::ZERO);
        pace.note(Duration::from_millis(5));
        assert_eq!(pace.fastest(), Duration::from_millis(5));
        for _ in 0..16 {
            pace.note(Duration::from_millis(9));
        }
        assert_eq!(pace.fastest(), Duration::from_millis(9), "old runs are forgotten");
    }
}
