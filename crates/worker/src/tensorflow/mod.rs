//! The TensorFlow engine: SavedModels run by the C API of an installed TensorFlow wheel, without Python.
//!
//! [`Model::load`] opens a SavedModel as a session and turns each signature into a plan (which graph outputs to feed and
//! fetch), so that a run looks up nothing but names. Inputs are lent to TensorFlow where they lie in the arena; outputs are
//! copied into the slot's output region. A model that keeps an input (a variable assigned from it, say) is noticed after
//! the run, by the reference that TensorFlow did not give back: that slot is given up, and from then on the model's inputs
//! are copied.

mod api;
mod fetch;
mod model;
mod outputs;
mod pace;
mod proto;
mod session;
mod signature;
mod tensor;

use std::path::Path;

pub use model::Model;
pub use session::LoadSettings;

use crate::Status;

/// Opens TensorFlow's library without loading a model, and gives its version: what a fork server does once for all workers.
pub fn preload(library: &Path) -> Result<String, Status> {
    Ok(api::open(library)?.version())
}
