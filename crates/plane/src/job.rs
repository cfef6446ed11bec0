//! One request on its way to an engine, whatever it came as.

use std::sync::Arc;

use tokio::time::Instant;

use crate::signature::Signature;
use crate::tensor::Tensor;

/// One request, ready to run; a copy shares the tensors' memory.
#[derive(Clone, Debug)]
pub struct Job {
    /// Which signature, with the names of its outputs.
    pub signature: Arc<Signature>,
    /// The inputs, by the signature's names.
    pub inputs: Vec<(String, Tensor)>,
    /// Wanted outputs; empty means all.
    pub outputs: Vec<String>,
    /// When the answer is of no use any more.
    pub deadline: Option<Instant>,
    /// Whether it runs only where no other request wants to: see [`crate::operations`].
    pub background: bool,
}
