//! The load generator: how fast a running server answers.
//!
//! It shares the processors with the server that it measures, so it must take little: one thread, requests prebuilt as
//! bytes, responses skipped over and not decoded. What a request says is its caller's matter: `seaway bench` (through
//! `crates/py`) and the program `seaway-bench` build the bytes and read the report, one JSON document.

use std::future::Future;

use serde_json::Value;

mod connect;
mod failure;
mod grpc;
mod load;
mod options;
mod pace;
mod problem;
mod processor_time;
mod rest;
mod stream;
mod tally;
mod tls;
mod turn;

pub use connect::{Dialer, Protocol};
pub use failure::Failure;
pub use grpc::call;
pub use load::Progress;
pub use options::{Api, Load};
pub use problem::Problem;
pub use processor_time::own as processor_time;
pub use tally::{nanoseconds, quantiles};
pub use tls::Tls;

/// Sends `bodies` in turn, again and again as `load` says, and reports what came of it.
///
/// `watch` is told how far it is several times a second, on the thread that generates the load, so it must be quick; the load
/// ends early, with a report, once it answers false.
///
/// Raises: Problem - the load makes no sense, there is no body, or its target is not to be loaded or cannot be reached.
pub fn measure(load: &Load, bodies: &[Vec<u8>], watch: &mut dyn FnMut(Progress) -> bool) -> Result<Value, Problem> {
    load.check()?;
    if bodies.is_empty() {
        return Err(Problem("there is no request to send".into()));
    }
    match load.api {
        Api::Grpc => in_one_thread(grpc::measure(load, bodies, watch)),
        Api::Rest => in_one_thread(rest::measure(load, bodies, watch)),
    }
}

/// Runs a measurement on this thread alone: at most one processor is taken from the server.
fn in_one_thread<T>(measurement: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem(format!("no event loop: {error}")))?;
    tokio::task::LocalSet::new().block_on(&runtime, measurement)
}
