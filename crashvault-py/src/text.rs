//! Texts of Python's → texts of Rust's, as much of them as is kept.
//!
//! Never: fails on lone surrogates, which become U+FFFD, or copies ten megabytes to keep eight thousand bytes.

use std::borrow::Cow;
use std::fmt;

use crashvault::Level;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::raw;

/// The text as far as `bytes_max` bytes need it: a little longer, never much.
pub fn head(text: &Bound<'_, PyString>, bytes_max: usize) -> String {
    // One more character than can be kept, so that whoever cuts it sees that it was longer.
    let text = raw::head(text, bytes_max + 1);
    text.to_string_lossy().into_owned()
}

/// Shows the text as far as `bytes_max` bytes need it, without a copy where that can be had.
pub fn with_head<T>(
    text: &Bound<'_, PyString>,
    bytes_max: usize,
    show: impl FnOnce(&str) -> T,
) -> T {
    let text = raw::head(text, bytes_max + 1);
    if let Ok(bytes) = text.encode_utf8()
        && let Ok(text) = std::str::from_utf8(bytes.as_bytes())
    {
        return show(text);
    }
    show(&text.to_string_lossy())
}

/// What is a text, as far as `bytes_max` bytes need it.
pub fn text(value: &Bound<'_, PyAny>, bytes_max: usize) -> Option<String> {
    Some(head(value.cast::<PyString>().ok()?, bytes_max))
}

/// A level by its name, or by the number that `logging` has for it.
pub fn level(value: Option<&Bound<'_, PyAny>>) -> Option<Level> {
    let value = value?;
    if let Some(name) = text(value, 32) {
        return Level::from_name(&name);
    }
    Some(match value.extract::<i64>().ok()? {
        ..20 => Level::Debug,
        20..30 => Level::Info,
        30..40 => Level::Warning,
        40..50 => Level::Error,
        50.. => Level::Fatal,
    })
}

/// A text that is cut by whoever prints it.
#[derive(Debug)]
pub struct Shown<'t>(pub Cow<'t, str>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
