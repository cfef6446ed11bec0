//! All operations in memory, with what follows from each: its key, its bytes, its place in line, and when to look at it again.
//!
//! Pure bookkeeping under the lock of [`super::Operations`]: it knows no store, clock or task.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::line::Line;
use super::operation::{Id, Millis, Operation, State};
use super::state::Rules;

/// The operations.
#[derive(Debug)]
pub struct Index {
    rules: Rules,
    by_seq: BTreeMap<u64, Operation>,
    by_id: HashMap<Id, u64>,
    by_key: HashMap<String, u64>,
    /// Not yet on disk: nobody was told of them.
    accepting: HashSet<u64>,
    /// Their end is on its way to the disk.
    ending: HashSet<u64>,
    /// When each ends because its time is over, or is forgotten.
    timers: BTreeSet<(Millis, u64)>,
    deliveries: BTreeSet<(Millis, u64)>,
    bytes: u64,
    pending: usize,
    next_seq: u64,
    /// Who waits and who runs.
    pub line: Line,
}

impl Index {
    /// No operations.
    pub fn new(rules: Rules) -> Index {
        Index {
            rules,
            by_seq: BTreeMap::new(),
            by_id: HashMap::new(),
            by_key: HashMap::new(),
            accepting: HashSet::new(),
            ending: HashSet::new(),
            timers: BTreeSet::new(),
            deliveries: BTreeSet::new(),
            bytes: 0,
            pending: 0,
            next_seq: 1,
            line: Line::default(),
        }
    }

    /// The number of the operation that is accepted next.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// One by its number.
    pub fn get(&self, seq: u64) -> Option<&Operation> {
        self.by_seq.get(&seq)
    }

    /// One by its name; those that are not on disk have none yet.
    pub fn find(&self, id: Id) -> Option<&Operation> {
        let seq = self.by_id.get(&id)?;
        self.by_seq.get(seq).filter(|_| !self.accepting.contains(seq))
    }

    /// One by the client's name for it, and whether it is on disk.
    pub fn by_key(&self, key: &str) -> Option<(&Operation, bool)> {
        let seq = self.by_key.get(key)?;
        self.by_seq.get(seq).map(|operation| (operation, !self.accepting.contains(seq)))
    }

    /// Those after a number, in order of acceptance.
    pub fn after(&self, seq: u64) -> impl Iterator<Item = &Operation> {
        let later = self.by_seq.range(seq.saturating_add(1)..);
        later.filter(|(seq, _)| !self.accepting.contains(*seq)).map(|(_, operation)| operation)
    }

    /// Those that run, and whose end is not on its way to the disk.
    pub fn running(&self) -> Vec<Operation> {
        let running = self.by_seq.values().filter(|operation| operation.state == State::Running);
        running.filter(|operation| !self.ending.contains(&operation.seq)).cloned().collect()
    }

    /// Takes note that the end of one that runs is on its way to the disk; [`Index::put`] shows it.
    pub fn ending(&mut self, seq: u64) {
        self.ending.insert(seq);
    }

    /// Bytes of requests, results and records.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many have not ended.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Puts in one that is on its way to the disk: it has its place and its key, and is not begun.
    pub fn accept(&mut self, operation: Operation) {
        self.accepting.insert(operation.seq);
        self.put(operation);
    }

    /// It is on disk now: it may be begun, if it still waits.
    pub fn accepted(&mut self, seq: u64) {
        if self.accepting.remove(&seq) {
            if let Some(operation) = self.by_seq.get(&seq).filter(|operation| operation.state == State::Pending) {
                self.line.wait(operation);
            }
        }
    }

    /// Puts in an operation, or what became of it.
    pub fn put(&mut self, operation: Operation) {
        let seq = operation.seq;
        self.forget_due(seq);
        self.next_seq = self.next_seq.max(seq + 1);
        self.bytes += operation.bytes();
        self.pending += usize::from(!operation.state.has_ended());
        let deadline = || (!operation.state.has_ended()).then(|| self.rules.deadline_ms(&operation));
        if let Some(due) = self.rules.expires_ms(&operation).or_else(deadline) {
            self.timers.insert((due, seq));
        }
        if operation.state.has_ended() && operation.is_undelivered() {
            let due = operation.webhook.as_ref().map_or(0, |webhook| webhook.next_ms);
            self.deliveries.insert((due, seq));
        }
        match operation.state {
            State::Pending if !self.accepting.contains(&seq) => self.line.wait(&operation),
            State::Pending | State::Running => {}
            _ => self.line.remove(seq),
        }
        self.by_id.insert(operation.id, seq);
        if let Some(key) = &operation.key {
            self.by_key.insert(key.clone(), seq);
        }
        self.by_seq.insert(seq, operation);
    }

    /// Takes one out.
    pub fn remove(&mut self, seq: u64) -> Option<Operation> {
        self.forget_due(seq);
        self.accepting.remove(&seq);
        self.line.remove(seq);
        let operation = self.by_seq.remove(&seq)?;
        self.by_id.remove(&operation.id);
        if let Some(key) = &operation.key {
            self.by_key.remove(key);
        }
        Some(operation)
    }

