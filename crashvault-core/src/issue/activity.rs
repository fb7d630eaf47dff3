//! What people (and the vault itself) decide about an issue, as records.

use std::fmt;

use crate::event::EventId;
use crate::time::Timestamp;

use super::{ActivityId, IssueId, VariantKey};

/// One decision about an issue: a ground record. An issue's state is the fold of its activities.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Activity {
    /// Unique.
    pub id: ActivityId,
    /// The vault it was recorded in.
    pub vault: [u8; 16],
    /// Who decided; `crashvault` where an event did.
    pub author: String,
    /// When, in the order of all vaults that met.
    pub time: HybridTime,
    /// When, by the clock of whoever decided. `time` may be far ahead of it where a vault was met whose clock was.
    pub decided_at: Timestamp,
    /// The issue.
    pub issue: IssueId,
    /// What was decided.
    pub deed: Deed,
}

/// Events that one [`Deed::Regroup`] names: an issue's decisions are read whole.
pub const REGROUPED_EVENTS_MAX: usize = 1000;

/// The author of what an event decided.
pub const AUTHOR_OF_EVENTS: &str = "crashvault";

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Deed {
    /// It is said to be fixed.
    Resolve(Resolution),
    /// It is open again.
    Reopen,
    /// It is not to be heard of.
    Ignore(Ignore),
    /// Somebody is to deal with it; `None`: nobody.
    Assign(Option<String>),
    /// Words about it.
    Comment(String),
    /// A tag of the issue is set, or removed.
    Tag {
        /// The tag's key.
        key: String,
        /// Its value; `None` removes it.
        value: Option<String>,
    },
    /// It gets a title of its own; `None`: that of its newest event again.
    SetTitle(Option<String>),
    /// It gets a severity; `None`: none.
    SetSeverity(Option<String>),
    /// A bookmark is set or removed.
    Bookmark(bool),
    /// How far its review is; `None`: there is none.
    Review(Option<ReviewStep>),
    /// One event belongs here, whatever its variant says.
    MoveEvent(EventId),
    /// That issue is part of this one, with all its variants and events, later ones too; its number leads here.
    Merge(IssueId),
    /// A variant leaves this issue, with its events, and is never found to belong here again.
    Unmerge {
        /// The variant.
        variant: VariantKey,
        /// The issue it belongs to instead, which is part of no other from then on.
        to: IssueId,
    },
    /// By the rules of grouping that there were then, these events are of that variant, and belong where it does.
    Regroup {
        /// The variant.
        variant: VariantKey,
        /// The events, at most [`REGROUPED_EVENTS_MAX`].
        events: Vec<EventId>,
    },
    /// It and all its events are deleted.
    Tombstone,
    /// An event came although it was resolved: it is open again.
    Regress(EventId),
    /// An event ended its being ignored.
    Resume(EventId),
    /// An earlier activity counts no longer.
    Undo(ActivityId),
}

impl Deed {
    /// The word for what was decided, the same in every language and in stored records.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Resolve(_) => "resolve",
            Self::Reopen => "reopen",
            Self::Ignore(_) => "ignore",
            Self::Assign(_) => "assign",
            Self::Comment(_) => "comment",
            Self::Tag { .. } => "tag",
            Self::SetTitle(_) => "set_title",
            Self::SetSeverity(_) => "set_severity",
            Self::Bookmark(_) => "bookmark",
            Self::Review(_) => "review",
            Self::MoveEvent(_) => "move_event",
            Self::Merge(_) => "merge",
            Self::Unmerge { .. } => "unmerge",
            Self::Regroup { .. } => "regroup",
            Self::Tombstone => "tombstone",
            Self::Regress(_) => "regress",
            Self::Resume(_) => "resume",
            Self::Undo(_) => "undo",
        }
    }
}

/// The severities there are where `vault.toml` ranks no others, least first.
pub const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

/// What is fixed by a resolution.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolution {
    /// Every release: any later event is a regression.
    Now,
    /// Releases after this one, the project's newest at that time; `None` where none was known: as `Now`.
    NextRelease(Option<String>),
    /// This release and later ones.
    Release(String),
}

/// How long an issue stays ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ignore {
    /// Until somebody reopens it.
    Forever,
    /// Until it has been seen so many times in all.
    UntilSeenCount(u64),
    /// Until the first event after this moment.
    UntilTime(Timestamp),
    /// Until it is seen more often in 24 hours than this.
    UntilDayCount(u64),
}

/// How far the review of an issue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum ReviewStep {
    /// To be looked at.
    Triage = 1,
    /// Somebody has it.
    Assigned = 2,
    /// It is being fixed.
    Fix = 3,
    /// The fix is being looked at.
    Verify = 4,
}

impl ReviewStep {
    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Triage => "triage",
            Self::Assigned => "assigned",
            Self::Fix => "fix",
            Self::Verify => "verify",
        }
    }

    /// The step of that name, in any case; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim();
        [Self::Triage, Self::Assigned, Self::Fix, Self::Verify]
            .into_iter()
            .find(|step| step.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for ReviewStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A hybrid logical clock's time: never before one that was seen, and near the wall clock (Kulkarni et al., 2014).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HybridTime {
    /// The wall clock's part.
    pub wall: Timestamp,
    /// What tells activities of one moment apart.
    pub tick: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: Option<ReviewStep>) {
        assert_eq!(ReviewStep::from_name(name), expected);
    }

    #[test]
    fn a_step_is_read_in_any_case() {
        check(" Fix ", Some(ReviewStep::Fix));
    }

    #[test]
    fn an_unknown_step_is_none() {
        check("done", None);
    }
}
