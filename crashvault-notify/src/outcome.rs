//! What a report did.

use std::collections::BTreeMap;

use crashvault::{ReportRefusal, Timestamp};

/// Why a report ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportEnd {
    /// Every event of the vault was answered.
    #[default]
    Done,
    /// The call had done as much as it may; there are more events.
    Limit,
    /// The collector wants no events now, or cannot be reached: `next_try_at` says when to go on.
    Waiting,
    /// It was told to stop.
    Stopped,
}

impl ReportEnd {
    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Limit => "limit",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
        }
    }
}

/// What a report did, and what is left to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportOutcome {
    /// The place, without its key.
    pub destination: String,
    /// Whether nothing was sent, and the counts say what would have been.
    pub is_dry_run: bool,
    /// Why it ended.
    pub end: ReportEnd,
    /// Events that the collector took.
    pub sent_count: u64,
    /// Events that it said it has already.
    pub known_count: u64,
    /// Events that it would not take. They are in the vault still, and are not sent again by themselves.
    pub refused_count: u64,
    /// The first hundred of these, and why.
    pub refusals: Vec<ReportRefusal>,
    /// Events that are older than was asked for, or that cannot be read.
    pub passed_count: u64,
    /// Attachments that went with their events.
    pub attachments_sent: u64,
    /// Attachments that did not: too large, dumps, not wanted, or their files are gone.
    pub attachments_left_out: u64,
    /// Bytes of requests, packed.
    pub sent_bytes: u64,
    /// Events that are in the vault and were not sent yet.
    pub waiting_count: u64,
    /// When to try again, where that is known.
    pub next_try_at: Option<Timestamp>,
    /// What went wrong last, unless it went well since.
    pub trouble: Option<String>,
    /// Until when the collector wants none of a kind of data; all kinds where the key is empty.
    pub pauses: BTreeMap<String, Timestamp>,
}
