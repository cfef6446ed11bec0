//! One loaded version, as the plane sees it: a queue, some slots of shared memory, and a socket to its worker.
//!
//! There is no dispatcher task. Whoever makes a dispatch possible does it: a request that finds a slot free writes itself to
//! shared memory and sends its frame; a reply that has been read frees its slot and sends the next request that waits. So a
//! request on an idle server crosses one task, and a busy worker always has the next frame in its socket.
//!
//! A slot's life: free → filled and sent ([`Channel::pump`]) → answered ([`Channel::settle`]) → read by the codec, which holds it as
//! [`Outputs`] → free again when that is dropped. A client that goes away drops its side of the wait at any point: in the queue
//! its place is freed at once; in flight the slot is freed when the worker answers.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use seaway_wire::frame::{Reply, Run, TensorHeader, FLAG_INPUTS_RETAINED};
use seaway_wire::{align, packet, Arena, Code, DType, Layout};
use tokio::io::unix::AsyncFd;
use tokio::io::Interest;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::queue::{Queue, Ticket};
use crate::signature::Signature;
use crate::status::{Result, Status};
use crate::tensor::{element_count, Tensor, TensorView};

/// A region that used more than this is given back to the operating system once it is no longer needed.
const KEEP_BYTES: u64 = 4 << 20;
/// How long a channel is quiet before large regions are given back.
const TRIM_AFTER: Duration = Duration::from_secs(5);

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
}

/// One request, ready to run.
#[derive(Debug)]
pub struct Job {
    /// Which signature, with the names of its outputs.
    pub signature: Arc<Signature>,
    /// The inputs, by the signature's names.
    pub inputs: Vec<(String, Tensor)>,
    /// Wanted outputs; empty means all.
    pub outputs: Vec<String>,
    /// When the answer is of no use any more.
    pub deadline: Option<Instant>,
}

/// How long a request spent where.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// From its arrival at the channel until its frame was sent.
    pub queue: Duration,
    /// In the engine.
    pub run: Duration,
}

