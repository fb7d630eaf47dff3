//! `anyhow::Error` with its whole chain.
//!
//! ```
//! use anyhow::Context;
//! use crashvault::anyhow::AnyhowExt;
//!
//! fn port(text: &str) -> anyhow::Result<u16> {
//!     text.parse().context("the port is no number")
//! }
//!
//! let events = crashvault::test::with_captured(|| port("eighty").capture().unwrap_or(8080));
//! let chain: Vec<_> = events[0].exceptions.iter().filter_map(|e| e.value.as_deref()).collect();
//! assert_eq!(chain, ["invalid digit found in string", "the port is no number"]);
//! ```
//!
//! The stack is that of the capture, walked in a few microseconds and named later. The one that `anyhow` takes where an
//! error comes to be, if `RUST_BACKTRACE` asks for it, is used only where you ask for it, by
//! [`capture_anyhow_with_backtrace`].

use std::backtrace::BacktraceStatus;
use std::fmt;
use std::panic::Location;

use crate::capture::{Held, capture_held};
use crate::event::EventId;

/// Captures an error with its contexts and sources, and the caller's stack.
///
/// It is as [`capture_error`](crate::capture_error) otherwise. The error that was added last stands last in the
/// event's chain, the root cause first. Types are known where an error's `Debug` begins with its name; an error that was
/// made of a text, or a context, is an `Error`. Those are told apart by their texts when events are grouped.
///
/// ```
/// let error = anyhow::anyhow!("the shelf is empty").context("cannot sell");
/// let events = crashvault::test::with_captured(|| {
///     crashvault::anyhow::capture_anyhow(&error);
/// });
/// assert_eq!(events[0].title(), "Error: cannot sell");
/// assert_eq!(events[0].exceptions.len(), 2);
/// ```
#[track_caller]
#[inline(never)]
pub fn capture_anyhow(error: &::anyhow::Error) -> EventId {
    capture(error, None, Location::caller())
}

/// The same with the stack of the place where the error came to be, as `anyhow` took it, in place of the caller's.
///
/// `anyhow` takes one if `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE` is `1` and no source brings its own; without one this
/// is [`capture_anyhow`]. The standard library gives it only as text and finds its names in the capturing process: some
/// hundred milliseconds for the first one, 70 µs for each other and now and then milliseconds, where the caller's stack
/// costs 9 (docs/guide/rust.md).
/// The text is kept up to [`BACKTRACE_BYTES_MAX`](crate::event::limits::BACKTRACE_BYTES_MAX) bytes, and becomes frames
/// when the event enters the vault.
#[track_caller]
#[inline(never)]
pub fn capture_anyhow_with_backtrace(error: &::anyhow::Error) -> EventId {
    let backtrace = error.backtrace();
    let is_captured = backtrace.status() == BacktraceStatus::Captured;
    let backtrace = is_captured.then_some(backtrace as &dyn fmt::Display);
    capture(error, backtrace, Location::caller())
}

fn capture(
    error: &::anyhow::Error,
    backtrace: Option<&dyn fmt::Display>,
    location: &Location<'_>,
) -> EventId {
    let held = Held {
        holder: "anyhow::Error",
        error: error.as_ref(),
        backtrace,
    };
    capture_held(&held, location)
}

/// Captures the error of an [`anyhow::Result`](::anyhow::Result) on its way.
pub trait AnyhowExt {
    /// Captures the error, if it is one, and passes the result on unchanged.
    ///
    /// ```
    /// use crashvault::anyhow::AnyhowExt;
    /// assert_eq!(anyhow::Ok(7).capture().unwrap(), 7);
    /// ```
    #[must_use]
    fn capture(self) -> Self;
}

impl<T> AnyhowExt for ::anyhow::Result<T> {
    #[track_caller]
    #[inline]
    fn capture(self) -> Self {
        if let Err(error) = &self {
            capture_anyhow(error);
        }
        self
    }
}
