//! The server's side: one plane, as Python sees it.

use std::os::fd::{IntoRawFd, RawFd};
use std::time::Duration;

use parking_lot::RwLock;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use seaway_plane::metrics::CATALOGUE;
use seaway_plane::pb::DESCRIPTOR_SET;
use seaway_plane::status::{Code, Status};
use serde::de::DeserializeOwned;

use crate::status::status_error;

/// Every message of `proto/`, as a serialized `google.protobuf.FileDescriptorSet`.
#[pyfunction]
pub fn descriptor_set(py: Python<'_>) -> Bound<'_, PyBytes> {
    PyBytes::new(py, DESCRIPTOR_SET)
}

/// Every metric, as a JSON list of name, kind, help, labels and unit.
#[pyfunction]
pub fn metrics_catalogue() -> String {
    serde_json::to_string(CATALOGUE).expect("the catalogue is plain data")
}

/// The data plane of one server: listeners, routes, queues and channels.
#[pyclass(frozen)]
pub struct Plane {
    /// None once stopped. Calls that wait hold it for reading only, so that they do not wait for each other.
    plane: RwLock<Option<seaway_plane::plane::Plane>>,
}

impl Plane {
    fn with<T: Send>(&self, py: Python<'_>, call: impl Send + FnOnce(&seaway_plane::plane::Plane) -> T) -> PyResult<T> {
        // Without the interpreter's lock: other Python threads go on, and none can deadlock with a waiting call.
        py.detach(|| self.plane.read().as_ref().map(call))
            .ok_or_else(|| PyRuntimeError::new_err("the plane is stopped"))
    }
}

#[pymethods]
impl Plane {
    /// A plane from a JSON document of settings; it does not listen yet.
    #[new]
    fn new(settings: &str) -> PyResult<Plane> {
        let settings: seaway_plane::settings::PlaneSettings = parse("settings", settings)?;
        bound_malloc_arenas(settings.threads);
        let plane = seaway_plane::plane::Plane::new(settings)?;
        Ok(Plane { plane: RwLock::new(Some(plane)) })
    }

    /// Binds and serves; gives the addresses as JSON.
    fn start(&self, py: Python<'_>) -> PyResult<String> {
        let addresses = self.with(py, |plane| plane.start())?.map_err(|error| PyOSError::new_err(error.to_string()))?;
        Ok(serde_json::to_string(&addresses).expect("addresses are plain data"))
    }

    /// Opens the way to a worker: (channel, socket descriptor, arena descriptor).
    fn open_channel(&self, py: Python<'_>, settings: &str) -> PyResult<(u64, RawFd, RawFd)> {
        let settings = parse("channel settings", settings)?;
        let (id, socket, arena) = checked(py, self.with(py, |plane| plane.open_channel(settings))?)?;
        Ok((id, socket.into_raw_fd(), arena.into_raw_fd()))
    }

    /// Tells what the worker behind a channel can be asked: a serialized `SignatureDefMap`.
    fn set_signatures(&self, py: Python<'_>, channel: u64, signature_def_map: &[u8]) -> PyResult<()> {
        checked(py, self.with(py, |plane| plane.set_signatures(channel, signature_def_map))?)
    }

    /// Replays one serialized `PredictionLog`.
    fn warm_up(&self, py: Python<'_>, channel: u64, prediction_log: &[u8], timeout_s: f64) -> PyResult<()> {
        let timeout = seconds(timeout_s)?;
        checked(py, self.with(py, |plane| plane.warm_up(channel, prediction_log, timeout))?)
    }

    /// Finds out which signatures may have requests joined, with rows of serialized `PredictionLog`s: JSON, null or why not by
    /// signature.
    fn prove_batching(&self, py: Python<'_>, channel: u64, records: Vec<Vec<u8>>, timeout_s: f64) -> PyResult<String> {
        let timeout = seconds(timeout_s)?;
        let proofs = checked(py, self.with(py, |plane| plane.prove_batching(channel, &records, timeout))?)?;
        Ok(serde_json::to_string(&proofs).expect("proofs are plain data"))
    }

    /// Answers one serialized `PredictRequest` on a channel that need not be published.
    fn predict<'py>(&self, py: Python<'py>, channel: u64, request: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let answer = checked(py, self.with(py, |plane| plane.predict(channel, request))?)?;
        Ok(PyBytes::new(py, &answer))
    }

    /// Measures how fast a channel answers serialized `PredictRequest`s, so many in flight: JSON.
    fn pace(
        &self,
        py: Python<'_>,
        channel: u64,
        requests: Vec<Vec<u8>>,
        in_flight: usize,
        seconds: f64,
    ) -> PyResult<String> {
        let duration = self::seconds(seconds)?;
        let requests: Vec<&[u8]> = requests.iter().map(Vec::as_slice).collect();
        let pace = checked(py, self.with(py, |plane| plane.pace(channel, &requests, in_flight, duration))?)?;
        Ok(serde_json::to_string(&pace).expect("a pace is plain data"))
    }

    /// Changes how a channel joins requests: a JSON document of rules.
    fn set_batching(&self, py: Python<'_>, channel: u64, rules: &str) -> PyResult<()> {
        let rules = parse("batching rules", rules)?;
        checked(py, self.with(py, |plane| plane.set_batching(channel, rules))?)
    }

    /// Ends everything that waits for a channel with UNAVAILABLE.
    fn close_channel(&self, py: Python<'_>, channel: u64) -> PyResult<()> {
        self.with(py, |plane| plane.close_channel(channel))
    }

    /// Waits until a channel that is no longer published is idle; False after the timeout.
    fn drain_channel(&self, py: Python<'_>, channel: u64, timeout_s: f64) -> PyResult<bool> {
        let timeout = seconds(timeout_s)?;
        self.with(py, |plane| plane.drain_channel(channel, timeout))
    }

    /// Swaps the table of routes, a JSON document.
    fn publish(&self, py: Python<'_>, routes: &str) -> PyResult<()> {
        let document = parse("routes", routes)?;
        checked(py, self.with(py, |plane| plane.publish(document))?)
    }

    /// The next event as JSON; None after the timeout.
    fn next_event(&self, py: Python<'_>, timeout_s: f64) -> PyResult<Option<String>> {
        let timeout = seconds(timeout_s)?;
        let event = self.with(py, |plane| plane.next_event(timeout))?;
        Ok(event.map(|event| serde_json::to_string(&event).expect("events are plain data")))
    }

    /// Answers an event that has an id; code 0 for success.
    fn reply(&self, py: Python<'_>, id: u64, code: u32, message: String) -> PyResult<()> {
        let outcome = match Code::from_number(code) {
            Code::Ok => Ok(()),
            code => Err(Status::new(code, message)),
        };
        self.with(py, |plane| plane.reply(id, outcome))
    }

    /// Takes a JSON list of values measured outside the plane.
    fn observe(&self, py: Python<'_>, metrics: &str) -> PyResult<()> {
        let observations: Vec<_> = parse("metrics", metrics)?;
        checked(py, self.with(py, |plane| plane.observe(&observations))?)
    }

    /// Replaces the tokens of which a request must carry one, a JSON list.
    fn set_tokens(&self, py: Python<'_>, tokens: &str) -> PyResult<()> {
        // What a JSON library says of a text that it cannot read repeats parts of it.
        let tokens: Vec<_> =
            serde_json::from_str(tokens).map_err(|_| PyValueError::new_err("tokens: not a JSON list of strings"))?;
        checked(py, self.with(py, |plane| plane.set_tokens(&tokens))?)
    }

    /// Takes the JSON that `GET /v1/report` answers.
    fn set_report(&self, py: Python<'_>, report: &str) -> PyResult<()> {
        checked(py, self.with(py, |plane| plane.set_report(report))?)
    }

    /// Says whether this server wants requests.
    fn set_ready(&self, py: Python<'_>, ready: bool) -> PyResult<()> {
        self.with(py, |plane| plane.set_ready(ready))
    }

    /// Accepts nothing new and waits for what is in flight; False after the timeout.
    fn drain(&self, py: Python<'_>, timeout_s: f64) -> PyResult<bool> {
        let timeout = seconds(timeout_s)?;
        self.with(py, |plane| plane.drain(timeout))
    }

    /// The metrics in Prometheus' text form.
    fn metrics(&self, py: Python<'_>) -> PyResult<String> {
        self.with(py, |plane| plane.metrics_text())
    }

    /// What the server has to do, and what each version answered so far, as JSON.
    fn measurements(&self, py: Python<'_>) -> PyResult<String> {
        self.with(py, |plane| plane.measurements())
    }

    /// Ends everything now; a second call does nothing.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| {
            // Bound first: the lock must be free again before the runtime is waited for.
            let plane = self.plane.write().take();
            if let Some(plane) = plane {
                plane.stop();
            }
        });
    }
}

fn parse<T: DeserializeOwned>(what: &str, text: &str) -> PyResult<T> {
    serde_json::from_str(text).map_err(|error| PyValueError::new_err(format!("{what}: {error}")))
}

fn checked<T>(py: Python<'_>, outcome: seaway_plane::status::Result<T>) -> PyResult<T> {
    outcome.map_err(|status| status_error(py, status.code as u8, &status.message))
}

fn seconds(value: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value).map_err(|error| PyValueError::new_err(format!("{value} s: {error}")))
}

/// Has glibc keep one heap a request thread, and at least two, instead of eight a core.
///
/// Versions come and go on threads that come and go, each of which would be given a heap of its own that is hardly ever given
/// back: twenty hot swaps of MobileNetV2 grew this process by 18 MiB with the default and by 1 MiB with two heaps.
#[cfg(target_env = "gnu")]
fn bound_malloc_arenas(threads: usize) {
    let arenas = libc::c_int::try_from(threads.max(2)).unwrap_or(libc::c_int::MAX);
    // SAFETY: the call takes two numbers and changes how many heaps are made from now on.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) };
}

#[cfg(not(target_env = "gnu"))]
fn bound_malloc_arenas(_: usize) {}
