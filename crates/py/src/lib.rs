//! `seaway._core`: the whole surface between Python and Rust, and the only crate that knows of Python.
//!
//! What crosses is data, rarely: JSON documents, descriptors, bytes. No Python is called while a prediction is answered.
//! `src/seaway/_core.pyi` is the same surface for the type checker.

use pyo3::prelude::*;

mod bench;
mod plane;
mod status;
mod worker;

#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::bench::{bench, grpc_call};
    #[pymodule_export]
    use crate::plane::{descriptor_set, metrics_catalogue, Plane};
    #[pymodule_export]
    use crate::status::StatusError;
    #[pymodule_export]
    use crate::worker::{die_with_parent, preload_tensorflow, TensorFlowModel};
}
