//! The SQLite of crash reporting.
#![deny(missing_docs)]
#![deny(unsafe_code)]

mod error;
pub mod event;
pub mod issue;
mod time;

pub use error::{Error, ErrorKind, Result};
pub use event::{Breadcrumb, Event, EventId, Exception, Frame, Level, User};
pub use issue::{Issue, IssueId, IssueRef, Join, Status};
pub use time::{Clock, FixedClock, SystemClock, Timestamp};
