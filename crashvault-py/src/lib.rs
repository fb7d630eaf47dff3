//! Crashvault for Python.
//!
//! Enters: Python's exceptions, scopes and questions. Leaves: what the engine makes of them, as Python's objects.
//!
//! Never: holds a rule about events or issues, which is the engine's; calls code of the host that was not asked for;
//! raises from a capture.

mod capture;
mod install;

use pyo3::prelude::*;

/// The extension module; `crashvault/__init__.py` is its face.
#[pymodule]
mod _crashvault {
    #[pymodule_export]
    use crate::capture::capture_message;
    #[pymodule_export]
    use crate::install::{Installed, close, flush, install};
}
