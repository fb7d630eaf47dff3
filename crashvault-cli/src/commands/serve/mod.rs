//! `serve`: others send events here, where this build has what that takes.

#[cfg(not(feature = "serve"))]
mod disabled;
#[cfg(feature = "serve")]
mod enabled;

#[cfg(not(feature = "serve"))]
pub use disabled::run;
#[cfg(feature = "serve")]
pub use enabled::run;
