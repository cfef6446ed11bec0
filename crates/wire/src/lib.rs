//! What the plane and a worker say to each other, and the memory in which tensors cross.
//!
//! Three nouns: [`DType`] (TensorFlow's element types), [`frame`] (the two messages, `Run` and `Reply`, as bytes) and
//! [`Arena`] (one memfd, divided into slots). [`packet`] opens the socket they travel on. Nothing here knows of models,
//! HTTP or TensorFlow's runtime; `docs/worker-protocol.md` is the same contract in prose, and `tests/golden/wire/` pins
//! its bytes for both languages.

mod arena;
pub mod clock;
mod code;
mod dtype;
pub mod frame;
pub mod packet;
pub mod strings;

pub use arena::{align, Arena, ArenaError, Layout, ALIGNMENT};
pub use code::Code;
pub use dtype::DType;
