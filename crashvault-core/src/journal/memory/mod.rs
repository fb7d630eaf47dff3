//! Frames that stay in memory instead of going to a file, for tests of the host.

#[cfg(not(feature = "test"))]
mod disabled;
#[cfg(feature = "test")]
mod enabled;

#[cfg(not(feature = "test"))]
pub(super) use disabled::Memory;
#[cfg(feature = "test")]
pub(crate) use enabled::KeptFrame;
#[cfg(feature = "test")]
pub(super) use enabled::Memory;
