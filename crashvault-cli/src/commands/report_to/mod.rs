//! `report-to`: events go to a collector, where this build has what that takes.

#[cfg(not(feature = "report"))]
mod disabled;
#[cfg(feature = "report")]
mod enabled;
#[cfg(feature = "report")]
mod told;

#[cfg(not(feature = "report"))]
pub use disabled::run;
#[cfg(feature = "report")]
pub use enabled::run;
