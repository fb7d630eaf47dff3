//! Ground records as they leave a store and come back: one after another, each whole in itself.

use super::{Attachment, StoredEvent};
use crate::event::{EventId, Level};
use crate::issue::{Activity, IssueId, Join, VariantKey};
use crate::time::Timestamp;

/// One record of an issue. In this order: the issue, its joins, its activities, each event with its attachments, what
/// retention left. Of a whole
/// store, and of several issues, all of one kind before those of the next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Record {
    /// The issue's local number.
    Issue {
        /// Its number.
        number: u64,
        /// Its id.
        id: IssueId,
        /// Its project.
        project: String,
    },
    /// A variant of the issue, or of an event that was moved there.
    Join {
        /// The number of the issue that the variant joined.
        number: u64,
        /// The join.
        join: Join,
    },
    /// What was decided.
    Activity(Activity),
    /// An event.
    Event {
        /// The project of its variant.
        project: String,
        /// The event.
        stored: Box<StoredEvent>,
    },
    /// A file of the event before.
    Attachment(Attachment),
    /// Events that retention gave up.
    Residue(Residue),
    /// An event that was removed for good.
    Tombstone {
        /// The event.
        event: EventId,
        /// When.
        removed_at: Timestamp,
    },
}

/// What retention left of the events of one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Residue {
    /// The issue that counts them.
    pub(crate) issue: IssueId,
    /// The project and the variant they were found to be; `None` if people had moved them there.
    pub(crate) variant: Option<(String, VariantKey)>,
    /// Hours since 1970.
    pub(crate) hour: i64,
    /// The worst level.
    pub(crate) level: Level,
    /// How many they were.
    pub(crate) count: u64,
    /// The first one's time.
    pub(crate) first_seen: Timestamp,
}

/// What was exported of an issue, to find out later whether that was all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exported {
    /// The issue's number.
    pub(crate) number: u64,
    /// The ingest sequences of its events.
    pub(crate) events: Vec<u64>,
    /// How many activities it had.
    pub(crate) activities: u64,
    /// How many attachments its events had.
    pub(crate) attachments: u64,
    /// Its newest event.
    pub(crate) last_event: EventId,
}
