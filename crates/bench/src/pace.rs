//! When the next request is due.
//!
//! Closed loop: a place in flight sends its next request as soon as it has its answer, so that the server sets the pace.
//! Open loop: requests fall due at a rate, regularly or as a Poisson process, whatever the server does, and a place that is
//! free takes the oldest one that is due. Its latency counts from the moment it was due, so a server that stalls is charged
//! for every request it kept waiting, not only for those that happened to be in flight ("coordinated omission").
//!
//! The clock is a timerfd: tokio's own timer counts in milliseconds, which is longer than most answers take. The moments are
//! laid down beforehand and not by the timer, so none is lost when this thread was late.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use tokio::io::unix::AsyncFd;
use tokio::io::Interest;
use tokio::sync::Notify;

/// The longest the timer sleeps, so that an early end is noticed.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// Gives every place in flight the moment its next request is due, until the end.
pub struct Pace {
    left: Cell<u64>,
    until: Cell<Instant>,
    due: Option<Due>,
}

/// The requests of an open loop that are due and not yet taken.
struct Due {
    start: Cell<Instant>,
    arrivals: RefCell<Arrivals>,
    /// The first moment that has not come yet, after the start.
    coming: Cell<Duration>,
    queue: RefCell<VecDeque<Instant>>,
    changed: Notify,
}

/// How the requests of an open loop follow each other.
pub enum Arrivals {
    /// One every interval.
    Regular {
        /// From one to the next.
        interval: Duration,
        /// How many there were.
        index: u64,
    },
    /// Independently of each other: the gaps are exponentially distributed.
    Poisson {
        /// The mean gap.
        interval: Duration,
        /// When the last one was.
        last: Duration,
        /// The generator's state, never zero.
        state: u64,
    },
}

impl Arrivals {
    /// `rate` a second.
    pub fn regular(rate: f64) -> Arrivals {
        Arrivals::Regular { interval: Duration::from_secs_f64(1.0 / rate), index: 0 }
    }

    /// `rate` a second on average; the same moments for the same `seed`.
    pub fn poisson(rate: f64, seed: u64) -> Arrivals {
        // Any state but zero will do; small seeds are spread over all bits.
        let state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Arrivals::Poisson { interval: Duration::from_secs_f64(1.0 / rate), last: Duration::ZERO, state }
    }

    /// The next moment, after the start.
    fn next(&mut self) -> Duration {
        match self {
            Arrivals::Regular { interval, index } => {
                *index += 1;
                Duration::from_nanos((interval.as_nanos() as u64).saturating_mul(*index))
            }
            Arrivals::Poisson { interval, last, state } => {
                // Source: Marsaglia, Xorshift RNGs (2003), the 64-bit generator 13, 7, 17.
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                let uniform = ((*state >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
                *last += interval.mul_f64(-uniform.ln());
                *last
            }
        }
    }
}

impl Pace {
    /// As fast as answers come, at most `count` requests, none after `until`.
    pub fn closed(count: u64, until: Instant) -> Pace {
        Pace { left: Cell::new(count), until: Cell::new(until), due: None }
    }

    /// Requests as `arrivals` come from [`Pace::drive`] on, at most `count`, none after `until`.
    pub fn open(count: u64, until: Instant, mut arrivals: Arrivals) -> Pace {
        let due = Due {
            start: Cell::new(Instant::now()),
            coming: Cell::new(arrivals.next()),
            arrivals: RefCell::new(arrivals),
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
        let timer = unsafe { AsyncFd::register_with_interest(timer()?, Interest::READABLE) }?;
        while Instant::now() < self.until.get() && self.left.get() > 0 {
            let ahead = due.fall(Instant::now());
            wind(timer.get_ref(), ahead.min(LONGEST_SLEEP))?;
            timer.async_io(Interest::READABLE, expirations).await?;
        }
        due.fall(self.until.get().min(Instant::now()));
        due.changed.notify_waiters();
        Ok(())
    }

    /// Ends the run now: what is in flight is still waited for.
    pub fn end(&self) {
        self.until.set(self.until.get().min(Instant::now()));
        if let Some(due) = &self.due {
            due.changed.notify_waiters();
        }
    }

    /// Requests that are due, within the run, and that no place has taken.
    pub fn waiting(&self) -> u64 {
        let within = |due: &Due| due.queue.borrow().iter().filter(|moment| **moment < self.until.get()).count() as u64;
        self.due.as_ref().map_or(0, within).min(self.left.get())
    }

    fn take(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }
}

impl Due {
    /// Whatever is due at `now` waits for a place; gives the time to the next.
    fn fall(&self, now: Instant) -> Duration {
        loop {
            let moment = self.start.get() + self.coming.get();
            if moment > now {
                return moment - now;
            }
            self.coming.set(self.arrivals.borrow_mut().next());
            self.queue.borrow_mut().push_back(moment);
            self.changed.notify_one();
        }
    }
}

fn timer() -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is checked before it is owned.
    unsafe {
        match libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) {
            raw if raw < 0 => Err(io::Error::last_os_error()),
            raw => Ok(OwnedFd::from_raw_fd(raw)),
        }
    }
}

/// Lets `timer` expire once, after `delay`.
fn wind(timer: &OwnedFd, delay: Duration) -> io::Result<()> {
    let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let value = libc::timespec { tv_sec: delay.as_secs() as libc::time_t, tv_nsec: delay.subsec_nanos().max(1).into() };
    let setting = libc::itimerspec { it_interval: zero, it_value: value };
    // SAFETY: the descriptor is open and the setting alive for the call, and no old one is wanted.
    match unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &raw const setting, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
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
    const MS: Duration = Duration::from_millis(1);

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
        let pace = Pace::open(u64::MAX, start + HOUR, Arrivals::regular(1000.0));
        let due = pace.due.as_ref().unwrap();
        due.start.set(start);
        assert_eq!(due.fall(start + MS), MS);
        assert_eq!(due.fall(start + 4 * MS + MS / 4), MS * 3 / 4);
        assert_eq!(pace.waiting(), 4);
        let offsets: Vec<_> = taken(&pace, 4).await.into_iter().map(|moment| moment - start).collect();
        assert_eq!(offsets, [1, 2, 3, 4].map(Duration::from_millis));
        assert_eq!(pace.waiting(), 0);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_open_loop_gives_every_request_and_then_ends() {
        let start = Instant::now();
        let pace = Pace::open(20, start + HOUR, Arrivals::regular(100_000.0));
        let (driven, moments) = tokio::join!(pace.drive(), taken(&pace, 100));
        driven.unwrap();
        assert_eq!(moments.len(), 20);
        assert!(moments.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_micros(10)));
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_of_one_and_repeat_by_seed() {
        let moments = |seed| {
            let mut arrivals = Arrivals::poisson(1000.0, seed);
            (0..20_000).map(|_| arrivals.next().as_secs_f64()).collect::<Vec<_>>()
        };
        let first = moments(7);
        assert_eq!(first, moments(7));
        assert_ne!(first[0], moments(8)[0]);
        let gaps: Vec<_> = first.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((0.97e-3..1.03e-3).contains(&mean), "{mean}");
        assert!((0.94..1.06).contains(&(variance.sqrt() / mean)), "the deviation of exponential gaps is their mean");
    }
}
