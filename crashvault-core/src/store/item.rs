//! What the store keeps of an item that was sent and is no event.

use serde_json::Value;

use crate::event::EventId;
use crate::time::Timestamp;

/// Something that was sent beside events: a check-in, a session, feedback, a log, a transaction, or any other item of an
/// envelope.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Item {
    /// The record's own number: later items have higher ones.
    pub id: u64,
    /// What it is, in the words of Sentry's envelopes: `check_in`, `session`, `log` …
    pub kind: String,
    /// The project that it was sent to.
    pub project: String,
    /// The event that its envelope names; feedback and transactions are named by it themselves.
    pub event: Option<EventId>,
    /// When it came.
    pub received_at: Timestamp,
    /// Its own head, as sent.
    pub head: Value,
    /// Bytes of its content.
    pub size_bytes: u64,
}

/// Which items to list: the newest first.
///
/// ```
/// let filter = crashvault::ItemFilter::default().kind("check_in").limit(10);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ItemFilter {
    /// Only those of this kind.
    pub kind: Option<String>,
    /// Only this project's.
    pub project: Option<String>,
    /// Only those whose envelope named this event.
    pub event: Option<EventId>,
    /// Only those with a lower number: how to go on behind a page.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

impl Default for ItemFilter {
    /// The 50 items that came last.
    fn default() -> Self {
        Self {
            kind: None,
            project: None,
            event: None,
            before: None,
            limit: 50,
        }
    }
}

impl ItemFilter {
    /// Only those of this kind.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// Only this project's.
    #[must_use]
    pub fn project(mut self, name: impl Into<String>) -> Self {
        self.project = Some(name.into());
        self
    }

    /// Only those whose envelope named this event.
    #[must_use]
    pub fn event(mut self, id: EventId) -> Self {
        self.event = Some(id);
        self
    }

    /// Only those with a lower number.
    #[must_use]
    pub fn before(mut self, id: u64) -> Self {
        self.before = Some(id);
        self
    }

    /// At most so many.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// An item on its way into the store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewItem {
    /// Tells one that comes twice.
    pub(crate) key: [u8; 16],
    pub(crate) kind: String,
    pub(crate) project: String,
    pub(crate) event: Option<EventId>,
    pub(crate) received_at: Timestamp,
    /// JSON.
    pub(crate) head: String,
    pub(crate) payload: Vec<u8>,
}