/// A channel to one worker's loaded version.
pub struct Channel {
    settings: ChannelSettings,
    arena: Arena,
    socket: AsyncFd<OwnedFd>,
    state: Mutex<State>,
    runtime: tokio::runtime::Handle,
    on_hang_up: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

struct State {
    queue: Queue<Pending>,
    free: Vec<u16>,
    flights: Vec<Option<Flight>>,
    /// Largest number of bytes each region may hold in memory: inputs, then outputs.
    used: Vec<[u64; 2]>,
    in_flight: usize,
    max_in_flight: usize,
    next_request: u64,
    closed: Option<Status>,
}

struct Pending {
    job: Job,
    arrived: Instant,
    answer: oneshot::Sender<Result<Outputs>>,
}

struct Flight {
    request_id: u64,
    queued: Duration,
    answer: oneshot::Sender<Result<Outputs>>,
}

/// The outputs of one run, still in shared memory; dropping it frees the slot.
pub struct Outputs {
    lease: Lease,
    tensors: Vec<OutputTensor>,
    timings: Timings,
}

struct OutputTensor {
    name: String,
    dtype: DType,
    shape: Vec<i64>,
    offset: u64,
    len: u64,
}

/// A slot that is ours until dropped.
struct Lease {
    channel: Arc<Channel>,
    slot: u16,
    reusable: bool,
}

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
        let max_in_flight = settings.max_in_flight.unwrap_or(settings.slots).min(settings.slots);
        let state = State {
            queue: Queue::new(settings.max_queue),
            // Taken from the end, so that a quiet channel keeps to slot 0 and its warm pages.
            free: (0..settings.slots).rev().collect(),
            flights: (0..settings.slots).map(|_| None).collect(),
            used: vec![[0; 2]; usize::from(settings.slots)],
            in_flight: 0,
            max_in_flight: usize::from(max_in_flight),
            next_request: 1,
            closed: None,
        };
        let channel = Arc::new(Channel {
            settings,
            arena,
            socket,
            state: Mutex::new(state),
            runtime: runtime.clone(),
            on_hang_up: OnceLock::new(),
        });
        runtime.spawn(read_replies(Arc::downgrade(&channel)));
        Ok((channel, theirs, theirs_arena))
    }

    /// Sets what is called, once, when the worker hangs up on its own.
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

    /// Requests at the worker, or whose reply is being read.
    pub fn in_flight(&self) -> usize {
        self.state.lock().in_flight
    }

    /// Runs one request.
    ///
    /// Errors: RESOURCE_EXHAUSTED when the queue is full or the inputs do not fit a region; DEADLINE_EXCEEDED when the
    /// deadline passes first; UNAVAILABLE when the worker ends meanwhile; otherwise what the engine answers.
    pub async fn run(self: &Arc<Self>, job: Job) -> Result<Outputs> {
        self.check_size(&job)?;
        let deadline = job.deadline;
        let (answer, answered) = oneshot::channel();
        let place = self.enter(Pending { job, arrived: Instant::now(), answer })?;
        // Dropped with this future when the client goes away: the place in the queue is free at once.
        let _place = Place { channel: self, ticket: place };
        self.pump();
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
            let flights: Vec<Flight> = state.flights.iter_mut().filter_map(Option::take).collect();
            // Their slots stay with the worker, which may still write there; the channel is not used again.
            state.in_flight -= flights.len();
            (state.queue.drain(), flights)
        };
        for answer in
            waiting.into_iter().map(|pending| pending.answer).chain(flights.into_iter().map(|flight| flight.answer))
        {
            let _ = answer.send(Err(status.clone()));
        }
        packet::shut_down(self.socket.get_ref());
    }

    fn check_size(&self, job: &Job) -> Result<()> {
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
        Ok(())
    }

    fn enter(&self, pending: Pending) -> Result<Ticket> {
        let mut state = self.state.lock();
        if let Some(status) = &state.closed {
            return Err(status.clone());
        }
        let deadline = pending.job.deadline;
        let bound = state.queue.bound();
        state.queue.push(pending, deadline).map_err(|_| {
            let mut status = Status::new(
                Code::ResourceExhausted,
                format!(
                    "{} version {}: {bound} requests wait already; try again later",
                    self.settings.model, self.settings.version
                ),
            );
            status.retry_after = Some(Duration::from_secs(1));
            status
        })
    }

    /// Sends what can be sent.
    fn pump(self: &Arc<Self>) {
        while let Some((slot, request_id, job)) = self.take() {
            if let Err(status) = self.dispatch(slot, request_id, &job) {
                self.settle_flight(slot, request_id, Err(status), true);
            }
        }
    }

    /// The next request with a slot of its own, if there is one of each.
    fn take(self: &Arc<Self>) -> Option<(u16, u64, Job)> {
        let mut state = self.state.lock();
        loop {
            if state.closed.is_some() || state.in_flight >= state.max_in_flight || state.free.is_empty() {
                return None;
            }
            let now = Instant::now();
            let taken = state.queue.take(now);
            for pending in taken.expired {
                let _ = pending.answer.send(Err(self.too_late()));
            }
            let pending = taken.next?;
            if pending.answer.is_closed() {
                continue;
            }
            let slot = state.free.pop().expect("checked above");
            let request_id = state.next_request;
            state.next_request += 1;
            state.in_flight += 1;
            let flight = Flight { request_id, queued: now - pending.arrived, answer: pending.answer };
            state.flights[usize::from(slot)] = Some(flight);
            return Some((slot, request_id, pending.job));
        }
    }

    /// Writes a request to its slot and sends its frame.
    fn dispatch(self: &Arc<Self>, slot: u16, request_id: u64, job: &Job) -> Result<()> {
        let start = self.arena.layout().input_offset(slot);
        let mut offset = start;
        let mut inputs = Vec::with_capacity(job.inputs.len());
        for (name, tensor) in &job.inputs {
            let len = tensor.len_bytes() as u64;
            offset = align(offset);
            // SAFETY: `take` gave this slot to us alone, and the worker does not touch it before the frame is sent.
            let region =
                unsafe { self.arena.region_mut(offset, len) }.map_err(|error| Status::internal(error.to_string()))?;
            tensor.write_to(region);
            inputs.push(TensorHeader { name, dtype: tensor.dtype(), shape: tensor.shape().to_vec(), offset, len });
            offset += len;
        }
        self.note_use(slot, 0, offset - start);
        let timeout_micros = match job.deadline {
            None => 0,
            Some(deadline) => (deadline.saturating_duration_since(Instant::now()).as_micros() as u64).max(1),
        };
        let outputs = job.outputs.iter().map(String::as_str).collect();
        let mut frame = Vec::with_capacity(256);
        Run { request_id, slot, timeout_micros, signature: &job.signature.name, outputs, inputs }.encode(&mut frame);
        self.send(frame)
    }

    fn send(self: &Arc<Self>, frame: Vec<u8>) -> Result<()> {
        if frame.len() > packet::MAX_FRAME_BYTES {
            return Err(Status::new(
                Code::ResourceExhausted,
                format!(
                    "the names and shapes of the inputs take {} bytes, more than {}",
                    frame.len(),
                    packet::MAX_FRAME_BYTES
                ),
            ));
        }
        match packet::send(self.socket.get_ref(), &frame) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let channel = Arc::clone(self);
                self.runtime.spawn(async move {
                    // A failure means that the worker is gone: the reader sees that too and ends every flight.
                    let _ = channel.socket.async_io(Interest::WRITABLE, |socket| packet::send(socket, &frame)).await;
                });
                Ok(())
            }
            Err(error) => Err(Status::unavailable(format!("the worker of {} is gone: {error}", self.settings.model))),
        }
    }

    /// Hands a worker's reply to whoever waits for it.
    fn settle(self: &Arc<Self>, reply: &Reply<'_>) {
        let reusable = reply.flags & FLAG_INPUTS_RETAINED == 0;
        let outcome = match reply.code {
            Code::Ok => self.outputs(reply),
            code => Err(Status::new(code, reply.message)),
        };
        match outcome {
            Err(status) => self.settle_flight(reply.slot, reply.request_id, Err(status), reusable),
            Ok(tensors) => self.settle_flight(reply.slot, reply.request_id, Ok((tensors, reply.run_nanos)), reusable),
        }
    }

    fn settle_flight(
        self: &Arc<Self>,
        slot: u16,
        request_id: u64,
        outcome: Result<(Vec<OutputTensor>, u64)>,
        reusable: bool,
    ) {
        let flight = {
            let mut state = self.state.lock();
            match state.flights.get_mut(usize::from(slot)) {
                Some(flight) if flight.as_ref().is_some_and(|flight| flight.request_id == request_id) => flight.take(),
                _ => None,
            }
        };
        let Some(flight) = flight else {
            tracing::warn!(model = self.settings.model, slot, request_id, "a reply to no request");
            return;
        };
        let lease = Lease { channel: Arc::clone(self), slot, reusable };
        let answer = outcome.map(|(tensors, run_nanos)| {
            let used = tensors.iter().map(|tensor| tensor.offset + tensor.len).max().unwrap_or(0);
            self.note_use(slot, 1, used.saturating_sub(self.arena.layout().output_offset(slot)));
            Outputs { lease, tensors, timings: Timings { queue: flight.queued, run: Duration::from_nanos(run_nanos) } }
        });
        // Nobody waits any more: dropping the answer frees the slot.
        let _ = flight.answer.send(answer);
    }

    /// The outputs of a reply, checked: the worker is another program.
    fn outputs(&self, reply: &Reply<'_>) -> Result<Vec<OutputTensor>> {
        let layout = self.arena.layout();
        if reply.slot >= layout.slots {
            return Err(Status::internal(format!("the worker answered in slot {} of {}", reply.slot, layout.slots)));
        }
        let start = layout.output_offset(reply.slot);
        reply
            .outputs
            .iter()
            .map(|header| {
                let inside = header.offset >= start
                    && header.offset.checked_add(header.len).is_some_and(|end| end <= start + layout.stride);
                let count = element_count(&header.shape)?;
                let fits = match header.dtype.size_bytes() {
                    Some(size) => count.checked_mul(size) == Some(header.len as usize),
                    None => (count as u64) < header.len,
                };
                match inside && fits {
                    true => Ok(OutputTensor {
                        name: header.name.to_owned(),
                        dtype: header.dtype,
                        shape: header.shape.clone(),
                        offset: header.offset,
                        len: header.len,
                    }),
                    false => Err(Status::internal(format!(
                        "the worker's output {:?} does not lie where it may",
                        header.name
                    ))),
                }
            })
            .collect()
    }

    fn note_use(&self, slot: u16, region: usize, bytes: u64) {
        if bytes > KEEP_BYTES {
            self.state.lock().used[usize::from(slot)][region] = bytes;
        }
    }

    fn release(self: &Arc<Self>, slot: u16, reusable: bool) {
        {
            let mut state = self.state.lock();
            // `close` has already counted the flights it ended.
            state.in_flight = state.in_flight.saturating_sub(1);
            if reusable {
                state.free.push(slot);
            } else {
                tracing::info!(
                    model = self.settings.model,
                    slot,
                    "the engine keeps a request's inputs: its slot is not used again"
                );
            }
        }
        self.pump();
    }

    /// Gives back the memory of large regions that no request uses.
    fn trim(&self) {
        let mut state = self.state.lock();
        let layout = self.arena.layout();
        for index in 0..state.free.len() {
            let slot = state.free[index];
            let used = std::mem::take(&mut state.used[usize::from(slot)]);
            for (offset, bytes) in [(layout.input_offset(slot), used[0]), (layout.output_offset(slot), used[1])] {
                if bytes > 0 {
                    self.arena.trim(offset, bytes.next_multiple_of(4096).min(layout.stride));
                }
            }
        }
    }

    fn too_late(&self) -> Status {
        Status::deadline_exceeded(format!(
            "the deadline passed before {} version {} answered",
            self.settings.model, self.settings.version
        ))
    }
}

