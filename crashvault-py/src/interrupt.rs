//! What the user says while a capture runs code of the host: a KeyboardInterrupt is theirs, and passes on when the capture is
//! done. Every other error of that code ends here.

use std::cell::RefCell;

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

thread_local!(static PENDING: RefCell<Option<PyErr>> = const { RefCell::new(None) });

/// What the host's code answered; an interrupt is put aside.
pub fn answer<T>(py: Python<'_>, result: PyResult<T>) -> Result<T, PyErr> {
    result.inspect_err(|error| {
        if error.is_instance_of::<PyKeyboardInterrupt>(py) {
            let error = error.clone_ref(py);
            // A thread that ends has nobody to interrupt.
            let _ = PENDING.try_with(|pending| pending.replace(Some(error)));
        }
    })
}

/// The result of a capture, unless the user interrupted it.
pub fn passed<T>(result: T) -> PyResult<T> {
    let pending = PENDING.try_with(|pending| pending.take());
    match pending.ok().flatten() {
        Some(interrupt) => Err(interrupt),
        None => Ok(result),
    }
}
