//! `seaway-bench`: how fast a running server answers, and how fast its engine could.
//!
//! A load generator shares the processors with the server that it measures, so it must take little: one thread, requests
//! prebuilt as bytes, responses skipped over and not decoded. `grpc` and `rest` load a server; `engine` calls the same
//! TensorFlow engine in this process, which is the limit that the server's numbers are read against. The report is one
//! JSON document on standard output.

mod cli;
mod connect;
mod engine;
mod failure;
mod grpc;
mod input;
mod load;
mod pace;
mod predict_json;
mod predict_request;
mod problem;
mod processor_time;
mod rest;
mod tally;

use std::future::Future;
use std::process::ExitCode;

use clap::Parser;

use cli::{Bench, Command};
use problem::Problem;

fn main() -> ExitCode {
    match measure(&Bench::parse()) {
        Ok(report) => {
            println!("{report:#}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("seaway-bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn measure(bench: &Bench) -> Result<serde_json::Value, Problem> {
    match &bench.command {
        Command::Grpc(options) => in_one_thread(grpc::measure(options)),
        Command::Rest(options) => in_one_thread(rest::measure(options)),
        Command::Engine(options) => engine::measure(options),
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
