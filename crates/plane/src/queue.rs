//! Who waits for a slot, in the order of arrival.
//!
//! A pure data structure: it holds no lock, clock or channel. [`crate::channel`] asks it what to run next whenever a slot is
//! free; in the synchronous mode that is one request, and batching will take several from the same place.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// Names a place in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// Requests that wait, first in first out, at most `bound` of them.
#[derive(Debug)]
pub struct Queue<T> {
    waiting: BTreeMap<Ticket, Waiting<T>>,
    bound: usize,
    next: u64,
    front: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    deadline: Option<Instant>,
    item: T,
}

/// Numbers below it are for requests that are put before all others; no number is ever given twice.
const FIRST_TICKET: u64 = 1 << 63;

/// What to do with a request that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Take it.
    Take,
    /// Leave it, and look on.
    Leave,
    /// Leave it, and look no further.
    Enough,
}

/// What [`Queue::take`] found.
#[derive(Debug)]
pub struct Taken<T> {
    /// The next request that can still make it.
    pub next: Option<T>,
    /// Requests before it whose deadline has passed: to be answered, not run.
    pub expired: Vec<T>,
}

impl<T> Queue<T> {
    /// An empty queue of at most `bound` requests.
    pub fn new(bound: usize) -> Queue<T> {
        Queue { waiting: BTreeMap::new(), bound, next: FIRST_TICKET, front: FIRST_TICKET }
    }

    /// Puts a request at the end; `Err` gives it back when the queue is full.
    pub fn push(&mut self, item: T, deadline: Option<Instant>) -> Result<Ticket, T> {
        if self.waiting.len() >= self.bound {
            return Err(item);
        }
        let ticket = Ticket(self.next);
        self.next += 1;
        self.waiting.insert(ticket, Waiting { deadline, item });
        Ok(ticket)
    }

    /// Takes a request out of the queue, wherever it stands; `None` when it is no longer there.
    pub fn remove(&mut self, ticket: Ticket) -> Option<T> {
        self.waiting.remove(&ticket).map(|waiting| waiting.item)
    }

    /// Takes the first request that has time left at `now`, and those before it that have not.
    pub fn take(&mut self, now: Instant) -> Taken<T> {
        let mut expired = Vec::new();
        while let Some((_, waiting)) = self.waiting.pop_first() {
            if waiting.deadline.is_some_and(|deadline| deadline <= now) {
                expired.push(waiting.item);
                continue;
            }
            return Taken { next: Some(waiting.item), expired };
        }
        Taken { next: None, expired }
    }

    /// Takes those of the requests that `pick` wants, first in first out, until it has enough.
    pub fn take_matching(&mut self, mut pick: impl FnMut(&T) -> Pick) -> Vec<T> {
        let mut wanted = Vec::new();
        for (ticket, waiting) in &self.waiting {
            match pick(&waiting.item) {
                Pick::Take => wanted.push(*ticket),
                Pick::Leave => {}
                Pick::Enough => break,
            }
        }
        wanted.into_iter().filter_map(|ticket| self.remove(ticket)).collect()
    }

    /// The first request, which stays.
    pub fn first(&self) -> Option<&T> {
        self.waiting.first_key_value().map(|(_, waiting)| &waiting.item)
    }

    /// All requests in order; they stay.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.waiting.values().map(|waiting| &waiting.item)
    }

    /// Puts a request that had been taken before all others, whatever the bound: it has waited once.
    pub fn push_front(&mut self, item: T, deadline: Option<Instant>) {
        self.front -= 1;
        self.waiting.insert(Ticket(self.front), Waiting { deadline, item });
    }

    /// Takes everything.
    pub fn drain(&mut self) -> Vec<T> {
        std::mem::take(&mut self.waiting).into_values().map(|waiting| waiting.item).collect()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many may wait.
    pub fn bound(&self) -> usize {
        self.bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn first_in_is_first_out() {
        let mut queue = Queue::new(8);
        for item in ["a", "b"] {
            queue.push(item, None).unwrap();
        }
        let now = Instant::now();
        assert_eq!(queue.take(now).next, Some("a"));
        assert_eq!(queue.take(now).next, Some("b"));
        assert_eq!(queue.take(now).next, None);
    }

    #[test]
    fn a_full_queue_gives_the_request_back() {
        let mut queue = Queue::new(1);
        queue.push("a", None).unwrap();
        assert_eq!(queue.push("b", None), Err("b"));
    }

    #[test]
    fn an_expired_request_is_not_run() {
        let now = Instant::now();
        let mut queue = Queue::new(8);
        queue.push("late", Some(now)).unwrap();
        queue.push("in time", Some(now + Duration::from_secs(1))).unwrap();
        let taken = queue.take(now);
        assert_eq!((taken.next, taken.expired), (Some("in time"), vec!["late"]));
    }

    #[test]
    fn matching_requests_are_taken_in_order_until_there_are_enough() {
        let mut queue = Queue::new(8);
        for item in [1, 2, 3, 4, 5] {
            queue.push(item, None).unwrap();
        }
        let mut odd = 0;
        let taken = queue.take_matching(|item| match item % 2 {
            1 if odd == 2 => Pick::Enough,
            1 => {
                odd += 1;
                Pick::Take
            }
            _ => Pick::Leave,
        });
        assert_eq!((taken, queue.iter().copied().collect::<Vec<_>>()), (vec![1, 3], vec![2, 4, 5]));
    }

    #[test]
    fn a_request_that_comes_back_is_first_again() {
        let mut queue = Queue::new(1);
        queue.push("b", None).unwrap();
        queue.push_front("a", None);
        assert_eq!(queue.first(), Some(&"a"));
        assert_eq!(queue.drain(), ["a", "b"]);
    }

    #[test]
    fn a_request_that_leaves_frees_its_place() {
        let mut queue = Queue::new(1);
        let ticket = queue.push("a", None).unwrap();
        assert_eq!(queue.remove(ticket), Some("a"));
        assert_eq!(queue.remove(ticket), None);
        assert!(queue.push("b", None).is_ok());
    }
}
