//! Engines that a scope carries along, beside the one that is installed: what is captured in such a scope is collected in
//! memory, for tests of the host.

#[cfg(not(feature = "test"))]
mod disabled;
#[cfg(feature = "test")]
mod enabled;

#[cfg(not(feature = "test"))]
pub(in crate::capture) use disabled::Collector;
#[cfg(feature = "test")]
pub(in crate::capture) use enabled::Collector;
#[cfg(feature = "test")]
pub(crate) use enabled::{Collected, collect};
