//! The receiver on Linux.

mod request;
mod starter;
mod writer;

pub(in crate::capture) use starter::{Crash, TIME_MS_MAX, dump, prepare, refusal, withdraw};
pub use writer::receive_crash;
pub(in crate::capture) use writer::receive_crash as attend;
