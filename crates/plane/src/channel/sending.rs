//! How a run gets to the worker: its tensors into the slot's shared memory, its frame into the socket.

use std::sync::Arc;

use seaway_wire::clock::monotonic_nanos;
use seaway_wire::frame::{Run, TensorHeader};
use seaway_wire::{align, packet, Code};
use tokio::io::Interest;
use tokio::time::Instant;

use super::state::Launch;
use super::Channel;
use crate::batch::merge;
use crate::status::{Result, Status};

impl Channel {
    /// Sends a request to the worker; one that cannot be sent is answered, its slot is free again, and the answer is false.
    pub(super) fn dispatch(self: &Arc<Self>, launch: &Launch) -> bool {
        match self.write(launch).and_then(|frame| self.send(frame, launch.slot, launch.request_id)) {
            Ok(()) => true,
            Err(status) => {
                self.fail(launch.slot, launch.request_id, status);
                false
            }
        }
    }

    /// Writes the requests' tensors to their slot, and their frame.
    fn write(self: &Arc<Self>, launch: &Launch) -> Result<Vec<u8>> {
        let Launch { slot, request_id, jobs, rows, padded } = launch;
        let merged = merge::merge(jobs, *rows, *padded);
        let start = self.arena.layout().input_offset(*slot);
        let mut offset = start;
        let mut inputs = Vec::with_capacity(merged.len());
        for input in &merged {
            let len = input.len_bytes() as u64;
            offset = align(offset);
            // SAFETY: `launch` gave this slot to us alone, and the worker does not touch it before the frame is sent.
            let region =
                unsafe { self.arena.region_mut(offset, len) }.map_err(|error| Status::internal(error.to_string()))?;
            input.write_to(region);
            inputs.push(TensorHeader {
                name: input.name,
                dtype: input.dtype,
                shape: input.shape.to_vec(),
                offset,
                len,
            });
            offset += len;
        }
        self.note_use(*slot, 0, offset - start);
        let job = &jobs[0];
        // A run may take as long as the most patient of those that wait for it.
        let deadline = jobs.iter().map(|job| job.deadline).reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b))).flatten();
        let deadline_nanos = deadline.map_or(0, on_the_shared_clock);
        let outputs = job.outputs.iter().map(String::as_str).collect();
        let mut frame = Vec::with_capacity(256);
        let signature = &job.signature.name;
        Run { request_id: *request_id, slot: *slot, deadline_nanos, signature, outputs, inputs }.encode(&mut frame);
        match frame.len() <= packet::MAX_FRAME_BYTES {
            true => Ok(frame),
            false => Err(Status::new(
                Code::ResourceExhausted,
                format!(
                    "the names and shapes of the inputs take {} bytes, more than {}",
                    frame.len(),
                    packet::MAX_FRAME_BYTES
                ),
            )),
        }
    }

    fn send(self: &Arc<Self>, frame: Vec<u8>, slot: u16, request_id: u64) -> Result<()> {
        match packet::send(self.socket.get_ref(), &frame) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let channel = Arc::clone(self);
                self.runtime.spawn(async move {
                    let sent = channel.socket.async_io(Interest::WRITABLE, |socket| packet::send(socket, &frame)).await;
                    if let Err(error) = sent {
                        channel.fail(slot, request_id, channel.unsent(&error));
                        channel.pump();
                    }
                });
                Ok(())
            }
            Err(error) => Err(self.unsent(&error)),
        }
    }
}

/// A moment of this process as both ends of a channel can tell it.
fn on_the_shared_clock(deadline: Instant) -> u64 {
    let left = deadline.saturating_duration_since(Instant::now());
    monotonic_nanos().saturating_add(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX))
}
