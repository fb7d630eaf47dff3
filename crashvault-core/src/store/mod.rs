//! Enters: events with the issue each was found to belong to. Leaves: issues, events and numbers, as asked for.
//!
//! [`Store`] is what the vault knows; SQLite behind it is one way to keep it. Ground records (events, joins, issue
//! numbers) are only ever added to; issues and totals are derived from them in the same transaction; offsets and
//! counters are local state of this vault.
//!
//! Never: lets an SQL type out, decides what belongs together, reads a clock, the journal or the settings.

mod sqlite;
#[cfg(test)]
mod testkit;

use std::collections::BTreeMap;

use crate::error::Result;
use crate::event::{Event, EventId};
use crate::issue::{Issue, IssueId, IssueRef, Join, Status, VariantKey};
use crate::time::Timestamp;

pub(crate) use sqlite::{Access, SqliteStore};

/// Title and culprit of an issue are cut to this many characters; the event keeps them whole.
pub(crate) const LINE_CHARS_MAX: usize = 200;

/// A place that keeps a vault's records. One writer at a time; the store itself waits for its turn.
///
/// Every function that writes does so in one transaction: after an error nothing of the call has happened.
pub(crate) trait Store: Send {
    /// Keeps a batch: its events, the joins of new variants, the issues' view, offsets and counters.
    ///
    /// An event id that is already kept (or comes twice in the batch) changes nothing. A variant that has joined an
    /// issue before stays there, whatever the batch proposes. Offsets only ever grow.
    ///
    /// # Errors
    /// InvalidInput for an event without an id; Busy when another writer does not finish in time; Io when the disk is
    /// full (retryable); ReadOnly; Corrupt.
    fn commit(&mut self, batch: &Batch) -> Result<Committed>;

    /// Returns once everything committed so far survives a power cut. To be called before a drained segment is removed.
    fn sync(&mut self) -> Result<()>;

    /// The issues that pass the filter, in its order.
    fn issues(&self, filter: &IssueFilter) -> Result<Vec<Issue>>;

    /// One issue.
    ///
    /// # Errors
    /// NotFound; Conflict for a prefix that fits several, naming them.
    fn issue(&self, reference: &IssueRef) -> Result<Issue>;

    /// The newest events of an issue, newest first by (time, process, sequence, id).
    fn events(&self, issue: &IssueId, limit: usize) -> Result<Vec<StoredEvent>>;

    /// One event.
    ///
    /// # Errors
    /// NotFound; Corrupt if its payload cannot be read.
    fn event(&self, id: EventId) -> Result<StoredEvent>;

    /// The variants of an issue, in the order they joined, each with its reason.
    fn joins(&self, issue: &IssueId) -> Result<Vec<Join>>;

    /// How far each journal segment (by file stem) has been drained, in bytes.
    fn offsets(&self) -> Result<BTreeMap<String, u64>>;

    /// Drops the offsets of segments that no longer exist.
    fn forget_segments(&mut self, names: &[String]) -> Result<()>;

    /// The vault's counters, by name.
    fn counters(&self) -> Result<BTreeMap<String, u64>>;

    /// How much the store holds.
    fn stats(&self) -> Result<StoreStats>;

    /// What is wrong with the store, in words; empty if it is healthy. Reads and unpacks everything: half a minute per million events.
    ///
    /// # Errors
    /// Only what keeps it from looking at all; damage that it finds is a finding.
    fn check(&self) -> Result<Vec<String>>;
}

/// What one commit keeps, all of it or nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    /// The events, in the order they came.
    pub(crate) events: Vec<NewEvent>,
    /// Segment file stem → bytes drained with these events.
    pub(crate) offsets: Vec<(String, u64)>,
    /// Counter name → what to add.
    pub(crate) counters: Vec<(String, u64)>,
}

/// An event on its way into the store.
#[derive(Clone, Debug)]
pub(crate) struct NewEvent {
    /// The event, scrubbed and symbolicated.
    pub(crate) event: Event,
    /// Its variant, the issue proposed for it, and why; recorded only if the variant is new.
    pub(crate) join: Join,
    /// When the vault received it; its time if the sender gave none.
    pub(crate) received_at: Timestamp,
    /// The process that captured it: the uuid of its set of segments.
    pub(crate) process: [u8; 16],
    /// Its place in the order of that process.
    pub(crate) sequence: u64,
}

impl NewEvent {
    /// When it happened, as issues and lists see it.
    pub(crate) fn time(&self) -> Timestamp {
        self.event.timestamp.unwrap_or(self.received_at)
    }
}

/// What a commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Committed {
    /// Events kept for the first time.
    pub(crate) events_new: u64,
    /// Events that were there already.
    pub(crate) events_known: u64,
    /// Numbers of the issues this batch created, in order.
    pub(crate) issues_new: Vec<u64>,
    /// What became of each event, in the order of the batch.
    pub(crate) outcomes: Vec<Outcome>,
}

/// What became of one event of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The event.
    pub(crate) event: EventId,
    /// The issue it belongs to.
    pub(crate) issue_number: u64,
    /// Whether it created that issue.
    pub(crate) is_new_issue: bool,
    /// Whether it was kept before, so that nothing changed.
    pub(crate) is_known: bool,
}

/// An event as the store keeps it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredEvent {
    /// The event.
    pub event: Event,
    /// The issue it belongs to now.
    pub issue: IssueId,
    /// That issue's local number.
    pub issue_number: u64,
    /// The variant it was found to be.
    pub variant: VariantKey,
    /// Its place in the order of ingestion, which a rebuild follows.
    pub ingest_sequence: u64,
    /// When the vault received it.
    pub received_at: Timestamp,
    /// The process that captured it.
    pub process: [u8; 16],
    /// Its place in the order of that process.
    pub sequence: u64,
}

/// Which issues to list, how many and in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssueFilter {
    /// Only this project's.
    pub project: Option<String>,
    /// Only those of this status.
    pub status: Option<Status>,
    /// The order.
    pub sort: IssueSort,
    /// At most so many.
    pub limit: usize,
}

impl Default for IssueFilter {
    /// The 50 issues seen last, of any project and status.
    fn default() -> Self {
        Self {
            project: None,
            status: None,
            sort: IssueSort::default(),
            limit: 50,
        }
    }
}

impl IssueFilter {
    /// Only issues of this project.
    #[must_use]
    pub fn project(mut self, name: impl Into<String>) -> Self {
        self.project = Some(name.into());
        self
    }

    /// Only issues of this status.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// In this order.
    #[must_use]
    pub fn sort(mut self, sort: IssueSort) -> Self {
        self.sort = sort;
        self
    }

    /// At most so many.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// The order of a list of issues, most of it first; equal ones by number, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum IssueSort {
    /// Seen last.
    #[default]
    LastSeen,
    /// First seen last: the newest issues.
    FirstSeen,
    /// Seen most often.
    SeenCount,
    /// The highest number.
    Number,
}

/// How much a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreStats {
    /// Events kept.
    pub(crate) events: u64,
    /// Issues.
    pub(crate) issues: u64,
    /// Projects.
    pub(crate) projects: u64,
    /// Bytes on disk, write-ahead log included.
    pub(crate) disk_bytes: u64,
    /// Bytes of `disk_bytes` that are free inside the file.
    pub(crate) free_bytes: u64,
    /// Bytes of all payloads as stored.
    pub(crate) payload_bytes: u64,
    /// Bytes of all payloads as JSON.
    pub(crate) json_bytes: u64,
    /// The version of the format.
    pub(crate) schema_version: u32,
}
