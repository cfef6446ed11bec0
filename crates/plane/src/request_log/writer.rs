//! The one thread that writes records to files, and the line in which they wait for it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::files::{Files, Limits};
use super::mask::Mask;
use super::record::{Record, Unmaskable};
use super::tfrecord::frame;
use crate::metrics::{LogCounts, Logged};
use crate::room::Place;

/// How long files that could not be written are left alone.
const PAUSE: Duration = Duration::from_secs(10);

/// Something for the writer to do.
pub(super) enum Work {
    /// Write a record.
    Write(Box<Waiting>),
    /// No other prefixes are in use any more: complete their files.
    Keep(HashSet<Arc<Path>>),
}

/// A record that waits.
pub(super) struct Waiting {
    pub(super) prefix: Arc<Path>,
    pub(super) record: Record,
    pub(super) counts: LogCounts,
    pub(super) place: Place,
}

/// The line.
#[derive(Default)]
pub(super) struct Line {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    work: VecDeque<Work>,
    is_closed: bool,
}

enum Next {
    Work(Work),
    Nothing,
    Closed,
}

impl Line {
    /// Adds to the end; gives back what came too late.
    pub(super) fn push(&self, work: Work) -> Option<Work> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Some(work);
        }
        state.work.push_back(work);
        drop(state);
        self.changed.notify_one();
        None
    }

    /// Takes nothing more; the writer ends when it has written what is there.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// The next thing to do. Waits, until `due` at most.
    fn next(&self, due: Option<Instant>) -> Next {
        let mut state = self.state.lock();
        loop {
            if let Some(work) = state.work.pop_front() {
                return Next::Work(work);
            }
            if state.is_closed {
                return Next::Closed;
            }
            match due {
                Some(due) if self.changed.wait_until(&mut state, due).timed_out() => return Next::Nothing,
                Some(_) => {}
                None => self.changed.wait(&mut state),
            }
        }
    }
}

/// What the writer knows of one prefix.
struct Outlet {
    files: Files,
    /// Until when nothing is tried, and whether it was said why.
    paused: Option<Instant>,
    /// Whether it was said that a single record cannot be written.
    has_warned: bool,
}

/// Writes what comes until the line is closed.
pub(super) struct Writer {
    pub(super) line: Arc<Line>,
    pub(super) limits: Limits,
    pub(super) mask: Arc<Mask>,
    pub(super) saved_model_tags: Vec<String>,
    outlets: HashMap<Arc<Path>, Outlet>,
}

impl Writer {
    pub(super) fn new(line: Arc<Line>, limits: Limits, mask: Arc<Mask>, saved_model_tags: Vec<String>) -> Writer {
        Writer { line, limits, mask, saved_model_tags, outlets: HashMap::new() }
    }

    pub(super) fn run(mut self) {
        loop {
            let due = self.outlets.values().filter_map(|outlet| outlet.files.due()).min();
            match self.line.next(due) {
                Next::Work(Work::Write(waiting)) => self.write(*waiting),
                Next::Work(Work::Keep(prefixes)) => self.keep(&prefixes),
                Next::Nothing => {}
                Next::Closed => return self.keep(&HashSet::new()),
            }
            self.complete(|outlet, now| outlet.files.due().is_some_and(|due| due <= now));
        }
    }

    fn write(&mut self, waiting: Waiting) {
        let Waiting { prefix, record, counts, place } = waiting;
        let model = record.model.clone();
        let limits = self.limits;
        let outlet = self.outlets.entry(Arc::clone(&prefix)).or_insert_with(|| Outlet {
            files: Files::new(&prefix, limits),
            paused: None,
            has_warned: false,
        });
        let is_paused = outlet.paused.is_some_and(|until| Instant::now() < until);
        let written = !is_paused
            && match record.into_message(&self.mask, &self.saved_model_tags) {
                Ok(message) => outlet.write(&frame(&message), &prefix, &model),
                Err(Unmaskable) => {
                    outlet.refused(
                        &model,
                        "it holds an example that cannot be read, so that nothing in it can be masked",
                    );
                    false
                }
            };
        counts.count(if written { Logged::Written } else { Logged::Failed });
        // What the record holds in memory is given back by now.
        drop(place);
    }

    fn keep(&mut self, prefixes: &HashSet<Arc<Path>>) {
        self.complete_where(|prefix, _, _| !prefixes.contains(prefix));
        self.outlets.retain(|prefix, _| prefixes.contains(prefix));
    }

    fn complete(&mut self, is_complete: impl Fn(&Outlet, Instant) -> bool) {
        self.complete_where(|_, outlet, now| is_complete(outlet, now));
    }

    fn complete_where(&mut self, is_complete: impl Fn(&Arc<Path>, &Outlet, Instant) -> bool) {
        let now = Instant::now();
        for (prefix, outlet) in &mut self.outlets {
            if is_complete(prefix, outlet, now) {
                if let Err(error) = outlet.files.complete() {
                    tracing::warn!("a file of the request log {} could not be completed: {error}", prefix.display());
                }
            }
        }
    }
}

impl Outlet {
    /// Writes a framed record; whether that went well.
    fn write(&mut self, record: &[u8], prefix: &Path, model: &str) -> bool {
        match self.files.write(record) {
            Ok(()) => {
                if self.paused.take().is_some() {
                    tracing::info!("requests of model {model} are logged again to {}", prefix.display());
                }
                true
            }
            // About this record alone.
            Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
                self.refused(model, &error.to_string());
                false
            }
            Err(error) => {
                // Said once: what fails now will most likely fail with every request.
                if self.paused.is_none() {
                    tracing::error!(
                        "requests of model {model} cannot be logged to {}, they are answered all the same: {error}",
                        prefix.display()
                    );
                }
                self.paused = Some(Instant::now() + PAUSE);
                false
            }
        }
    }

    /// Says once that there are requests that cannot be logged.
    fn refused(&mut self, model: &str, why: &str) {
        if !std::mem::replace(&mut self.has_warned, true) {
            tracing::warn!("a request of model {model} was not logged, others like it will not be told of: {why}");
        }
    }
}
