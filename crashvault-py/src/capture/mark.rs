//! Which exceptions have been captured a moment ago: one that passes a decorator, a framework, a logger and the hook of the
//! interpreter is still one event.
//!
//! The mark lies in the exception's own dictionary, as a text, so that it also goes with it to another process. It holds for a
//! few seconds only: programs raise one and the same object again.

use crashvault::{EventId, Timestamp};
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::own::Own;
use crate::text;

const NAME: &str = "__crashvault_event__";
/// How long a mark holds, in nanoseconds.
const HOLDS_NS: i64 = 10_000_000_000;
/// `event id@nanoseconds`, in bytes.
const BYTES_MAX: usize = 64;

/// The event that the exception has become.
pub fn read(error: &Bound<'_, PyBaseException>) -> Option<String> {
    let mark = dictionary(error)?.get_item(NAME).ok()??;
    let mark = text::text(&mark, BYTES_MAX)?;
    let (id, at) = mark.split_once('@')?;
    let age = Timestamp::now().as_nanos().checked_sub(at.parse().ok()?)?;
    (0..HOLDS_NS).contains(&age).then(|| id.to_owned())
}

pub fn write(error: &Bound<'_, PyBaseException>, id: EventId) {
    if id.is_nil() {
        return;
    }
    if let Some(dictionary) = dictionary(error) {
        let mark = format!("{id}@{}", Timestamp::now().as_nanos());
        // What cannot be marked may become two events.
        let _ = dictionary.set_item(NAME, mark);
    }
}

fn dictionary<'py>(error: &Bound<'py, PyBaseException>) -> Option<Bound<'py, PyDict>> {
    Own::of(error.py()).ok()?.dict_of(error).ok()
}
