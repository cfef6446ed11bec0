//! The load generator of `seaway bench`, as Python sees it.

use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use seaway_bench::{Dialer, Failure, Load, Problem, Progress, Protocol, Tls};
use seaway_plane::status::Code;

use crate::status::status_error;

/// Sends `bodies` in turn as the JSON document `load` says, and gives the JSON report. `on_progress(seconds, measuring, succeeded,
/// failed)` is called several times a second; the load ends early once it returns false or raises.
#[pyfunction]
pub fn bench(py: Python<'_>, load: &str, bodies: Vec<Vec<u8>>, on_progress: Py<PyAny>) -> PyResult<String> {
    let load: Load = serde_json::from_str(load).map_err(|error| PyValueError::new_err(format!("load: {error}")))?;
    let mut raised = None;
    let mut watch = |progress: Progress| {
        Python::attach(|py| {
            let Progress { seconds, measuring, succeeded, failed } = progress;
            let told = on_progress.call1(py, (seconds, measuring, succeeded, failed));
            told.and_then(|go_on| go_on.is_truthy(py)).unwrap_or_else(|error| {
                raised = Some(error);
                false
            })
        })
    };
    // Without the interpreter's lock: it draws the progress meanwhile.
    let report = py.detach(|| seaway_bench::measure(&load, &bodies, &mut watch));
    match (raised, report) {
        (Some(error), _) => Err(error),
        (None, Ok(report)) => Ok(report.to_string()),
        (None, Err(problem)) => Err(unavailable(py, &problem)),
    }
}

/// One unary gRPC call, for its answer; `tls` is a JSON document as in a load, none for plain text.
#[pyfunction]
#[pyo3(signature = (target, method, message, timeout_s, allow_remote, tls = None))]
pub fn grpc_call<'py>(
    py: Python<'py>,
    target: &str,
    method: &str,
    message: &[u8],
    timeout_s: f64,
    allow_remote: bool,
    tls: Option<&str>,
) -> PyResult<Bound<'py, PyBytes>> {
    let limit = Duration::try_from_secs_f64(timeout_s)
        .map_err(|_| PyValueError::new_err(format!("{timeout_s} s is not a time to wait")))?;
    let tls: Option<Tls> =
        tls.map(serde_json::from_str).transpose().map_err(|error| PyValueError::new_err(format!("tls: {error}")))?;
    let dialer = Dialer::new(target, allow_remote, tls.as_ref(), Protocol::Http2);
    let dialer = dialer.map_err(|problem| unavailable(py, &problem))?;
    let answer = py.detach(|| seaway_bench::call(dialer, method, message, limit));
    answer.map(|answer| PyBytes::new(py, &answer)).map_err(|failure| failed(py, &failure))
}

fn unavailable(py: Python<'_>, problem: &Problem) -> PyErr {
    status_error(py, Code::Unavailable as u8, &problem.0)
}

/// A server's own status keeps its code; whatever else went wrong means that it was not there.
fn failed(py: Python<'_>, failure: &Failure) -> PyErr {
    let code = failure.code.strip_prefix("grpc ").and_then(|code| code.parse().ok());
    status_error(py, code.unwrap_or(Code::Unavailable as u8), &failure.message)
}
