//! How fast a queue that does not run empty gets shorter, and so how long a newcomer waits in it.
//!
//! Only what was seen since the queue last was empty counts: an idle channel's pace says nothing of a busy one's, since runs get
//! larger when more waits. So a burst is never refused for what was slow before it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Launches that are remembered, and how many it takes to say something.
const REMEMBERED: usize = 32;
const LEAST: usize = 5;
/// What a time is expected to be at most, in parts of what it was of late: whoever is let in should not be late after all.
const SPARE: f64 = 1.5;

/// What left the queue since it last was empty.
#[derive(Debug, Default)]
pub struct Drain {
    launches: VecDeque<(Instant, usize)>,
}

impl Drain {
    /// Remembers that `requests` left the queue together, and `left` remain.
    pub fn note(&mut self, now: Instant, requests: usize, left: usize) {
        if left == 0 {
            return self.forget();
        }
        if self.launches.len() == REMEMBERED {
            self.launches.pop_front();
        }
        self.launches.push_back((now, requests));
    }

    /// Begins anew: the queue was empty.
    pub fn forget(&mut self) {
        self.launches.clear();
    }

    /// How long a newcomer behind `ahead` others waits for its answer, with something to spare, when a run takes as long as `run`;
    /// none when too little was seen.
    pub fn answer(&self, ahead: usize, run: Duration) -> Option<Duration> {
        self.wait(ahead).map(|wait| (wait + run).mul_f64(SPARE))
    }

    /// How long it takes until `ahead` requests have left, going by the latest launches; none when there are too few to say.
    fn wait(&self, ahead: usize) -> Option<Duration> {
        if self.launches.len() < LEAST {
            return None;
        }
        let (first, last) = (self.launches.front()?, self.launches.back()?);
        // What the first launch took left before the time that is measured.
        let left: usize = self.launches.iter().skip(1).map(|(_, requests)| requests).sum();
        Some((last.0 - first.0).mul_f64(ahead as f64 / left.max(1) as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_newcomer_waits_as_long_as_those_ahead_take_at_the_latest_pace() {
        let (mut drain, start) = (Drain::default(), Instant::now());
        for (at, requests) in [(0, 9), (10, 2), (20, 4), (30, 2)] {
            drain.note(start + at * MS, requests, 7);
        }
        assert_eq!(drain.wait(7), None, "too few launches to say");
        drain.note(start + 40 * MS, 2, 7);
        assert_eq!(drain.wait(5), Some(20 * MS));
        assert_eq!(drain.wait(0), Some(Duration::ZERO));
        assert_eq!(drain.answer(5, 4 * MS), Some(36 * MS), "half as much again as the wait and the run");
        for at in 1..=32 {
            drain.note(start + (40 + at) * MS, 1, 7);
        }
        assert_eq!(drain.wait(5), Some(5 * MS), "old launches are forgotten");
    }

    #[test]
    fn nothing_is_known_of_a_queue_that_was_empty() {
        let (mut drain, start) = (Drain::default(), Instant::now());
        (0..8).for_each(|at| drain.note(start + at * MS, 1, 3));
        assert!(drain.wait(3).is_some());
        drain.note(start + 9 * MS, 3, 0);
        assert_eq!(drain.wait(3), None);
    }
}
