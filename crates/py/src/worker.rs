//! The worker's side: a loaded model, and the process's ties to its parent.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use seaway_wire::{Arena, Layout};
use seaway_worker::tensorflow::{preload, LoadSettings, Model};
use seaway_worker::{serve, Serving, Status};

use crate::status::status_error;

/// One SavedModel loaded by TensorFlow's C API, and the threads that answer for it.
#[pyclass(frozen)]
pub struct TensorFlowModel {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    model: Option<Arc<Model>>,
    serving: Option<Serving>,
}

impl TensorFlowModel {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is one assignment, so a panic elsewhere cannot have left it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn model(&self) -> PyResult<Arc<Model>> {
        self.state().model.clone().ok_or_else(|| PyRuntimeError::new_err("the model is closed"))
    }
}

#[pymethods]
impl TensorFlowModel {
    /// Loads the SavedModel that the JSON document describes; other Python threads go on meanwhile.
    #[staticmethod]
    fn load(py: Python<'_>, settings: &str) -> PyResult<TensorFlowModel> {
        let settings: LoadSettings =
            serde_json::from_str(settings).map_err(|error| PyValueError::new_err(format!("load settings: {error}")))?;
        let model = py.detach(|| Model::load(&settings)).map_err(|status| raise(py, &status))?;
        Ok(TensorFlowModel { state: Mutex::new(State { model: Some(Arc::new(model)), serving: None }) })
    }

    /// The signatures, as a serialized `tensorflow.serving.SignatureDefMap`.
    fn signatures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, self.model()?.signature_def_map()))
    }

    /// Starts threads that answer runs until the other end hangs up; takes over both descriptors, and returns at once.
    fn serve(&self, socket_fd: RawFd, arena_fd: RawFd, slots: u16, stride_bytes: u64, threads: usize) -> PyResult<()> {
        // SAFETY: the caller hands both descriptors over: they were received for this call and nobody else closes them.
        let (socket, arena) = unsafe { (OwnedFd::from_raw_fd(socket_fd), OwnedFd::from_raw_fd(arena_fd)) };
        let model = self.model()?;
        let mut state = self.state();
        if state.serving.is_some() {
            return Err(PyRuntimeError::new_err("the model is already being served"));
        }
        let arena = Arena::map(arena, Layout { slots, stride: stride_bytes })
            .map_err(|error| PyOSError::new_err(error.to_string()))?;
        state.serving = Some(serve(model, socket, arena, threads)?);
        Ok(())
    }

    /// Hangs up, lets runs in progress finish, and gives the model's memory back to the system.
    fn close(&self, py: Python<'_>) {
        let State { model, serving } = std::mem::take(&mut *self.state());
        py.detach(|| {
            if let Some(serving) = serving {
                serving.stop();
            }
            drop(model);
            // glibc keeps freed memory for the process; a worker that holds several models must not hoard it.
            // SAFETY: the call has no precondition.
            unsafe { libc::malloc_trim(0) };
        });
    }
}

/// Opens TensorFlow's library without loading a model; gives its version.
#[pyfunction]
pub fn preload_tensorflow(py: Python<'_>, library: PathBuf) -> PyResult<String> {
    py.detach(|| preload(&library)).map_err(|status| raise(py, &status))
}

/// Has the kernel kill this process when the thread that made it ends.
#[pyfunction]
pub fn die_with_parent() -> PyResult<()> {
    // SAFETY: the call only sets an attribute of the calling process.
    match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}

fn raise(py: Python<'_>, status: &Status) -> PyErr {
    status_error(py, status.code as u8, &status.message)
}
