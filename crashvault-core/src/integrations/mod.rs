//! Enters: what other libraries say while they serve the host. Leaves: captures, breadcrumbs and scopes, by capture's own
//! doors.
//!
//! Never: changes what the host sees of its library, holds a rule of its own about what an event is, or is built without
//! the feature of that library's name.

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "anyhow")]
pub mod anyhow;
#[cfg(feature = "eyre")]
pub mod eyre;
#[cfg(any(feature = "tracing", feature = "log", feature = "slog"))]
mod filter;
#[cfg(feature = "log")]
pub mod log;
#[cfg(any(feature = "actix", feature = "tokio", feature = "tower"))]
mod scoped;
#[cfg(feature = "slog")]
pub mod slog;
#[cfg(feature = "tokio")]
pub mod tokio;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(feature = "tracing")]
pub mod tracing;
