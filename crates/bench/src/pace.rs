//! When the next request is due.
//!
//! Closed loop: a place in flight sends its next request as soon as it has its answer, so that the server sets the pace.
//! Open loop: requests fall due at a fixed rate, whatever the server does, and a place that is free takes the oldest one
//! that is due. Its latency counts from the moment it was due, so a server that stalls is charged for every request it
//! kept waiting, not only for those that happened to be in flight ("coordinated omission").
//!
//! The clock is a timerfd: tokio's own timer counts in milliseconds, which is longer than most answers take. It says how
//! many requests fell due since it was last read, so none is lost when this thread was late.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use tokio::io::unix::AsyncFd;
use tokio::io::Interest;
use tokio::sync::Notify;

/// Gives every place in flight the moment its next request is due, until the end.
pub struct Pace {
    left: Cell<u64>,
    until: Cell<Instant>,
    due: Option<Due>,
}

/// The requests of an open loop that are due and not yet taken.
struct Due {
    start: Cell<Instant>,
    interval: Duration,
    fallen: Cell<u64>,
    queue: RefCell<VecDeque<Instant>>,
    changed: Notify,
}

impl Pace {
    /// As fast as answers come, at most `count` requests, none after `until`.
    pub fn closed(count: u64, until: Instant) -> Pace {
        Pace { left: Cell::new(count), until: Cell::new(until), due: None }
    }

    /// `rate` requests a second from [`Pace::drive`] on, at most `count`, none after `until`.
    pub fn open(count: u64, until: Instant, rate: f64) -> Pace {
        let due = Due {
            start: Cell::new(Instant::now()),
            interval: Duration::from_secs_f64(1.0 / rate),
            fallen: Cell::new(0),
            queue: RefCell::default(),
            changed: Notify::new(),
        };
        Pace { left: Cell::new(count), until: Cell::new(until), due: Some(due) }
    }

    /// The moment the next request is due, once it is; `None` at the end.
    pub async fn next(&self) -> Option<Instant> {
        let Some(due) = &self.due else {
            let now = Instant::now();
            return (now < self.until.get() && self.take()).then_some(now);
        };
        loop {
            if let Some(moment) = due.queue.borrow_mut().pop_front() {
                return (moment < self.until.get() && self.take()).then_some(moment);
            }
            if Instant::now() >= self.until.get() || self.left.get() == 0 {
                return None;
            }
            due.changed.notified().await;
        }
    }

    /// Lets an open loop's requests fall due until the end; returns at once for a closed loop.
    pub async fn drive(&self) -> io::Result<()> {
        let Some(due) = &self.due else { return Ok(()) };
        // Before the timer starts: the difference is charged to the server, not given to it.
        due.start.set(Instant::now());
        // SAFETY: an owned descriptor answers with the same open one for as long as it lives.
        let timer = unsafe { AsyncFd::register_with_interest(timer(due.interval)?, Interest::READABLE) }?;
        while Instant::now() < self.until.get() && self.left.get() > 0 {
            let count = timer.async_io(Interest::READABLE, expirations).await?;
            due.fall(count);
        }
        due.changed.notify_waiters();
        Ok(())
    }

    /// Ends the run now: what is in flight is still waited for.
    pub fn end(&self) {
        self.until.set(Instant::now());
        if let Some(due) = &self.due {
            due.changed.notify_waiters();
        }
    }

    fn take(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }
}

impl Due {
    /// `count` more requests are due.
    fn fall(&self, count: u64) {
        for _ in 0..count {
            let index = self.fallen.get() + 1;
            self.fallen.set(index);
            let moment =
                self.start.get() + Duration::from_nanos((self.interval.as_nanos() as u64).saturating_mul(index));
            self.queue.borrow_mut().push_back(moment);
            self.changed.notify_one();
        }
    }
}

/// A timer that expires every `interval`, from now on.
fn timer(interval: Duration) -> io::Result<OwnedFd> {
    let period =
        libc::timespec { tv_sec: interval.as_secs() as libc::time_t, tv_nsec: interval.subsec_nanos().max(1).into() };
    let setting = libc::itimerspec { it_interval: period, it_value: period };
    // SAFETY: the descriptor is checked before it is owned; the setting is alive for the call, and no old one is wanted.
    unsafe {
        let raw = libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC);
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        let fd = OwnedFd::from_raw_fd(raw);
        match libc::timerfd_settime(raw, 0, &raw const setting, std::ptr::null_mut()) {
            0 => Ok(fd),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// How often the timer expired since this was last asked; `WouldBlock` when it has not.
fn expirations(timer: &OwnedFd) -> io::Result<u64> {
    let mut count = 0u64;
    // SAFETY: a timerfd gives exactly eight bytes, an integer.
    let read = unsafe { libc::read(timer.as_raw_fd(), (&raw mut count).cast(), size_of::<u64>()) };
    match read {
        8 => Ok(count),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    async fn taken(pace: &Pace, most: usize) -> Vec<Instant> {
        let mut moments = vec![];
        while moments.len() < most {
            match pace.next().await {
                Some(moment) => moments.push(moment),
                None => break,
            }
        }
        moments
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_closed_loop_ends_by_count_and_by_time() {
        let now = Instant::now();
        assert_eq!(taken(&Pace::closed(3, now + HOUR), 10).await.len(), 3);
        assert_eq!(taken(&Pace::closed(3, now), 10).await.len(), 0);
        let pace = Pace::closed(3, now + HOUR);
        pace.end();
        assert_eq!(taken(&pace, 10).await.len(), 0);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn requests_that_were_kept_waiting_keep_the_moment_they_were_due() {
        let start = Instant::now();
        let pace = Pace::open(u64::MAX, start + HOUR, 1000.0);
        let due = pace.due.as_ref().unwrap();
        due.start.set(start);
        due.fall(1);
        due.fall(3);
        let offsets: Vec<_> = taken(&pace, 4).await.into_iter().map(|moment| moment - start).collect();
        assert_eq!(offsets, [1, 2, 3, 4].map(Duration::from_millis));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_open_loop_gives_every_request_and_then_ends() {
        let start = Instant::now();
        let pace = Pace::open(20, start + HOUR, 100_000.0);
        let (driven, moments) = tokio::join!(pace.drive(), taken(&pace, 100));
        driven.unwrap();
        assert_eq!(moments.len(), 20);
        assert!(moments.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_micros(10)));
    }
}
