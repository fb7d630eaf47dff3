//! Sends what a vault holds to where it is asked to: [`report`] uploads events to any collector that speaks Sentry's
//! protocol.
//!
//! Enters: an open vault, a destination, how much may be done. Leaves: requests to that destination, and what became of
//! them.
//!
//! # What it does not do
//!
//! - It does nothing until it is called, and nothing after it has returned: no thread, no state beside the vault's own.
//! - It sends to the place that was named, and follows no redirect to another one.
//! - It sends no event that the vault has not scrubbed.
//! - It never shows a key: not in errors, not by `{:?}`, not in the vault.
//!
//! Never: knows how a vault is stored; what it needs of it are the engine's public functions.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod dsn;
mod envelope;
mod options;
mod outcome;
mod pauses;
mod report;
mod sender;

pub use dsn::Dsn;
pub use options::ReportOptions;
pub use outcome::{ReportEnd, ReportOutcome};
pub use report::report;
