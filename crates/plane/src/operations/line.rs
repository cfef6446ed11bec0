//! Which operation runs next: a pure data structure over the operations that wait.
//!
//! Models take turns by how many of theirs run, so that one model's thousand operations do not hold up another's one; within
//! a model the first accepted is the first begun. An operation that was cut short before runs with no other beside it: if it
//! is what kills the worker, nothing else is killed with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::operation::{Millis, Operation};

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Begin this one.
    Start(u64),
    /// Nothing until then, or until something changes.
    At(Millis),
    /// Nothing until something changes.
    Idle,
}

/// The operations that wait, by number, and how many run.
#[derive(Debug, Default)]
pub struct Line {
    ready: BTreeMap<String, BTreeSet<u64>>,
    /// Begun before, and ready to be begun again.
    suspects: BTreeSet<u64>,
    later: BTreeSet<(Millis, u64)>,
    waiting: HashMap<u64, Place>,
    running: HashMap<u64, String>,
    by_model: HashMap<String, usize>,
    alone: Option<u64>,
}

#[derive(Clone, Debug)]
struct Place {
    model: String,
    suspect: bool,
    /// Not before; 0 when ready.
    due: Millis,
}

impl Line {
    /// Puts an operation in, or puts one that ran back in.
    pub fn wait(&mut self, operation: &Operation) {
        self.remove(operation.seq);
        let place =
            Place { model: operation.model.clone(), suspect: operation.attempts > 0, due: operation.not_before_ms };
        match place.due {
            0 => self.make_ready(operation.seq, &place),
            due => {
                self.later.insert((due, operation.seq));
            }
        }
        self.waiting.insert(operation.seq, place);
    }

    /// Takes one out that has ended or does not run any more.
    pub fn remove(&mut self, seq: u64) {
        if let Some(place) = self.waiting.remove(&seq) {
            self.later.remove(&(place.due, seq));
            self.suspects.remove(&seq);
            self.unready(seq, &place.model);
        }
        if let Some(model) = self.running.remove(&seq) {
            match self.by_model.get_mut(&model) {
                Some(count) if *count > 1 => *count -= 1,
                _ => {
                    self.by_model.remove(&model);
                }
            }
        }
        if self.alone == Some(seq) {
            self.alone = None;
        }
    }

    /// What to do at `now`, when `most` may run at once; one that is to be started counts as running from then on.
    pub fn next(&mut self, now: Millis, most: usize) -> Next {
        while let Some(&(due, seq)) = self.later.first().filter(|(due, _)| *due <= now) {
            self.later.remove(&(due, seq));
            let mut place = self.waiting[&seq].clone();
            place.due = 0;
            self.make_ready(seq, &place);
            self.waiting.insert(seq, place);
        }
        if self.alone.is_none() && self.running.len() < most {
            match self.suspects.first().copied() {
                // Others are not begun meanwhile, so that its turn comes.
                Some(seq) if self.running.is_empty() => {
                    self.alone = Some(seq);
                    return self.start(seq);
                }
                Some(_) => {}
                None => {
                    if let Some(seq) = self.first_ready() {
                        return self.start(seq);
                    }
                }
            }
        }
        self.later.first().map_or(Next::Idle, |(due, _)| Next::At(*due))
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    fn start(&mut self, seq: u64) -> Next {
        if let Some(place) = self.waiting.remove(&seq) {
            self.suspects.remove(&seq);
            self.unready(seq, &place.model);
            *self.by_model.entry(place.model.clone()).or_insert(0) += 1;
            self.running.insert(seq, place.model);
        }
        Next::Start(seq)
    }

    /// The first of the model of which the fewest run.
    fn first_ready(&self) -> Option<u64> {
        let heads = self.ready.iter().filter_map(|(model, seqs)| {
            let running = self.by_model.get(model).copied().unwrap_or(0);
            seqs.first().map(|seq| (running, *seq))
        });
        heads.min().map(|(_, seq)| seq)
    }

    fn make_ready(&mut self, seq: u64, place: &Place) {
        if place.suspect {
            self.suspects.insert(seq);
        } else {
            self.ready.entry(place.model.clone()).or_default().insert(seq);
        }
    }

    fn unready(&mut self, seq: u64, model: &str) {
        if let Some(seqs) = self.ready.get_mut(model) {
            seqs.remove(&seq);
            if seqs.is_empty() {
                self.ready.remove(model);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(seq: u64, model: &str, attempts: u32, not_before_ms: Millis) -> Operation {
        Operation { model: model.into(), attempts, not_before_ms, ..Operation::example(seq) }
    }

    fn line(operations: &[(u64, &str, u32, Millis)]) -> Line {
        let mut line = Line::default();
        for (seq, model, attempts, due) in operations {
            line.wait(&operation(*seq, model, *attempts, *due));
        }
        line
    }

    #[test]
    fn first_in_is_first_begun_and_no_more_than_allowed() {
        let mut line = line(&[(2, "m", 0, 0), (1, "m", 0, 0), (3, "m", 0, 0)]);
        assert_eq!([line.next(0, 2), line.next(0, 2), line.next(0, 2)], [Next::Start(1), Next::Start(2), Next::Idle]);
        assert_eq!((line.waiting(), line.running()), (1, 2));
        line.remove(1);
        assert_eq!(line.next(0, 2), Next::Start(3));
    }

    #[test]
    fn models_take_turns() {
        let mut line = line(&[(1, "a", 0, 0), (2, "a", 0, 0), (3, "a", 0, 0), (4, "b", 0, 0)]);
        let begun: Vec<_> = (0..4).map(|_| line.next(0, 9)).collect();
        assert_eq!(begun, [Next::Start(1), Next::Start(4), Next::Start(2), Next::Start(3)]);
    }

    #[test]
    fn what_is_put_off_waits_for_its_time() {
        let mut line = line(&[(1, "m", 0, 500), (2, "m", 0, 300)]);
        assert_eq!(line.next(0, 2), Next::At(300));
        assert_eq!([line.next(300, 2), line.next(300, 2)], [Next::Start(2), Next::At(500)]);
        line.remove(1);
        assert_eq!(line.next(300, 2), Next::Idle);
    }

    #[test]
    fn one_that_was_cut_short_runs_with_no_other_beside_it() {
        let mut line = line(&[(1, "m", 0, 0), (2, "m", 1, 10), (3, "m", 0, 0)]);
        assert_eq!(line.next(0, 2), Next::Start(1));
        assert_eq!(line.next(10, 2), Next::Idle, "1 must end first, and 3 must not delay 2");
        line.remove(1);
        assert_eq!([line.next(10, 2), line.next(10, 2)], [Next::Start(2), Next::Idle]);
        line.remove(2);
        assert_eq!(line.next(10, 2), Next::Start(3));
    }

    #[test]
    fn one_that_runs_again_or_has_ended_leaves_no_trace() {
        let mut line = line(&[(1, "m", 0, 0)]);
        assert_eq!(line.next(0, 1), Next::Start(1));
        line.wait(&operation(1, "m", 0, 0));
        assert_eq!((line.waiting(), line.running()), (1, 0));
        line.remove(1);
        assert_eq!((line.waiting(), line.next(0, 1)), (0, Next::Idle));
    }
}
