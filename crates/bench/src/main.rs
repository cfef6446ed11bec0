//! `seaway-bench`: the load generator for `make bench`.
//!
//! `grpc` and `rest` load a server; `engine` calls the same TensorFlow engine in this process, which is the limit that the
//! server's numbers are read against; `plane` measures the request path by itself. The report is one JSON document on standard output. Only this machine is loaded.

mod command;

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use clap::Parser;
use seaway_bench::{Load, Problem, Progress};
use serde_json::Value;

use command::cli::{Bench, Command};
use command::{engine, plane, request};

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

fn measure(bench: &Bench) -> Result<Value, Problem> {
    match &bench.command {
        Command::Grpc(options) => load(&options.load(), request::message(&options.request)?),
        Command::Rest(options) => load(&options.load(), request::body(&options.request)?),
        Command::Engine(options) => engine::measure(options),
        Command::Plane(options) => plane::measure(options),
    }
}

/// Raises: Problem - not one request succeeded.
fn load(load: &Load, body: Vec<u8>) -> Result<Value, Problem> {
    let interrupted = interrupted();
    let mut announced = false;
    let mut watch = |progress: Progress| {
        if progress.measuring && !std::mem::replace(&mut announced, true) {
            announce();
        }
        !interrupted.load(Ordering::Relaxed)
    };
    let report = seaway_bench::measure(load, &[body], &mut watch)?;
    match report["succeeded"].as_u64() {
        Some(0) => {
            Err(Problem(format!("not one request succeeded: {} {}", report["failures"], report["first_failure"])))
        }
        _ => Ok(report),
    }
}

/// Says on standard error that measuring begins, so that a script can do meanwhile what it wants to see the effect of.
fn announce() {
    // A closed standard error is no reason not to measure.
    let _ = writeln!(std::io::stderr(), "measuring");
}

/// Turns true when this process gets SIGINT.
fn interrupted() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = flag.clone();
    std::thread::spawn(move || {
        // Without a runtime for it the signal ends the process, as it does any program.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            set.store(true, Ordering::Relaxed);
        }
    });
    flag
}
