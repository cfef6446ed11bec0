//! How a call ends: with an answer that is counted once it is encoded, with an error, or with its client.
//!
//! Each of them is counted when it is dropped, so that no way out of a call is forgotten. The times that are measured for the
//! series are those that the access log and traces show: nothing is measured twice.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Instant;

use super::Call;
use crate::channel::{BatchSize, Outputs, Timings};
use crate::exchange::Ran;
use crate::metrics::{Done, Method};
use crate::routes::Servable;
use crate::status::{Code, Status};
use crate::tensor::TensorView;

/// A call that has not ended; dropping it means that its client went away, which counts too.
pub(super) struct Unanswered<'a> {
    pub(super) servable: &'a Servable,
    pub(super) signature_name: &'a str,
    pub(super) call: &'a Call,
}

impl Unanswered<'_> {
    /// Counts an error.
    pub(super) fn failed(&self, status: &Status) {
        // Only names of the model's own signatures become label values.
        let known = self.servable.signatures.get(self.signature_name).map_or("", |signature| &signature.name);
        self.servable.metrics.failed(known, self.call.api, status, self.call.received.elapsed());
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.failed(&Status::new(Code::Cancelled, "the client went away"));
    }
}

/// Counts a call as active until it is dropped.
pub(super) struct Active<'a>(&'a AtomicUsize);

impl<'a> Active<'a> {
    pub(super) fn new(count: &'a AtomicUsize) -> Active<'a> {
        count.fetch_add(1, Ordering::AcqRel);
        Active(count)
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The outputs of a Predict call; dropping it ends the request and counts it.
pub struct Answer<'a> {
    pub(super) outputs: Outputs,
    pub(super) record: Record<'a>,
}

impl Answer<'_> {
    /// The outputs, in the order of the filter or of their aliases.
    pub fn views(&self) -> Vec<TensorView<'_>> {
        self.outputs.views()
    }

    /// The signature that answered.
    pub fn signature(&self) -> &str {
        &self.record.signature
    }
}

/// What is counted when the answer has been encoded.
pub(super) struct Record<'a> {
    pub(super) servable: Arc<Servable>,
    pub(super) signature: Arc<str>,
    pub(super) method: Method,
    pub(super) call: Call,
    pub(super) started: Instant,
    pub(super) ran: Instant,
    pub(super) timings: Timings,
    pub(super) batch: Option<BatchSize>,
    pub(super) rows: u64,
    pub(super) bytes: [u64; 2],
    pub(super) _active: Active<'a>,
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        let ended = Instant::now();
        let Timings { queue, batch, run } = self.timings;
        let stages = [self.started - self.call.received, queue, run, ended - self.ran];
        let done = Done { total: ended - self.call.received, stages, rows: self.rows, bytes: self.bytes };
        self.servable.metrics.done(&self.signature, self.call.api, self.method, &done);
        if let Some(batch) = self.batch {
            self.servable.metrics.batch(&self.signature, self.call.api, batch);
        }
        if let Some(exchange) = &self.call.exchange {
            exchange.ran(Ran {
                received: self.call.received,
                started: self.started,
                ran: self.ran,
                ended,
                queue: queue.saturating_sub(batch),
                batch,
                run,
                rows: self.rows,
                bytes: self.bytes,
                shared: self.batch,
            });
        }
    }
}
