//! One loaded version, as the plane sees it: a queue, some slots of shared memory, and a socket to its worker.
//!
//! There is no dispatcher task. Whoever makes a dispatch possible does it: a request that finds a slot free writes itself to
//! shared memory and sends its frame; a reply that has been read frees its slot and sends the next request that waits. So a
//! request on an idle server crosses one task, and a busy worker always has the next frame in its socket.
//!
//! A slot's life: free → filled and sent (`Channel::dispatch`) → answered (`Channel::settle`) → read by the codec, which holds it as
//! [`Outputs`] → free again when that is dropped. A client that goes away drops its side of the wait at any point: in the queue
//! its place is freed at once; in flight the slot is freed when the worker answers.

mod delivery;
mod drain;
mod memory;
mod outputs;
mod pace;
mod refusals;
mod sending;
mod slots;
mod state;

use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::{Mutex, RwLock};
use seaway_wire::frame::Reply;
use seaway_wire::{align, packet, Arena, Code, Layout};
use tokio::io::unix::AsyncFd;
use tokio::io::Interest;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::batch::BatchRules;
use crate::job::Job;
use crate::queue::{Queue, Ticket};
use crate::status::{Result, Status};
use crate::tensor::Tensor;

use drain::Drain;
use memory::TRIM_AFTER;
pub use outputs::{BatchSize, Outputs, Timings};
use pace::Pace;
use slots::Slots;
use state::{Batching, Entered, Launch, Pending, State};

/// How a channel is made.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    /// The model that its worker will load.
    pub model: String,
    /// And its version.
    pub version: i64,
    /// Regions of the arena.
    pub slots: u16,
    /// Runs that may be at the worker at once, at most `slots`: those above it replace slots that an engine never let go.
    #[serde(default)]
    pub max_in_flight: Option<u16>,
    /// Address space of one region, in bytes: the largest request and the largest reply.
    pub stride_bytes: u64,
    /// Requests that may wait.
    pub max_queue: usize,
    /// How requests are joined.
    #[serde(default)]
    pub batching: BatchRules,
}

