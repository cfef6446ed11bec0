//! The clock that both ends of a channel share.

use std::time::Duration;

/// Nanoseconds on the system's monotonic clock, which is the same one for every process of a machine and stands in no
/// relation to the date.
///
/// Source: clock_gettime(2), CLOCK_MONOTONIC; Python's `time.monotonic_ns` reads the same clock.
pub fn monotonic_nanos() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a timespec that the call may write to.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    assert_eq!(failed, 0, "every Linux has a monotonic clock");
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// What is left until a deadline on that clock: none when there is no deadline (0), zero when it has passed.
pub fn left(deadline_nanos: u64, now_nanos: u64) -> Option<Duration> {
    (deadline_nanos != 0).then(|| Duration::from_nanos(deadline_nanos.saturating_sub(now_nanos)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_never_negative_and_none_without_a_deadline() {
        assert_eq!(left(0, 7), None);
        assert_eq!(left(10, 7), Some(Duration::from_nanos(3)));
        assert_eq!(left(7, 10), Some(Duration::ZERO));
    }

    #[test]
    fn the_clock_goes_on() {
        let first = monotonic_nanos();
        assert!(first > 0 && monotonic_nanos() >= first);
    }
}
