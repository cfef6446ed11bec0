//! The one exception that this module raises for a failed load or run: a canonical code and a message.

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(
    _core,
    StatusError,
    PyException,
    "A failed operation: attributes `code` (a canonical status number) and `message`."
);

/// A `StatusError` with its two attributes set.
pub fn status_error(py: Python<'_>, code: u8, message: &str) -> PyErr {
    let error = StatusError::new_err(message.to_owned());
    let value = error.value(py);
    match value.setattr("code", code).and_then(|()| value.setattr("message", message)) {
        Ok(()) => error,
        Err(refused) => refused,
    }
}
