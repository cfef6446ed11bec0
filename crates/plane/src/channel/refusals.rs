//! What a channel says to requests that it does not run.

use std::time::Duration;

use super::{Channel, ChannelSettings};
use crate::status::{Code, Status};

impl Channel {
    pub(super) fn full(&self) -> Status {
        let ChannelSettings { model, version, max_queue, .. } = &self.settings;
        let message = format!("{model} version {version}: {max_queue} requests wait already; try again later");
        Status { retry_after: Some(Duration::from_secs(1)), ..Status::new(Code::ResourceExhausted, message) }
    }

    /// Said at once to a request that would only take a place from others until its deadline passes.
    pub(super) fn hopeless(&self, waiting: usize, expected: Duration, left: Duration) -> Status {
        let ChannelSettings { model, version, .. } = &self.settings;
        let message = format!(
            "{model} version {version}: {waiting} requests wait already, so that an answer takes about {} ms of late, and the deadline is in {} ms; try again later",
            expected.as_millis(),
            left.as_millis()
        );
        Status { retry_after: Some(Duration::from_secs(1)), ..Status::new(Code::ResourceExhausted, message) }
    }

    /// Source: tensorflow/core/kernels/batching_util/shared_batch_scheduler.h (Schedule).
    pub(super) fn batches_full(&self, waiting: usize, bound: usize) -> Status {
        let message = format!(
            "The batch scheduling queue to which this task was submitted is full; currently {waiting} batches enqueued and max_enqueued_batches is {bound}"
        );
        Status { retry_after: Some(Duration::from_secs(1)), ..Status::unavailable(message) }
    }

    pub(super) fn too_late(&self) -> Status {
        Status::deadline_exceeded(format!(
            "the deadline passed before {} version {} answered",
            self.settings.model, self.settings.version
        ))
    }

    pub(super) fn unsent(&self, error: &std::io::Error) -> Status {
        Status::unavailable(format!(
            "the worker of {} version {} cannot be reached: {error}",
            self.settings.model, self.settings.version
        ))
    }
}
