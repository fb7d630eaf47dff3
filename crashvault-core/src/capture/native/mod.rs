//! Enters: the signals that end a program (SIGSEGV, SIGABRT …). Leaves: a fatal record in the place that was made for it,
//! and the process ends as it would have.
//!
//! Never, in a handler: allocates, takes a lock, formats, walks a stack, or touches a store.

#[cfg(all(
    feature = "native",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod body;
#[cfg(all(
    feature = "native",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
#[path = "linux.rs"]
mod system;
#[cfg(not(all(
    feature = "native",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
#[path = "disabled.rs"]
mod system;

#[cfg(feature = "host")]
pub(super) use system::stand_before;
pub(super) use system::{IS_BUILT, install};