    /// One whose time is over at `now`: it must end, or be forgotten.
    pub fn over(&self, now: Millis) -> Option<u64> {
        self.timers.first().filter(|(due, _)| *due <= now).map(|(_, seq)| *seq)
    }

    /// Takes the number of one whose result is to be sent at `now`; [`Index::put`] has it sent again.
    pub fn take_delivery(&mut self, now: Millis) -> Option<u64> {
        let due = self.deliveries.first().copied().filter(|(due, _)| *due <= now)?;
        self.deliveries.remove(&due);
        Some(due.1)
    }

    /// When to look again, apart from what the line says.
    pub fn next_due(&self, with_deliveries: bool) -> Option<Millis> {
        let delivery = self.deliveries.first().filter(|_| with_deliveries);
        [self.timers.first(), delivery].into_iter().flatten().map(|(due, _)| *due).min()
    }

    /// Removes everything that followed from what an operation was.
    fn forget_due(&mut self, seq: u64) {
        let Some(before) = self.by_seq.get(&seq) else { return };
        self.ending.remove(&seq);
        self.bytes -= before.bytes();
        self.pending -= usize::from(!before.state.has_ended());
        let due = self.rules.expires_ms(before).unwrap_or_else(|| self.rules.deadline_ms(before));
        self.timers.remove(&(due, seq));
        let delivery = before.webhook.as_ref().map_or(0, |webhook| webhook.next_ms);
        self.deliveries.remove(&(delivery, seq));
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::Next;
    use super::super::state::{delivery_tried, Outcome, Tried};
    use super::*;
    use crate::operations::operation::{Delivery, Webhook, RECORD_BYTES};

    const RULES: Rules = Rules { timeout_ms: 10_000, retention_ms: 5_000, max_attempts: 3 };

    #[test]
    fn one_that_is_not_on_disk_is_neither_found_nor_begun() {
        let mut index = Index::new(RULES);
        let operation = Operation { key: Some("k".into()), ..Operation::example(1) };
        index.accept(operation.clone());
        assert_eq!((index.find(operation.id), index.after(0).count()), (None, 0));
        assert_eq!(index.by_key("k"), Some((&operation, false)));
        assert_eq!(index.line.next(2_000, 1), Next::Idle);
        index.accepted(1);
        assert_eq!((index.find(operation.id), index.by_key("k")), (Some(&operation), Some((&operation, true))));
        assert_eq!(index.line.next(2_000, 1), Next::Start(1));
    }

    #[test]
    fn bytes_and_places_are_counted_once_and_given_back() {
        let mut index = Index::new(RULES);
        let mut operation = Operation { key: Some("k".into()), ..Operation::example(1) };
        index.put(operation.clone());
        index.put(operation.clone());
        assert_eq!((index.bytes(), index.pending(), index.next_seq()), (RECORD_BYTES + 100, 1, 2));
        RULES.run_ended(&mut operation, &Outcome::Answered { bytes: 7, version: 1 }, 2_000, 0.0);
        index.put(operation);
        assert_eq!((index.bytes(), index.pending()), (RECORD_BYTES + 7, 0));
        assert!(index.remove(1).is_some());
        assert_eq!((index.bytes(), index.pending(), index.by_key("k"), index.next_due(true)), (0, 0, None, None));
    }

    #[test]
    fn one_is_over_at_its_deadline_and_again_when_it_is_forgotten() {
        let mut index = Index::new(RULES);
        let mut operation = Operation::example(1);
        index.put(operation.clone());
        assert_eq!((index.over(10_999), index.over(11_000), index.next_due(true)), (None, Some(1), Some(11_000)));
        RULES.expire(&mut operation, 11_000);
        index.put(operation);
        assert_eq!((index.over(15_999), index.over(16_000)), (None, Some(1)));
    }

    #[test]
    fn a_delivery_is_taken_once_and_comes_back_when_it_is_to_be_tried_again() {
        let mut index = Index::new(RULES);
        let url = "http://x.org/".to_owned();
        let webhook = Webhook { url, state: Delivery::Pending, attempts: 0, next_ms: 0, error: String::new() };
        let mut operation = Operation { webhook: Some(webhook), ..Operation::example(1) };
        index.put(operation.clone());
        assert_eq!(index.take_delivery(9_000), None, "there is no result");
        RULES.run_ended(&mut operation, &Outcome::Answered { bytes: 7, version: 1 }, 2_000, 0.0);
        index.put(operation.clone());
        assert_eq!(
            (index.take_delivery(1_999), index.next_due(true), index.next_due(false)),
            (None, Some(2_000), None)
        );
        assert_eq!((index.take_delivery(2_000), index.take_delivery(2_000)), (Some(1), None));
        delivery_tried(&mut operation, &Tried::Missed("503".into()), 3, 100, 2_000, 0.0);
        index.put(operation.clone());
        assert_eq!((index.take_delivery(2_099), index.take_delivery(2_100)), (None, Some(1)));
        delivery_tried(&mut operation, &Tried::Taken, 3, 100, 3_000, 0.0);
        index.put(operation);
        assert_eq!((index.take_delivery(99_000), index.over(7_000)), (None, Some(1)));
    }
}
