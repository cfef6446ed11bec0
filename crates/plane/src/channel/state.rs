//! What a channel keeps under its lock: who waits, who flies, and what may be joined. Bookkeeping only; it sends nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::drain::Drain;
use super::outputs::Outputs;
use super::pace::Pace;
use super::slots::Slots;
use crate::batch::{belong_together, rows_of, BatchRules};
use crate::job::Job;
use crate::queue::{Pick, Queue, Ticket};
use crate::status::{Result, Status};

/// What is joined: the rules, and the signatures that are proven to allow it.
#[derive(Clone, Debug, Default)]
pub(super) struct Batching {
    pub(super) rules: BatchRules,
    pub(super) proven: BTreeSet<Arc<str>>,
    /// Why each of the others is not.
    pub(super) unproven: BTreeMap<Arc<str>, String>,
}

impl Batching {
    /// A request's rows, if it may be joined with others.
    pub(super) fn rows(&self, job: &Job) -> Option<usize> {
        let allowed = self.rules.enabled && self.proven.contains(&job.signature.name);
        allowed.then(|| rows_of(job)).flatten()
    }
}

pub(super) struct State {
    pub(super) queue: Queue<Pending>,
    /// Operations that wait: they run when nobody else waits.
    pub(super) background: Queue<Pending>,
    /// Slots that operations hold.
    pub(super) background_slots: BTreeSet<u16>,
    pub(super) slots: Slots<Flight>,
    pub(super) pace: Pace,
    pub(super) drain: Drain,
    /// When somebody will look at a batch that waits to fill.
    pub(super) timer: Option<Instant>,
    /// Since when a slot is free and the first of the queue waits for company.
    pub(super) filling: Option<Instant>,
    pub(super) trimming: bool,
    pub(super) closed: Option<Status>,
}

pub(super) struct Pending {
    pub(super) job: Job,
    /// Its rows, if it may be joined with others.
    pub(super) rows: Option<usize>,
    pub(super) bytes: u64,
    pub(super) arrived: Instant,
    pub(super) answer: oneshot::Sender<Result<Outputs>>,
}

/// One run: who waits for it, and what it would take to run each by itself.
pub(super) struct Flight {
    pub(super) riders: Vec<Rider>,
    pub(super) jobs: Arc<[Job]>,
    pub(super) rows: usize,
    pub(super) padded: usize,
    pub(super) is_batch: bool,
}

pub(super) struct Rider {
    pub(super) rows: usize,
    pub(super) arrived: Instant,
    pub(super) queued: Duration,
    /// The part of it for which it only waited for company.
    pub(super) joining: Duration,
    pub(super) answer: oneshot::Sender<Result<Outputs>>,
}

/// Requests that have a slot of their own.
pub(super) struct Launch {
    pub(super) slot: u16,
    pub(super) request_id: u64,
    pub(super) jobs: Arc<[Job]>,
    pub(super) rows: usize,
    pub(super) padded: usize,
}

/// Where a request is once it has entered.
pub(super) enum Entered {
    Launched(Launch),
    Waiting(Ticket),
}

impl State {
    /// Whether an operation may have a slot now: nobody else waits, and one is left for the request that comes next, where
    /// there is more than one.
    pub(super) fn may_run_background(&self) -> bool {
        let most = self.slots.max_busy().saturating_sub(1).max(1);
        self.queue.is_empty() && self.slots.spare() > 0 && self.background_slots.len() < most
    }

    /// The queue of a request's class.
    pub(super) fn queue_of(&mut self, job: &Job) -> &mut Queue<Pending> {
        match job.background {
            true => &mut self.background,
            false => &mut self.queue,
        }
    }

    /// Frees a landed flight's slot.
    pub(super) fn release(&mut self, slot: u16, reusable: bool) {
        self.background_slots.remove(&slot);
        self.slots.release(slot, reusable);
    }

    /// Gives requests a slot; the caller has seen that one is spare.
    pub(super) fn launch(&mut self, pending: Vec<Pending>, rules: &BatchRules, now: Instant) -> Launch {
        let is_batch = pending[0].rows.is_some();
        let background = pending[0].job.background;
        let rows = pending.iter().filter_map(|pending| pending.rows).sum();
        let padded = rules.padded(rows);
        let filling = self.filling.take();
        let mut riders = Vec::with_capacity(pending.len());
        let mut jobs = Vec::with_capacity(pending.len());
        for Pending { job, rows, arrived, answer, .. } in pending {
            riders.push(Rider {
                rows: rows.unwrap_or(0),
                arrived,
                queued: now.saturating_duration_since(arrived),
                joining: filling.map_or(Duration::ZERO, |since| now.saturating_duration_since(since.max(arrived))),
                answer,
            });
            jobs.push(job);
        }
        let jobs: Arc<[Job]> = jobs.into();
        let flight = Flight { riders, jobs: Arc::clone(&jobs), rows, padded, is_batch };
        let Ok((slot, request_id)) = self.slots.take(flight) else { unreachable!("a slot was spare under this lock") };
        if background {
            self.background_slots.insert(slot);
        }
        Launch { slot, request_id, jobs, rows, padded }
    }

    /// When a request that arrives now can be expected to have its answer, with something to spare; none when nobody waits, or too
    /// little has been seen.
    pub(super) fn answered_by(&self, now: Instant) -> Option<Instant> {
        self.drain.answer(self.queue.len(), self.pace.slowest()).map(|takes| now + takes)
    }

    /// Takes the requests that join `first`, which has been taken; their order stays.
    pub(super) fn companions(&mut self, first: &Pending, rules: &BatchRules, room_bytes: u64) -> Vec<Pending> {
        let Some(mut rows) = first.rows else { return Vec::new() };
        let mut bytes = first.bytes;
        let natural = rules.is_natural().then(|| self.pace.natural_rows()).flatten();
        let max = natural.map_or(rules.max_rows(), |rows| rows.min(rules.max_rows()));
        self.queue_of(&first.job).take_matching(|other| match other.rows {
            _ if rows >= max => Pick::Enough,
            Some(more)
                if rows + more <= max
                    && bytes + other.bytes <= room_bytes
                    && !other.answer.is_closed()
                    && belong_together(&first.job, &other.job, rules.pad_variable_length_inputs) =>
            {
                rows += more;
                bytes += other.bytes;
                Pick::Take
            }
            _ => Pick::Leave,
        })
    }

    /// When the first of those that wait has waited long enough for company; none when it need not wait.
    pub(super) fn fills_until(&self, rules: &BatchRules, now: Instant) -> Option<Instant> {
        if rules.batch_timeout_micros == 0 {
            return None;
        }
        let first = self.queue.first()?;
        first.rows?;
        let due = first.arrived + rules.timeout();
        let alike = |other: &&Pending| {
            other.rows.is_some() && belong_together(&first.job, &other.job, rules.pad_variable_length_inputs)
        };
        let rows: usize = self.queue.iter().filter(alike).filter_map(|pending| pending.rows).sum();
        (rows < rules.max_rows() && now < due).then_some(due)
    }
}
