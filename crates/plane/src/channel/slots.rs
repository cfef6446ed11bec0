//! Which slots of an arena are free, who holds the others, and which hold more memory than they should keep.
//!
//! Pure bookkeeping under [`super::Channel`]'s lock: it knows no socket, no clock and no memory. A slot is in exactly one
//! place: free, held by a flight, held by whoever reads its reply, out for trimming, or lost to an engine that keeps its inputs.

use tokio::time::Instant;

/// A region that used more than this is given back to the operating system once it is no longer needed.
pub const KEEP_BYTES: u64 = 4 << 20;

/// The slots of one arena; `T` is what a flight carries.
#[derive(Debug)]
pub struct Slots<T> {
    /// Taken from the end, so that a quiet channel keeps to slot 0 and its warm pages.
    free: Vec<u16>,
    flights: Vec<Option<Flight<T>>>,
    large: Vec<Large>,
    busy: usize,
    max_busy: usize,
    lost: usize,
    next_request: u64,
}

#[derive(Debug)]
struct Flight<T> {
    request_id: u64,
    payload: T,
}

/// Memory that a slot's two regions (inputs, outputs) may hold beyond [`KEEP_BYTES`].
#[derive(Clone, Copy, Debug, Default)]
struct Large {
    bytes: [u64; 2],
    noted: Option<Instant>,
}

impl<T> Slots<T> {
    /// All of `count` slots free, of which at most `max_busy` may be busy at once.
    pub fn new(count: u16, max_busy: u16) -> Slots<T> {
        Slots {
            free: (0..count).rev().collect(),
            flights: (0..count).map(|_| None).collect(),
            large: vec![Large::default(); usize::from(count)],
            busy: 0,
            max_busy: usize::from(max_busy),
            lost: 0,
            next_request: 1,
        }
    }

    /// How many slots can be taken now.
    pub fn spare(&self) -> usize {
        self.free.len().min(self.max_busy.saturating_sub(self.busy))
    }

    /// How many may be busy at once.
    pub fn max_busy(&self) -> usize {
        self.max_busy
    }

    /// Changes how many may be busy at once; what is busy already may end.
    pub fn set_max_busy(&mut self, max_busy: u16) {
        self.max_busy = usize::from(max_busy);
    }

    /// How many slots belong to a flight or to whoever reads its reply.
    pub fn busy(&self) -> usize {
        self.busy
    }

    /// Gives a slot to a new flight: its slot and request id; `Err` gives the payload back when none can be taken.
    pub fn take(&mut self, payload: T) -> Result<(u16, u64), T> {
        if self.spare() == 0 {
            return Err(payload);
        }
        let slot = self.free.pop().expect("a spare slot is a free one");
        let request_id = self.next_request;
        self.next_request += 1;
        self.busy += 1;
        self.flights[usize::from(slot)] = Some(Flight { request_id, payload });
        Ok((slot, request_id))
    }

    /// Ends a flight; its slot stays busy until [`Slots::release`]. `None` when no such request is in that slot.
    pub fn land(&mut self, slot: u16, request_id: u64) -> Option<T> {
        let flight = self.flights.get_mut(usize::from(slot))?;
        match flight {
            Some(found) if found.request_id == request_id => flight.take().map(|flight| flight.payload),
            _ => None,
        }
    }

    /// Ends every flight; their slots are never used again, for the worker may still write there.
    pub fn abandon(&mut self) -> Vec<T> {
        let flights: Vec<T> = self.flights.iter_mut().filter_map(Option::take).map(|flight| flight.payload).collect();
        self.busy -= flights.len();
        self.lost += flights.len();
        flights
    }

    /// Frees a landed flight's slot; one that is not `reusable` is lost.
    pub fn release(&mut self, slot: u16, reusable: bool) {
        self.busy -= 1;
        match reusable {
            true => self.free.push(slot),
            false => {
                self.lost += 1;
                self.large[usize::from(slot)] = Large::default();
            }
        }
    }

    /// Whether no slot can ever be taken again.
    pub fn exhausted(&self) -> bool {
        self.lost == self.flights.len()
    }

    /// Remembers how much memory a region (0 inputs, 1 outputs) of a slot may hold; true when it is more than may stay.
    pub fn note_use(&mut self, slot: u16, region: usize, bytes: u64, now: Instant) -> bool {
        if bytes <= KEEP_BYTES {
            return false;
        }
        let large = &mut self.large[usize::from(slot)];
        large.bytes[region] = large.bytes[region].max(bytes);
        large.noted = Some(now);
        true
    }

