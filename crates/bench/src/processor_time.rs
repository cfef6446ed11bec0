//! What this process has taken from the processors so far: part of the report, because the server went without it.

use std::time::Duration;

/// Time that this process ran, in its own code and in the kernel's.
pub fn own() -> Duration {
    // SAFETY: an all-zero rusage is a valid value, and the call fills it; RUSAGE_SELF cannot be refused.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
}
