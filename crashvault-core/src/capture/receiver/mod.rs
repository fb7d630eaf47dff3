//! Enters: a crash whose last words are written. Leaves: a minidump with the stacks of all threads, beside them.
//!
//! Two halves: the *starter* runs in the handler of a signal and starts the program that was named beforehand; that program
//! finds in its arguments that it is a receiver, and its *writer* looks at the process that started it
//! (docs/decisions/0020).
//!
//! Never: begins before the last words are written, holds up the end of the process for longer than is said here, stops
//! it where its parent would see that, leaves a child behind.

#[cfg(all(
    feature = "out-of-process",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
#[path = "enabled/mod.rs"]
mod system;
#[cfg(not(all(
    feature = "out-of-process",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
#[path = "disabled.rs"]
mod system;

#[cfg(feature = "out-of-process")]
pub use system::receive_crash;
#[cfg(all(
    feature = "native",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub(super) use system::{Crash, TIME_MS_MAX, dump, withdraw};
pub(super) use system::{attend, prepare, refusal};
