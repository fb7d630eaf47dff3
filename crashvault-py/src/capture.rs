//! Exceptions and messages → the engine's records.

use crashvault::host::{Capture, Site};
use crashvault::{EventId, Level};
use pyo3::prelude::*;

/// The id as 32 hexadecimal digits; `None` where nothing was kept.
fn told(id: EventId) -> Option<String> {
    (!id.is_nil()).then(|| id.to_string())
}

#[pyfunction]
pub fn capture_message(message: &str) -> Option<String> {
    let site = Site {
        file: "",
        line: 0,
        column: 0,
    };
    let mut capture = Capture::at(site);
    capture.level = Level::Info;
    told(capture.capture(&|kind| kind.text(&message), &|event| {
        event.message(&message);
    }))
}
