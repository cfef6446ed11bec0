//! Numbers that nobody else has: for the names of requests, traces and spans.
//!
//! A keyed hash of a counter. The keys come from the operating system once, so that two servers do not walk the same sequence and
//! nobody can tell the next name from the last one; a name costs two short hashes and no call into the system.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

struct Source {
    keys: [RandomState; 2],
    next: AtomicU64,
}

/// 16 bytes that are equally likely to be any.
pub fn sixteen() -> [u8; 16] {
    static SOURCE: OnceLock<Source> = OnceLock::new();
    let source =
        SOURCE.get_or_init(|| Source { keys: [RandomState::new(), RandomState::new()], next: AtomicU64::new(0) });
    let number = source.next.fetch_add(1, Ordering::Relaxed);
    let [high, low] = [0, 1].map(|half: usize| source.keys[half].hash_one(number));
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

/// 8 such bytes, never all zero: those name no span.
pub fn eight() -> [u8; 8] {
    let number = u128::from_be_bytes(sixteen()) as u64;
    number.max(1).to_be_bytes()
}

/// Bytes as lower-case hexadecimal digits, at the end of a text.
pub fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_are_the_same_whichever_thread_asks() {
        let threads: Vec<_> =
            (0..4).map(|_| std::thread::spawn(|| (0..1000).map(|_| sixteen()).collect::<Vec<_>>())).collect();
        let all: HashSet<[u8; 16]> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(all.len(), 4000);
        assert!((0..1000).all(|_| eight() != [0; 8]));
    }

    #[test]
    fn bytes_are_written_as_digits() {
        let mut out = b"id ".to_vec();
        write_hex(&[0, 0x1f, 0xa0, 0xff], &mut out);
        assert_eq!(out, b"id 001fa0ff");
    }
}
