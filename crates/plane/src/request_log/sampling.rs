//! Which requests are logged.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

/// Whether a request is logged at this rate, by a number that is equally likely to be any; 0 is never and 1 always.
pub fn is_sampled(rate: f64, random: impl FnOnce() -> u64) -> bool {
    if rate >= 1.0 {
        return true;
    }
    // The 53 bits that a double holds exactly: below 1, as the rate's own comparison needs it.
    rate > 0.0 && (random() >> 11) as f64 / ((1u64 << 53) as f64) < rate
}

/// A number that is equally likely to be any, from a sequence that all threads share: nobody guesses at logging to harm us, so
/// that speed counts and nothing else.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (SplitMix64).
pub fn random() -> u64 {
    static STATE: OnceLock<AtomicU64> = OnceLock::new();
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let state = STATE.get_or_init(|| AtomicU64::new(RandomState::new().hash_one(std::process::id())));
    let mut mixed = state.fetch_add(STEP, Ordering::Relaxed);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_never_and_one_always_without_asking_for_a_number() {
        let unasked = || -> u64 { panic!("no number is needed") };
        assert!(!is_sampled(0.0, unasked));
        assert!(!is_sampled(-1.0, unasked));
        assert!(!is_sampled(f64::NAN, unasked));
        assert!(is_sampled(1.0, unasked));
    }

    #[test]
    fn the_number_decides_in_between() {
        let half = 1u64 << 63;
        for (rate, random, expected) in [
            (0.5, 0, true),
            (0.5, half - (1 << 11), true),
            (0.5, half, false),
            (0.5, u64::MAX, false),
            (1e-300, 0, true),
            (1e-300, 1 << 11, false),
            (1.0 - f64::EPSILON / 2.0, u64::MAX, false),
            (1.0 - f64::EPSILON / 2.0, u64::MAX - (1 << 11), true),
        ] {
            assert_eq!(is_sampled(rate, || random), expected, "rate {rate}, number {random:x}");
        }
    }

    #[test]
    fn the_share_is_about_the_rate() {
        let sampled = (0..100_000).filter(|_| is_sampled(0.1, random)).count();
        assert!((9_000..11_000).contains(&sampled), "{sampled}");
    }
}
