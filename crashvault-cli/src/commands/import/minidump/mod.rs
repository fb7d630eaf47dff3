//! A crash that another handler wrote.

#[cfg(not(feature = "minidump"))]
mod disabled;
#[cfg(feature = "minidump")]
mod enabled;

#[cfg(not(feature = "minidump"))]
pub use disabled::run;
#[cfg(feature = "minidump")]
pub use enabled::run;
