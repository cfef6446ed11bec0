//! What only the program has: its command line, requests made from it, and the engine by itself.

pub mod cli;
pub mod engine;
pub mod input;
mod instant_worker;
pub mod plane;
mod predict_json;
mod predict_request;
pub mod request;
mod thread_time;
