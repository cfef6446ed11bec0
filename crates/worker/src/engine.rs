//! The role that the serve loop needs filled: something that runs one signature.

use std::sync::Arc;

use seaway_wire::frame::{Run, TensorHeader};
use seaway_wire::Arena;

use crate::Status;

/// What one run gave.
#[derive(Debug)]
pub struct Answer<'e> {
    /// Where the outputs lie in the slot's output region, or why there are none.
    pub outputs: Result<Vec<TensorHeader<'e>>, Status>,
    /// Nanoseconds spent inside the engine, without copying.
    pub run_nanos: u64,
    /// Whether the engine still refers to the run's input bytes.
    pub inputs_retained: bool,
}

impl Answer<'_> {
    /// An answer that never reached the engine.
    pub fn refused(status: Status) -> Self {
        Answer { outputs: Err(status), run_nanos: 0, inputs_retained: false }
    }
}

/// A loaded model, called from several threads at once.
pub trait Engine: Send + Sync + 'static {
    /// Runs `run` on the inputs in `arena` and writes the outputs into the slot's output region.
    ///
    /// The caller owns the slot until the answer is sent; nothing in `run` has been checked but its encoding.
    fn run(&self, run: &Run<'_>, arena: &Arc<Arena>) -> Answer<'_>;
}
