//! The access log: a line of JSON for each call, written by a thread of its own.
//!
//! A call costs its line's text and a copy into a buffer that all share. The thread empties it ten times a second at most, in one
//! write, so that neither a slow disk nor a full pipe is anybody's delay: when the buffer is full, lines are dropped and counted.
//! [`line`] says what a line is, [`file`] where it goes.

use std::cell::RefCell;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tracing::Dispatch;

pub mod file;
pub mod line;

use crate::exchange::{random, End, Exchange};
use crate::log;
use crate::metrics::{Counts, Fate};
use crate::settings::AccessLogSettings;
use crate::status::Code;

use file::Outlet;

/// Bytes of lines that may wait to be written.
const BUFFER_BYTES: usize = 4 << 20;
/// How long lines are gathered before they are written.
const GATHER: Duration = Duration::from_millis(100);

thread_local! {
    /// Where a line is written before it is copied: no memory is asked for.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The log of one plane.
pub struct AccessLog {
    sampling: f64,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    buffer: Mutex<Buffer>,
    changed: Condvar,
    counts: Counts,
}

#[derive(Default)]
struct Buffer {
    lines: Vec<u8>,
    count: u64,
    is_closed: bool,
}

impl AccessLog {
    /// Opens the file and begins the thread that writes it, which says what it has to say to `dispatch`.
    ///
    /// Errors: a sentence that names the file.
    pub fn open(settings: &AccessLogSettings, counts: Counts, dispatch: Dispatch) -> Result<AccessLog, String> {
        let path = &settings.path;
        let outlet = Outlet::open(path).map_err(|error| {
            format!("access_log.path {path:?} cannot be opened: {error}; name a file that can be written, or - for the standard output")
        })?;
        let shared = Arc::new(Shared { buffer: Mutex::default(), changed: Condvar::new(), counts });
        let writer = Writer { shared: Arc::clone(&shared), outlet, path: path.clone(), has_warned: false };
        let begun = std::thread::Builder::new().name("access log".into()).spawn(move || {
            log::attach(&dispatch);
            writer.run();
        });
        let thread = begun.map_err(|error| format!("there is no thread for the access log: {error}"))?;
        Ok(AccessLog { sampling: settings.sampling, shared, thread: Mutex::new(Some(thread)) })
    }

    /// Has a call's line written, if it is one that is logged. Never waits.
    pub fn write(&self, exchange: &Exchange, end: &End) {
        if !is_logged(self.sampling, end.code, random::eight) {
            return;
        }
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            line::write(exchange, end, scratch);
            self.shared.add(scratch);
        });
    }

    /// Writes what waits, as far as that is done within `limit`. Waits.
    pub fn close(&self, limit: Duration) {
        self.shared.close();
        let Some(thread) = self.thread.lock().take() else { return };
        let end = Instant::now() + limit;
        // A disk that hangs must not keep a server from ending.
        while !thread.is_finished() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// Whether a call is logged that ended so: errors always, and of the others a share.
fn is_logged(sampling: f64, code: Code, number: impl FnOnce() -> [u8; 8]) -> bool {
    let number = || u64::from_be_bytes(number());
    code != Code::Ok || crate::request_log::sampling::is_sampled(sampling, number)
}

impl Shared {
    fn add(&self, line: &[u8]) {
        let mut buffer = self.buffer.lock();
        if buffer.is_closed || buffer.lines.len() + line.len() > BUFFER_BYTES {
            drop(buffer);
            return self.counts.count(Fate::Dropped, 1);
        }
        let was_empty = buffer.lines.is_empty();
        buffer.lines.extend_from_slice(line);
        buffer.count += 1;
        drop(buffer);
        if was_empty {
            self.changed.notify_one();
        }
    }

    fn close(&self) {
        self.buffer.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Gives what has gathered, and takes `empty` for what comes next; false when nothing will come any more. Waits.
    fn take(&self, empty: &mut Vec<u8>) -> Option<u64> {
        let mut buffer = self.buffer.lock();
        while buffer.lines.is_empty() && !buffer.is_closed {
            self.changed.wait(&mut buffer);
        }
        let due = Instant::now() + GATHER;
        while !buffer.is_closed && !self.changed.wait_until(&mut buffer, due).timed_out() {}
        std::mem::swap(&mut buffer.lines, empty);
        let count = std::mem::take(&mut buffer.count);
        (count > 0).then_some(count)
    }
}

/// The thread.
struct Writer {
    shared: Arc<Shared>,
    outlet: Outlet,
    path: String,
    has_warned: bool,
}

impl Writer {
    fn run(mut self) {
        let mut lines = Vec::new();
        while let Some(count) = self.shared.take(&mut lines) {
            match self.outlet.write(&lines, Instant::now()) {
                Ok(()) => {
                    self.shared.counts.count(Fate::Done, count);
                    if std::mem::take(&mut self.has_warned) {
                        tracing::info!("the access log {} can be written again", self.path);
                    }
                }
                Err(error) => {
                    self.shared.counts.count(Fate::Failed, count);
                    if !std::mem::replace(&mut self.has_warned, true) {
                        tracing::error!("the access log {} cannot be written, its lines are lost: {error}", self.path);
                    }
                }
            }
            lines.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::exchange::examples;
    use crate::metrics::{Api, Metrics};

    fn open(path: &str) -> AccessLog {
        let dispatch = log::dispatch(mpsc::channel().0);
        let settings = AccessLogSettings { path: path.to_owned(), sampling: 1.0 };
        AccessLog::open(&settings, Metrics::new().access_log(), dispatch).unwrap()
    }

    fn counted(log: &AccessLog) -> [u64; 3] {
        [Fate::Done, Fate::Dropped, Fate::Failed].map(|fate| log.shared.counts.counted(fate))
    }

    #[test]
    fn errors_are_always_logged_and_of_the_others_a_share() {
        let low = || [0; 8];
        let high = || [0xff; 8];
        assert!(is_logged(0.0, Code::Internal, || unreachable!()));
        assert!(is_logged(0.0, Code::Cancelled, || unreachable!()));
        assert!(is_logged(1.0, Code::Ok, || unreachable!()));
        assert!(!is_logged(0.0, Code::Ok, || unreachable!()));
        assert!(is_logged(0.5, Code::Ok, low) && !is_logged(0.5, Code::Ok, high));
    }

    #[test]
    fn lines_of_all_threads_are_whole_and_there_when_it_is_closed() {
        let path = std::env::temp_dir().join(format!("seaway-access-{}.log", std::process::id()));
        let log = open(path.to_str().unwrap());
        let (exchange, end) = examples::predict(Api::Grpc, None);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..500).for_each(|_| log.write(&exchange, &end)));
            }
        });
        log.close(Duration::from_secs(10));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text.lines().count(), 2000);
        assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
        assert_eq!(counted(&log), [2000, 0, 0]);
        log.write(&exchange, &end);
        assert_eq!(counted(&log), [2000, 1, 0], "too late");
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted_and_nobody_waits() {
        let shared = Shared { buffer: Mutex::default(), changed: Condvar::new(), counts: Metrics::new().access_log() };
        let line = vec![b'x'; BUFFER_BYTES / 4];
        (0..7).for_each(|_| shared.add(&line));
        assert_eq!(shared.counts.counted(Fate::Dropped), 3);
        shared.close();
        let mut taken = Vec::new();
        assert_eq!((shared.take(&mut taken), taken.len()), (Some(4), BUFFER_BYTES));
        taken.clear();
        assert_eq!(shared.take(&mut taken), None);
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_as_failed() {
        let log = open("/dev/full");
        let (exchange, end) = examples::predict(Api::Grpc, None);
        log.write(&exchange, &end);
        log.close(Duration::from_secs(10));
        assert_eq!(counted(&log), [0, 0, 1]);
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let settings = AccessLogSettings { path: "/proc/no/such".into(), sampling: 1.0 };
        let dispatch = log::dispatch(mpsc::channel().0);
        let Err(error) = AccessLog::open(&settings, Metrics::new().access_log(), dispatch) else { panic!("opened") };
        assert!(error.contains("access_log.path \"/proc/no/such\""), "{error}");
    }
}
