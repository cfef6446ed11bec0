//! How long the threads of one name have run in this process: the plane's own time, beside a generator and a worker that share
//! the process with it.
//!
//! Source: clock_getres(2) and the kernel's include/linux/posix-timers.h, how a clock id is made of a thread's number.

use std::time::Duration;

/// Time that all threads called `name` ran, in their own code and in the kernel's; threads that have ended are missing.
///
/// Errors: the operating system's, when the threads cannot be listed.
pub fn of_threads(name: &str) -> std::io::Result<Duration> {
    let mut total = Duration::ZERO;
    for entry in std::fs::read_dir("/proc/self/task")? {
        let entry = entry?;
        // A thread that ends meanwhile has no name and no clock any more.
        let called = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        let number = entry.file_name().to_str().and_then(|number| number.parse().ok());
        if let (true, Some(number)) = (called.trim_end() == name, number) {
            total += of_thread(number).unwrap_or_default();
        }
    }
    Ok(total)
}

fn of_thread(number: libc::pid_t) -> Option<Duration> {
    const PER_THREAD: libc::clockid_t = 4;
    const SCHEDULED: libc::clockid_t = 2;
    let clock = (!number << 3) | PER_THREAD | SCHEDULED;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills the timespec that it is given, and refuses a clock that does not exist.
    let read = unsafe { libc::clock_gettime(clock, &raw mut time) };
    (read == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_threads_of_the_name_count() {
        let time = |name| of_threads(name).expect("threads can be listed");
        let work = move || {
            let begin = time("st-busy");
            // Until its clock has moved, however coarse it is.
            while time("st-busy") == begin {}
            (time("st-busy"), time("st-idle"))
        };
        let thread = std::thread::Builder::new().name("st-busy".into()).spawn(work).expect("a thread starts");
        let (busy, idle) = thread.join().expect("it does not panic");
        assert!(busy > Duration::ZERO);
        assert_eq!(idle, Duration::ZERO);
    }
}