    /// Takes out the free slots that hold more than they should and were last used so at `before` or earlier, with the
    /// bytes of both regions. [`Slots::give_back`] returns each.
    pub fn take_large(&mut self, before: Instant) -> Vec<(u16, [u64; 2])> {
        let mut taken = Vec::new();
        let large = &mut self.large;
        self.free.retain(|slot| {
            let found = &mut large[usize::from(*slot)];
            let idle = found.noted.is_some_and(|noted| noted <= before);
            if idle {
                taken.push((*slot, std::mem::take(found).bytes));
            }
            !idle
        });
        taken
    }

    /// Returns a slot that [`Slots::take_large`] gave.
    pub fn give_back(&mut self, slot: u16) {
        self.free.push(slot);
    }

    /// Whether a slot holds more than it should.
    pub fn is_large(&self, slot: u16) -> bool {
        self.large[usize::from(slot)].noted.is_some()
    }

    /// Whether any slot that may be used again holds more than it should.
    pub fn has_large(&self) -> bool {
        self.large.iter().any(|large| large.noted.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_slot_is_busy_until_its_reply_has_been_read() {
        let mut slots = Slots::new(2, 2);
        let (slot, id) = slots.take("a").unwrap();
        assert_eq!((slot, slots.spare(), slots.busy()), (0, 1, 1));
        assert_eq!(slots.land(slot, id), Some("a"));
        assert_eq!((slots.spare(), slots.busy()), (1, 1));
        slots.release(slot, true);
        assert_eq!((slots.spare(), slots.busy()), (2, 0));
    }

    #[test]
    fn no_more_are_taken_than_may_be_busy() {
        let mut slots = Slots::new(3, 1);
        slots.take("a").unwrap();
        assert_eq!(slots.take("b"), Err("b"));
    }

    #[test]
    fn only_the_request_in_the_slot_can_land() {
        let mut slots = Slots::new(1, 1);
        let (slot, id) = slots.take("a").unwrap();
        assert_eq!(slots.land(slot, id + 1), None);
        assert_eq!(slots.land(9, id), None);
        assert_eq!(slots.land(slot, id), Some("a"));
        assert_eq!(slots.land(slot, id), None);
    }

    #[test]
    fn a_lost_slot_is_replaced_by_a_spare_one_until_there_is_none() {
        let mut slots = Slots::new(2, 1);
        for expected in [0, 1] {
            let (slot, id) = slots.take("a").unwrap();
            assert_eq!(slot, expected);
            slots.land(slot, id);
            slots.release(slot, false);
        }
        assert!(slots.exhausted());
        assert_eq!(slots.spare(), 0);
    }

    #[test]
    fn abandoned_flights_give_their_payload_and_keep_their_slot() {
        let mut slots = Slots::new(2, 2);
        slots.take("a").unwrap();
        assert_eq!(slots.abandon(), ["a"]);
        assert_eq!((slots.busy(), slots.spare()), (0, 1));
    }

    #[test]
    fn only_free_slots_that_were_quiet_are_trimmed() {
        let start = Instant::now();
        let later = start + Duration::from_secs(5);
        let mut slots = Slots::new(2, 2);
        let (slot, id) = slots.take("a").unwrap();
        assert!(!slots.is_large(slot));
        assert!(slots.note_use(slot, 0, KEEP_BYTES + 1, start));
        assert!(slots.is_large(slot));
        assert!(slots.note_use(slot, 0, KEEP_BYTES + 9, start));
        assert!(slots.note_use(slot, 0, KEEP_BYTES + 5, start));
        assert!(!slots.note_use(1, 1, KEEP_BYTES, start));
        assert_eq!(slots.take_large(later), [], "it is in flight");
        slots.land(slot, id);
        slots.release(slot, true);
        assert_eq!(slots.take_large(start - Duration::from_secs(1)), [], "it was used a moment ago");
        assert_eq!(slots.take_large(later), [(slot, [KEEP_BYTES + 9, 0])]);
        assert_eq!((slots.spare(), slots.has_large()), (1, false));
        slots.give_back(slot);
        assert_eq!(slots.spare(), 2);
    }
}
