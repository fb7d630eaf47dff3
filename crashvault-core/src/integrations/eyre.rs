//! `eyre::Report` with its whole chain.
//!
//! ```
//! use crashvault::eyre::EyreExt;
//! use eyre::WrapErr;
//!
//! fn port(text: &str) -> eyre::Result<u16> {
//!     text.parse().wrap_err("the port is no number")
//! }
//!
//! let events = crashvault::test::with_captured(|| port("eighty").capture().unwrap_or(8080));
//! let chain: Vec<_> = events[0].exceptions.iter().filter_map(|e| e.value.as_deref()).collect();
//! assert_eq!(chain, ["invalid digit found in string", "the port is no number"]);
//! ```
//!
//! The stack is that of the capture. Handlers such as `color-eyre` may hold one of the place where the report came to be,
//! but `eyre` has no way to ask them for it, so it is not in the event.

use std::panic::Location;

use crate::capture::{Held, capture_held};
use crate::event::EventId;

/// Captures a report with everything it wraps, and the caller's stack.
///
/// It is as [`capture_error`](crate::capture_error) otherwise. The error that was added last stands last in the
/// event's chain, the root cause first. Types are known where an error's `Debug` begins with its name; an error that was
/// made of a text is a `Report` where it stands last, else an `Error`. Those are told apart by their texts when events
/// are grouped.
///
/// ```
/// let report = eyre::eyre!("the shelf is empty").wrap_err("cannot sell");
/// let events = crashvault::test::with_captured(|| {
///     crashvault::eyre::capture_eyre(&report);
/// });
/// assert_eq!(events[0].title(), "Report: cannot sell");
/// assert_eq!(events[0].exceptions.len(), 2);
/// ```
#[track_caller]
#[inline(never)]
pub fn capture_eyre(report: &::eyre::Report) -> EventId {
    let held = Held {
        holder: "eyre::Report",
        error: report.as_ref(),
        backtrace: None,
    };
    capture_held(&held, Location::caller())
}

/// Captures the report of an [`eyre::Result`](::eyre::Result) on its way.
pub trait EyreExt {
    /// Captures the report, if it is one, and passes the result on unchanged.
    ///
    /// ```
    /// use crashvault::eyre::EyreExt;
    /// assert_eq!(eyre::Ok(7).capture().unwrap(), 7);
    /// ```
    #[must_use]
    fn capture(self) -> Self;
}

impl<T> EyreExt for ::eyre::Result<T> {
    #[track_caller]
    #[inline]
    fn capture(self) -> Self {
        if let Err(report) = &self {
            capture_eyre(report);
        }
        self
    }
}
