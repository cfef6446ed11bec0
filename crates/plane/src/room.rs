//! Room for work that nobody waits for: so many pieces, and so many bytes that they hold in memory.
//!
//! What finds no room is not done, so that it can never hold up or crowd out the requests that somebody waits for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// The room, and what of it is taken.
#[derive(Debug)]
pub struct Room {
    max_pieces: usize,
    max_bytes: usize,
    pieces: AtomicUsize,
    bytes: AtomicUsize,
}

impl Room {
    /// Empty room for this much.
    pub fn new(max_pieces: usize, max_bytes: usize) -> Arc<Room> {
        Arc::new(Room { max_pieces, max_bytes, pieces: AtomicUsize::new(0), bytes: AtomicUsize::new(0) })
    }
}

/// A piece's part of the room, until dropped.
#[derive(Debug)]
pub struct Place {
    room: Arc<Room>,
    bytes: usize,
}

impl Place {
    /// A place for a piece of so many bytes; none when there is not enough left.
    pub fn take(room: &Arc<Room>, bytes: usize) -> Option<Place> {
        let taken = room.pieces.fetch_update(Ordering::AcqRel, Ordering::Acquire, |pieces| {
            (pieces < room.max_pieces).then_some(pieces + 1)
        });
        taken.ok()?;
        let mut place = Place { room: Arc::clone(room), bytes: 0 };
        place.grow(bytes).then_some(place)
    }

    /// Takes more; false, and nothing taken, when there is not enough left.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let taken = self.room.bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| {
            taken.checked_add(bytes).filter(|taken| *taken <= self.room.max_bytes)
        });
        self.bytes += if taken.is_ok() { bytes } else { 0 };
        taken.is_ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.pieces.fetch_sub(1, Ordering::AcqRel);
        self.room.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_bounded_in_pieces_and_in_bytes_and_is_given_back() {
        let room = Room::new(64, 1000);
        let mut places: Vec<Place> = (0..64).map(|_| Place::take(&room, 1).unwrap()).collect();
        assert!(Place::take(&room, 0).is_none(), "no piece more");
        places.pop();
        assert!(Place::take(&room, 1000).is_none(), "others hold some");
        let mut last = Place::take(&room, 1).unwrap();
        assert!(!last.grow(usize::MAX) && !last.grow(1000) && last.grow(1000 - 64));
        drop((places, last));
        assert_eq!((room.pieces.load(Ordering::Acquire), room.bytes.load(Ordering::Acquire)), (0, 0));
        assert!(Place::take(&room, 1000).is_some());
    }
}
