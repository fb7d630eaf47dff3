//! What Crashvault 1 left.

#[cfg(not(feature = "v1"))]
mod disabled;
#[cfg(feature = "v1")]
mod enabled;

#[cfg(not(feature = "v1"))]
pub use disabled::{is_ours, run};
#[cfg(feature = "v1")]
pub use enabled::{is_ours, run};