impl Outputs {
    /// The outputs in the order that the worker gave them: of the filter, or of their aliases.
    pub fn views(&self) -> Vec<TensorView<'_>> {
        self.tensors
            .iter()
            .map(|tensor| TensorView {
                name: &tensor.name,
                dtype: tensor.dtype,
                shape: &tensor.shape,
                // SAFETY: the lease makes this slot ours, the worker has answered and does not write there again, and
                // `Channel::outputs` checked the range.
                bytes: unsafe { self.lease.channel.arena.region(tensor.offset, tensor.len) }
                    .expect("checked on arrival"),
            })
            .collect()
    }

    /// How long the run took where.
    pub fn timings(&self) -> Timings {
        self.timings
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.channel.release(self.slot, self.reusable);
    }
}

/// A place in the queue that is given up when dropped.
struct Place<'a> {
    channel: &'a Arc<Channel>,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.channel.state.lock().queue.remove(self.ticket);
    }
}

fn layout(settings: &ChannelSettings) -> Result<Layout> {
    let (slots, stride) = (settings.slots, settings.stride_bytes);
    let fits = 2 * u128::from(slots) * u128::from(stride) < 1 << 46;
    match slots > 0 && stride > 0 && stride.is_multiple_of(4096) && fits {
        true => Ok(Layout { slots, stride }),
        false => Err(Status::invalid_argument(format!(
            "{slots} slots of {stride} bytes make no arena: both must be above 0, the bytes a multiple of 4096, and 2 x slots x bytes below 2^46"
        ))),
    }
}

/// Reads replies until the worker hangs up or the channel is dropped.
async fn read_replies(channel: std::sync::Weak<Channel>) {
    let mut buffer = vec![0; packet::MAX_FRAME_BYTES];
    let mut trimmed = true;
    loop {
        let Some(channel) = channel.upgrade() else { return };
        let received = channel.socket.async_io(Interest::READABLE, |socket| packet::receive(socket, &mut buffer));
        let received = tokio::time::timeout(TRIM_AFTER, received).await;
        let len = match received {
            Err(_) if trimmed => continue,
            Err(_) => {
                channel.trim();
                trimmed = true;
                continue;
            }
            Ok(Ok(len)) if len > 0 => len,
            Ok(_) => return hang_up(&channel),
        };
        trimmed = false;
        match Reply::decode(&buffer[..len]) {
            Ok(reply) => channel.settle(&reply),
            Err(error) => {
                tracing::error!(model = channel.settings.model, %error, "the worker sent what is no reply");
                return hang_up(&channel);
            }
        }
    }
}

fn hang_up(channel: &Channel) {
    let told = channel.state.lock().closed.is_some();
    channel.close("its worker ended");
    if let (false, Some(call)) = (told, channel.on_hang_up.get()) {
        call();
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
