//! Where a run executes: in the thread that asked, or in TensorFlow's pool.
//!
//! In the caller's thread nothing is handed over and woken. Measured on a 2-core x86-64 machine with other work running, p50
//! inside TensorFlow: half_plus_two 3 to 7 µs against 25 to 75 µs in the pool; an MNIST CNN, one row, 173 to 200 µs against
//! 250 to 300 µs, and 32 rows 760 to 870 µs against 880 to 910 µs. But there a graph's operations run one after another, and
//! TensorFlow cannot end the run at its timeout. Once a run takes a millisecond the hand-over no longer counts, and both
//! matter. So a signature whose recent runs were all short runs in the caller's thread, and any other in the pool, with its
//! timeout, which by itself costs nothing there.
//!
//! Source: tensorflow/core/protobuf/config.proto, RunOptions.inter_op_thread_pool and timeout_in_ms.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A signature whose slowest recent run took longer goes to the pool.
const SHORT_NANOS: u64 = 1_000_000;
/// How many times the slowest recent run must fit into a timeout for the run to go unbounded.
const SAFETY: u64 = 16;
/// Serialized `RunOptions { inter_op_thread_pool: -1 }`: field 3, the ten bytes of a 64-bit -1.
const IN_CALLER: [u8; 11] = [3 << 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];

/// How long a signature's recent runs took: the slowest of them, fading by a sixteenth with each faster run.
pub struct Pace(AtomicU64);

impl Pace {
    /// Nothing is known yet: the first runs go to the pool.
    pub fn unknown() -> Pace {
        Pace(AtomicU64::new(2 * SHORT_NANOS))
    }

    /// Takes one more run into account. Two threads at once may lose one of their runs, which changes nothing that matters.
    pub fn record(&self, run_nanos: u64) {
        let slowest = self.0.load(Ordering::Relaxed);
        self.0.store(run_nanos.max(slowest - slowest / 16), Ordering::Relaxed);
    }

    /// The serialized `RunOptions` for a run that has this much time; none means no bound.
    pub fn run_options(&self, left: Option<Duration>) -> Vec<u8> {
        let slowest = self.0.load(Ordering::Relaxed);
        let roomy = left.is_none_or(|left| left >= Duration::from_nanos(slowest.saturating_mul(SAFETY)));
        match slowest < SHORT_NANOS && roomy {
            true => IN_CALLER.to_vec(),
            false => bounded(left),
        }
    }
}

/// A serialized `RunOptions` with a timeout, rounded up to milliseconds; empty when there is no bound.
fn bounded(left: Option<Duration>) -> Vec<u8> {
    let Some(left) = left else { return vec![] };
    // TensorFlow takes 0 for no bound.
    let millis = left.as_nanos().div_ceil(1_000_000).clamp(1, i64::MAX as u128) as u64;
    let mut bytes = vec![2 << 3];
    prost::encoding::encode_varint(millis, &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn a_timeout_is_rounded_up_to_what_tensorflow_can_express() {
        assert_eq!(bounded(None), b"");
        assert_eq!(bounded(Some(Duration::ZERO)), b"\x10\x01");
        assert_eq!(bounded(Some(MILLISECOND)), b"\x10\x01");
        assert_eq!(bounded(Some(Duration::from_micros(300_001))), b"\x10\xad\x02");
    }

    #[test]
    fn short_runs_move_to_the_callers_thread_and_one_slow_run_moves_them_back() {
        let pace = Pace::unknown();
        assert_eq!(pace.run_options(None), b"");
        for _ in 0..40 {
            pace.record(7_000);
        }
        assert_eq!(pace.run_options(None), IN_CALLER);
        assert_eq!(pace.run_options(Some(10_000 * MILLISECOND)), IN_CALLER);
        pace.record(3_000_000);
        assert_eq!(pace.run_options(Some(10_000 * MILLISECOND)), bounded(Some(10_000 * MILLISECOND)));
    }

    #[test]
    fn a_tight_timeout_stays_enforceable() {
        let pace = Pace::unknown();
        for _ in 0..200 {
            pace.record(200_000);
        }
        assert_eq!(pace.run_options(Some(2 * MILLISECOND)), bounded(Some(2 * MILLISECOND)));
        assert_eq!(pace.run_options(Some(20 * MILLISECOND)), IN_CALLER);
    }
}