/// A channel to one worker's loaded version.
pub struct Channel {
    settings: ChannelSettings,
    arena: Arena,
    socket: Arc<Socket>,
    state: Mutex<State>,
    batching: RwLock<Arc<Batching>>,
    runtime: tokio::runtime::Handle,
    on_hang_up: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

type Socket = AsyncFd<OwnedFd>;

impl Channel {
    /// A channel, and the two descriptors for its worker: the socket and the arena.
    ///
    /// Errors: INVALID_ARGUMENT for settings that make no channel; RESOURCE_EXHAUSTED when the operating system refuses.
    pub fn open(
        settings: ChannelSettings,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(Arc<Channel>, OwnedFd, OwnedFd)> {
        let layout = layout(&settings)?;
        let exhausted = |error: &dyn std::fmt::Display| {
            Status::new(
                Code::ResourceExhausted,
                format!("cannot open a channel for {} version {}: {error}", settings.model, settings.version),
            )
        };
        let arena = Arena::create(layout).map_err(|error| exhausted(&error))?;
        let theirs_arena = arena.try_clone_fd().map_err(|error| exhausted(&error))?;
        let (ours, theirs) = packet::pair().map_err(|error| exhausted(&error))?;
        packet::set_nonblocking(&ours).map_err(|error| exhausted(&error))?;
        let entered = runtime.enter();
        // SAFETY: the descriptor is owned by the value registered, which always gives the same one and lives as long.
        let socket = unsafe { AsyncFd::register_with_interest(ours, Interest::READABLE | Interest::WRITABLE) }
            .map_err(|error| exhausted(&error))?;
        drop(entered);
        settings.batching.check()?;
        let state = State {
            queue: Queue::new(settings.max_queue),
            // Operations are bounded by their own store.
            background: Queue::new(usize::MAX),
            background_slots: BTreeSet::new(),
            slots: Slots::new(settings.slots, max_in_flight(&settings, &settings.batching)),
            pace: Pace::default(),
            drain: Drain::default(),
            timer: None,
            filling: None,
            trimming: false,
            closed: None,
        };
        let batching = Batching { rules: settings.batching.clone(), ..Batching::default() };
        let channel = Arc::new(Channel {
            batching: RwLock::new(Arc::new(batching)),
            settings,
            arena,
            socket: Arc::new(socket),
            state: Mutex::new(state),
            runtime: runtime.clone(),
            on_hang_up: OnceLock::new(),
        });
        runtime.spawn(read_replies(Arc::clone(&channel.socket), Arc::downgrade(&channel)));
        Ok((channel, theirs, theirs_arena))
    }

    /// Sets what is called, once, when the worker hangs up on its own or has to be hung up on.
    pub fn on_hang_up(&self, call: impl Fn() + Send + Sync + 'static) {
        // A second call would be a fault of ours, and the first one stays.
        let _ = self.on_hang_up.set(Box::new(call));
    }

    /// The model and version behind this channel.
    pub fn settings(&self) -> &ChannelSettings {
        &self.settings
    }

    /// Requests that wait for a slot.
    pub fn queued(&self) -> usize {
        self.state.lock().queue.len()
    }

    /// Operations that wait until no request does.
    pub fn queued_in_background(&self) -> usize {
        self.state.lock().background.len()
    }

    /// Requests at the worker, or whose reply is being read.
    pub fn in_flight(&self) -> usize {
        self.state.lock().slots.busy()
    }

    /// Changes how requests are joined, from the next run on.
    ///
    /// Errors: INVALID_ARGUMENT when the rules make no sense; the old ones stay.
    pub fn set_batching(self: &Arc<Self>, rules: BatchRules) -> Result<()> {
        rules.check()?;
        self.state.lock().slots.set_max_busy(max_in_flight(&self.settings, &rules));
        self.change_batching(|batching| batching.rules = rules);
        // What waited for company may have waited long enough now.
        self.pump();
        Ok(())
    }

    /// Says that a signature answers joined rows as it answers single ones.
    pub fn allow_joining(&self, signature: &Arc<str>) {
        self.change_batching(|batching| {
            batching.unproven.remove(signature);
            batching.proven.insert(Arc::clone(signature));
        });
    }

    /// Says why a signature's requests run by themselves.
    pub fn forbid_joining(&self, signature: &Arc<str>, why: &str) {
        self.change_batching(|batching| {
            batching.proven.remove(signature);
            batching.unproven.insert(Arc::clone(signature), why.to_owned());
        });
    }

    /// The rules in force.
    pub fn rules(&self) -> BatchRules {
        self.batching.read().rules.clone()
    }

    /// Whether a signature's requests may be joined: `Ok`, why not, or none when nobody has found out.
    pub fn joining(&self, signature: &str) -> Option<std::result::Result<(), String>> {
        let batching = self.batching.read();
        match batching.proven.contains(signature) {
            true => Some(Ok(())),
            false => batching.unproven.get(signature).cloned().map(Err),
        }
    }

    /// Runs one request, joined with others where that is proven to be safe.
    ///
    /// Errors: RESOURCE_EXHAUSTED when the queue is full or the inputs do not fit a region; INVALID_ARGUMENT for more rows
    /// than the rules allow; DEADLINE_EXCEEDED when the deadline passes first; UNAVAILABLE when the worker ends meanwhile;
    /// otherwise what the engine answers.
    pub async fn run(self: &Arc<Self>, job: Job) -> Result<Outputs> {
        let batching = Arc::clone(&self.batching.read());
        let Some(rows) = batching.rows(&job) else { return self.run_alone(job).await };
        batching.rules.check_rows(rows)?;
        match batching.rules.cut(rows) {
            Some(cut) => self.run_cut(&job, &cut).await,
            // Larger than a run may be, and nothing says that it must not be: it fills one by itself.
            None if rows > batching.rules.max_rows() => self.run_alone(job).await,
            None => self.run_as(job, Some(rows)).await,
        }
    }

    /// Runs one request by itself.
    ///
    /// Errors: as for [`Channel::run`].
    pub async fn run_alone(self: &Arc<Self>, job: Job) -> Result<Outputs> {
        self.run_as(job, None).await
    }

    /// Runs a request as several of `cut` rows each, and puts the answers together.
    async fn run_cut(self: &Arc<Self>, job: &Job, cut: &[usize]) -> Result<Outputs> {
        // Dropped with this future when the client goes away, and with it every part.
        let mut runs = tokio::task::JoinSet::new();
        let mut first = 0;
        for (index, rows) in cut.iter().copied().enumerate() {
            let slice = |(name, tensor): &(String, Tensor)| (name.clone(), tensor.slice_rows(first, rows));
            let part = Job { inputs: job.inputs.iter().map(slice).collect(), ..job.clone() };
            let channel = Arc::clone(self);
            // Detached: parts that held their slots would keep the others from running.
            runs.spawn(
                async move { channel.run_as(part, Some(rows)).await.map(|outputs| (index, outputs.detached())) },
            );
            first += rows;
        }
        let mut parts = Vec::with_capacity(cut.len());
        while let Some(run) = runs.join_next().await {
            parts.push(run.map_err(|_| Status::internal("a part of the request was dropped"))??);
        }
        parts.sort_by_key(|(index, _)| *index);
        Outputs::joined(parts.into_iter().map(|(_, outputs)| outputs).collect())
    }

    async fn run_as(self: &Arc<Self>, job: Job, rows: Option<usize>) -> Result<Outputs> {
        let bytes = self.check_size(&job)?;
        let deadline = job.deadline;
        let (answer, answered) = oneshot::channel();
        // Dropped with this future when the client goes away: the place in the queue is free at once.
        let background = job.background;
        let _place = match self.enter(Pending { job, rows, bytes, arrived: Instant::now(), answer })? {
            Entered::Launched(launch) => {
                if !self.dispatch(&launch) {
                    self.pump();
                }
                None
            }
            Entered::Waiting(ticket) => {
                // A slot may have become free between the look and the wait.
                self.pump();
                Some(Place { channel: self, ticket, background })
            }
        };
        let ended = || Err(Status::internal("the request was dropped without an answer"));
        match deadline {
            None => answered.await.unwrap_or_else(|_| ended()),
            Some(deadline) => match tokio::time::timeout_at(deadline, answered).await {
                Ok(answer) => answer.unwrap_or_else(|_| ended()),
                Err(_) => Err(self.too_late()),
            },
        }
    }

    /// Ends everything that waits or is in flight with UNAVAILABLE, and hangs up.
    pub fn close(&self, why: &str) {
        let status = Status::unavailable(format!("{} version {}: {why}", self.settings.model, self.settings.version));
        let (waiting, flights) = {
            let mut state = self.state.lock();
            state.closed.get_or_insert_with(|| status.clone());
            let mut waiting = state.queue.drain();
            waiting.extend(state.background.drain());
            let flights = state.slots.abandon();
            // Their slots are lost; those whose replies are being read are released as ever.
            (waiting, flights)
        };
        let waiting = waiting.into_iter().map(|pending| pending.answer);
        let riders = flights.into_iter().flat_map(|flight| flight.riders);
        for answer in waiting.chain(riders.map(|rider| rider.answer)) {
            let _ = answer.send(Err(status.clone()));
        }
        packet::shut_down(self.socket.get_ref());
    }

    /// Bytes that a request takes in a region.
    fn check_size(&self, job: &Job) -> Result<u64> {
        let needed = job.inputs.iter().fold(0, |end, (_, tensor)| align(end) + tensor.len_bytes() as u64);
        if needed > self.settings.stride_bytes {
            return Err(Status::new(
                Code::ResourceExhausted,
                format!(
                    "the inputs take {needed} bytes, more than the {} that one request may",
                    self.settings.stride_bytes
                ),
            ));
        }
        Ok(needed)
    }

    /// Gives a request a slot where one is spare and nobody waits, else a place in the queue.
    fn enter(&self, pending: Pending) -> Result<Entered> {
        let deadline = pending.job.deadline;
        if deadline.is_some_and(|deadline| deadline <= pending.arrived) {
            return Err(self.too_late());
        }
        let batching = Arc::clone(&self.batching.read());
        let rules = &batching.rules;
        let mut state = self.state.lock();
        if let Some(status) = &state.closed {
            return Err(status.clone());
        }
        if pending.job.background {
            if state.may_run_background() && state.background.is_empty() {
                let now = pending.arrived;
                return Ok(Entered::Launched(state.launch(vec![pending], rules, now)));
            }
            return state.background.push(pending, deadline).map(Entered::Waiting).map_err(|_| self.full());
        }
        let waits_for_company = pending.rows.is_some() && rules.batch_timeout_micros > 0;
        if state.queue.is_empty() && state.slots.spare() > 0 && !waits_for_company {
            let now = pending.arrived;
            return Ok(Entered::Launched(state.launch(vec![pending], rules, now)));
        }
        if let (Some(batches), Some(rows)) = (rules.max_enqueued_batches, pending.rows) {
            let waiting: usize = state.queue.iter().filter_map(|pending| pending.rows).sum();
            if waiting + rows > batches * rules.max_rows() {
                return Err(self.batches_full(waiting.div_ceil(rules.max_rows()), batches));
            }
        }
        if state.queue.is_empty() {
            state.drain.forget();
        }
        let expected = state.answered_by(pending.arrived);
        if let (Some(deadline), Some(expected)) = (deadline, expected) {
            if deadline < expected {
                return Err(self.hopeless(state.queue.len(), expected - pending.arrived, deadline - pending.arrived));
            }
        }
        state.queue.push(pending, deadline).map(Entered::Waiting).map_err(|_| self.full())
    }

    /// Sends what can be sent.
    fn pump(self: &Arc<Self>) {
        while let Some(launch) = self.next() {
            self.dispatch(&launch);
        }
    }

    /// The next requests with a slot of their own, if there is one.
    fn next(self: &Arc<Self>) -> Option<Launch> {
        let batching = Arc::clone(&self.batching.read());
        let rules = &batching.rules;
        let mut state = self.state.lock();
        loop {
            let background = state.queue.is_empty();
            if state.closed.is_some() || state.slots.spare() == 0 {
                return None;
            }
            if background && (state.background.is_empty() || !state.may_run_background()) {
                return None;
            }
            let now = Instant::now();
            if let Some(due) = state.fills_until(rules, now) {
                state.filling.get_or_insert(now);
                self.look_again(&mut state, due);
                return None;
            }
            // One that cannot be answered in time, going by the fastest of late, is not worth running.
            let in_time = now + state.pace.fastest();
            let taken = match background {
                true => state.background.take(in_time),
                false => state.queue.take(in_time),
            };
            for pending in taken.expired {
                let _ = pending.answer.send(Err(self.too_late()));
            }
            let first = taken.next?;
            // Its client went away: the slot is for one that still waits.
            if first.answer.is_closed() {
                continue;
            }
            let mut batch = state.companions(&first, rules, self.settings.stride_bytes / 2);
            batch.insert(0, first);
            // How fast the line of operations moves says nothing to those that pass it.
            if !background {
                let left = state.queue.len();
                state.drain.note(now, batch.len(), left);
            }
            return Some(state.launch(batch, rules, now));
        }
    }

    /// Has the queue looked at when a batch has waited long enough to fill.
    fn look_again(self: &Arc<Self>, state: &mut State, due: Instant) {
        if state.timer.is_some_and(|timer| timer <= due) {
            return;
        }
        state.timer = Some(due);
        let channel = Arc::downgrade(self);
        self.runtime.spawn(async move {
            tokio::time::sleep_until(due).await;
            let Some(channel) = channel.upgrade() else { return };
            channel.state.lock().timer = None;
            channel.pump();
        });
    }

    fn change_batching(&self, change: impl FnOnce(&mut Batching)) {
        let mut batching = self.batching.write();
        change(Arc::make_mut(&mut batching));
    }

    fn release(self: &Arc<Self>, slot: u16, reusable: bool) {
        let (exhausted, large) = {
            let mut state = self.state.lock();
            state.release(slot, reusable);
            // A busy channel may never be found with this slot free.
            let large = match state.slots.is_large(slot) {
                true => state.slots.take_large(Instant::now() - TRIM_AFTER),
                false => Vec::new(),
            };
            (state.closed.is_none() && state.slots.exhausted(), large)
        };
        if !large.is_empty() {
            let channel = Arc::clone(self);
            self.runtime.spawn_blocking(move || channel.trim(&large));
        }
        if !reusable {
            tracing::info!(
                model = self.settings.model,
                slot,
                "the engine keeps a request's inputs: its slot is not used again"
            );
        }
        if exhausted {
            // Else every later request would wait for a slot that never comes.
            self.hang_up("its engine kept the inputs of so many requests that no memory is left for more");
        }
        self.pump();
    }

    /// Closes because of the worker, and says so once.
    fn hang_up(&self, why: &str) {
        let told = self.state.lock().closed.is_some();
        self.close(why);
        if let (false, Some(call)) = (told, self.on_hang_up.get()) {
            call();
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        // Wakes the reader, which holds the socket only.
        packet::shut_down(self.socket.get_ref());
    }
}

/// A place in the queue that is given up when dropped.
struct Place<'a> {
    channel: &'a Channel,
    ticket: Ticket,
    background: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let left = {
            let mut state = self.channel.state.lock();
            match self.background {
                true => state.background.remove(self.ticket),
                false => state.queue.remove(self.ticket),
            }
        };
        // Outside the lock: a large request takes a while to free.
        drop(left);
    }
}

/// Runs that may be at the worker at once.
fn max_in_flight(settings: &ChannelSettings, rules: &BatchRules) -> u16 {
    let given = rules.num_batch_threads.filter(|_| rules.enabled).or(settings.max_in_flight);
    given.unwrap_or(settings.slots).min(settings.slots)
}

fn layout(settings: &ChannelSettings) -> Result<Layout> {
    let (slots, stride) = (settings.slots, settings.stride_bytes);
    if settings.max_in_flight == Some(0) {
        return Err(Status::invalid_argument("max_in_flight must be above 0: nothing would ever run"));
    }
    let fits = 2 * u128::from(slots) * u128::from(stride) < 1 << 46;
    match slots > 0 && stride > 0 && stride.is_multiple_of(4096) && fits {
        true => Ok(Layout { slots, stride }),
        false => Err(Status::invalid_argument(format!(
            "{slots} slots of {stride} bytes make no arena: both must be above 0, the bytes a multiple of 4096, and 2 x slots x bytes below 2^46"
        ))),
    }
}

/// Reads replies until the worker hangs up, breaks the protocol, or the channel is dropped.
async fn read_replies(socket: Arc<Socket>, channel: Weak<Channel>) {
    let mut buffer = vec![0; packet::MAX_FRAME_BYTES];
    loop {
        let received = socket.async_io(Interest::READABLE, |socket| packet::receive(socket, &mut buffer)).await;
        let Some(channel) = channel.upgrade() else { return };
        let len = match received {
            Ok(len) if len > 0 => len,
            _ => return channel.hang_up("its worker ended"),
        };
        let why = match Reply::decode(&buffer[..len]) {
            Ok(reply) if channel.settle(&reply) => continue,
            Ok(reply) => format!("no request {} is in slot {}", reply.request_id, reply.slot),
            Err(error) => error.to_string(),
        };
        // Whatever it meant to answer would wait for ever: a worker that breaks the protocol is not listened to.
        tracing::error!(
            model = channel.settings.model,
            version = channel.settings.version,
            why,
            "a worker's reply is none"
        );
        return channel.hang_up("its worker answered what was not asked");
    }
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Channel({} version {}, fd {})",
            self.settings.model,
            self.settings.version,
            self.socket.get_ref().as_raw_fd()
        )
    }
}
