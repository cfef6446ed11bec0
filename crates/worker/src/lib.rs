//! The worker's half of the data plane: an engine that runs a model, and the loop that feeds it.
//!
//! [`serve`] knows frames, the arena and the [`Engine`] role; [`tensorflow`] is the engine that binds TensorFlow's C API
//! out of an installed wheel at run time. Neither knows of Python, of processes, or of who is at the other end: control
//! (loading, statistics, leaving) is `seaway.worker`'s matter, in Python.

mod engine;
mod serve;
mod status;
pub mod tensorflow;

pub use engine::{Answer, Engine};
pub use serve::{serve, Serving};
pub use status::Status;
