//! Requests that take turns, so that a recorded log is sent as it was recorded.

use std::cell::Cell;

use bytes::Bytes;

/// Requests as they go over the wire, one after another and again from the first.
pub struct Turn {
    requests: Vec<Bytes>,
    next: Cell<usize>,
}

impl Turn {
    /// Starts with the first of `requests`, of which there is at least one.
    pub fn new(requests: Vec<Bytes>) -> Turn {
        Turn { requests, next: Cell::new(0) }
    }

    /// The request whose turn it is.
    pub fn take(&self) -> Bytes {
        let index = self.next.get();
        self.next.set((index + 1) % self.requests.len());
        self.requests[index].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_last_comes_the_first() {
        let turn = Turn::new(vec!["a".into(), "b".into()]);
        assert_eq!([turn.take(), turn.take(), turn.take()], ["a", "b", "a"]);
    }
}
