//! The engine's errors → exceptions of `crashvault/_error.py`, one class for each kind.

use crashvault::{Error, ErrorKind};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The exception that says what the error says.
pub fn raised(py: Python<'_>, error: &Error) -> PyErr {
    made(py, error).unwrap_or_else(|failed| failed)
}

fn made(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let context = PyDict::new(py);
    for (key, value) in error.context() {
        context.set_item(key, value)?;
    }
    let make = py.import("crashvault._error")?.getattr("made")?;
    let exception = make.call1((
        error.kind().name(),
        error.to_string(),
        error.operation(),
        error.message(),
        context,
        error.is_retryable(),
        errno(error),
    ))?;
    Ok(PyErr::from_value(exception))
}

/// The system's number for its refusal.
fn errno(error: &Error) -> Option<i32> {
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<std::io::Error>()?.raw_os_error()
}

/// A value that the engine would not take, refused before it is asked.
pub fn invalid(py: Python<'_>, operation: &'static str, message: impl Into<String>) -> PyErr {
    raised(py, &Error::new(ErrorKind::InvalidInput, operation, message))
}

/// A word that is none of those there are.
pub fn unknown(py: Python<'_>, what: &'static str, word: &str, known: &[&str]) -> PyErr {
    let (last, others) = known.split_last().unwrap_or((&"", &[]));
    let message = format!("'{word}' is no {what}: use {} or {last}", others.join(", "));
    invalid(py, "read argument", message)
}

/// What an exception of the host says, as the source of an error of the engine.
pub fn text_of(py: Python<'_>, error: &PyErr) -> String {
    let text = error.value(py).str();
    let text = text.and_then(|text| text.extract::<String>());
    let name = error.get_type(py);
    let name = name.getattr(intern!(py, "__name__"));
    let name = name.and_then(|name| name.extract::<String>());
    format!("{}: {}", name.unwrap_or_default(), text.unwrap_or_default())
}
