//! How a run ends: each request that shared it gets its rows, or its error, or another run by itself.

use std::sync::Arc;
use std::time::Duration;

use seaway_wire::frame::{Reply, FLAG_INPUTS_RETAINED};
use seaway_wire::Code;

use super::outputs::{self, BatchSize, Lease, OutputTensor, Outputs, Timings};
use super::state::{Flight, Pending};
use super::Channel;
use crate::status::Status;

impl Channel {
    /// Answers requests that the worker never got, and frees their slot; whoever calls this pumps.
    pub(super) fn fail(&self, slot: u16, request_id: u64, status: Status) {
        let flight = {
            let mut state = self.state.lock();
            let flight = state.slots.land(slot, request_id);
            if flight.is_some() {
                state.release(slot, true);
            }
            flight
        };
        // None when the channel was closed meanwhile, which answers everybody.
        if let Some(flight) = flight {
            self.refuse(flight, &status);
        }
    }

    /// Hands a worker's reply to whoever waits for it; false for a reply to nothing that was asked.
    pub(super) fn settle(self: &Arc<Self>, reply: &Reply<'_>) -> bool {
        let run = Duration::from_nanos(reply.run_nanos);
        let flight = {
            let mut state = self.state.lock();
            match state.slots.land(reply.slot, reply.request_id) {
                Some(flight) => {
                    state.pace.note(run, flight.padded);
                    flight
                }
                // Closed channels have forgotten what they asked.
                None => return state.closed.is_some(),
            }
        };
        let reusable = reply.flags & FLAG_INPUTS_RETAINED == 0;
        let lease = Arc::new(Lease { channel: Arc::clone(self), slot: reply.slot, reusable });
        let answer = match reply.code {
            Code::Ok => outputs::read(self.arena.layout(), reply),
            code => Err(Status { by_engine: true, ..Status::new(code, reply.message) }),
        };
        match answer {
            Ok(tensors) => {
                self.note_use(reply.slot, 1, outputs::used(self.arena.layout(), reply.slot, &tensors));
                self.deliver(flight, &lease, tensors, run);
            }
            Err(status) => {
                // The slot first: what runs again may need it.
                drop(lease);
                self.refuse(flight, &status);
                self.pump();
            }
        }
        true
    }

    /// Gives each request of a run its share of the outputs.
    fn deliver(self: &Arc<Self>, flight: Flight, lease: &Arc<Lease>, tensors: Vec<OutputTensor>, run: Duration) {
        let whole = flight.riders.len() == 1 && flight.rows == flight.padded;
        let mut shares = Vec::with_capacity(flight.riders.len());
        if whole {
            shares.push(tensors);
        } else {
            let mut first = 0;
            for rider in &flight.riders {
                match outputs::share(lease, &tensors, first, rider.rows, flight.padded) {
                    Ok(share) => shares.push(share),
                    Err(status) => return self.unjoin(flight, &status),
                }
                first += rider.rows;
            }
        }
        let size = BatchSize { requests: flight.riders.len(), rows: flight.rows, padded: flight.padded };
        let mut batch = flight.is_batch.then_some(size);
        for (rider, tensors) in flight.riders.into_iter().zip(shares) {
            let timings = Timings { queue: rider.queued, batch: rider.joining, run };
            // Nobody waits any more: dropping the answer gives up its share of the slot.
            let _ = rider.answer.send(Ok(Outputs {
                lease: Some(Arc::clone(lease)),
                tensors,
                timings,
                batch: batch.take(),
            }));
        }
    }

    /// Answers a failed run; requests that shared it run again, each by itself, so that none fails for another.
    fn refuse(&self, flight: Flight, status: &Status) {
        let final_codes = [Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled];
        if !flight.is_batch
            || (flight.riders.len() == 1 && flight.rows == flight.padded)
            || final_codes.contains(&status.code)
        {
            for rider in flight.riders {
                let _ = rider.answer.send(Err(status.clone()));
            }
            return;
        }
        let mut state = self.state.lock();
        if let Some(closed) = state.closed.clone() {
            drop(state);
            for rider in flight.riders {
                let _ = rider.answer.send(Err(closed.clone()));
            }
            return;
        }
        // The last one first, for each is put before all others.
        for (rider, job) in flight.riders.into_iter().zip(flight.jobs.iter()).rev() {
            let deadline = job.deadline;
            let pending =
                Pending { job: job.clone(), rows: None, bytes: 0, arrived: rider.arrived, answer: rider.answer };
            state.queue_of(&pending.job).push_front(pending, deadline);
        }
    }

    /// A signature that was proven has answered joined rows in another form after all: it runs unbatched from now on.
    fn unjoin(self: &Arc<Self>, flight: Flight, status: &Status) {
        let signature = Arc::clone(&flight.jobs[0].signature.name);
        tracing::warn!(model = self.settings.model, %signature, why = status.message, "requests are not joined any more");
        self.change_batching(|batching| {
            batching.proven.remove(&signature);
            batching.unproven.insert(Arc::clone(&signature), status.message.clone());
        });
        self.refuse(flight, status);
        self.pump();
    }
}
