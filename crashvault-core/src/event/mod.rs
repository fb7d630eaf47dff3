//! Enters: what was captured or received. Leaves: [`Event`] and its parts, as plain data.
//!
//! The shape is the Sentry event payload (docs/event.md); what it does not name is kept in `other`.
//! `wire` is the compact body of the journal, both ways.
//!
//! Never: reads a clock, a file or another room; rejects an event because a part of it is broken.

#[cfg(feature = "store")]
mod apart;
mod command;
#[cfg(feature = "store")]
mod delivery;
mod forbidden;
mod id;
mod kind;
pub mod limits;
mod model;
mod place;
mod raw;
mod read;
mod userinfo;
pub(crate) mod wire;
mod write;

#[cfg(feature = "store")]
pub(crate) use apart::{put_key_of_frames, read_frames, write_frames};
pub use command::FailedCommand;
#[cfg(feature = "store")]
pub(crate) use command::put_printed;
#[cfg(feature = "store")]
pub use delivery::Delivery;
pub use forbidden::{
    FORBIDDEN_PARTS, FORBIDDEN_WHOLE, filter_arguments, filter_forbidden, is_forbidden_key,
};
pub use id::EventId;
pub use kind::EventKind;
#[cfg(feature = "store")]
pub(crate) use model::SUPPRESSED;
pub use model::{
    Breadcrumb, Event, Exception, Flaw, Frame, Image, Level, LogEntry, Mechanism, Object,
    Stacktrace, Thread, User,
};
pub use place::SourcePlace;
#[cfg(feature = "v1")]
pub(crate) use read::read_value;
#[cfg(feature = "store")]
pub(crate) use userinfo::secret_userinfo;
#[cfg(any(feature = "actix", feature = "host", feature = "tower"))]
pub(crate) use userinfo::without_userinfo;
