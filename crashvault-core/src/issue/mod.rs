//! Enters: which events were found to be one bug, and what was decided about it ([`Activity`]). Leaves: [`Issue`],
//! [`Join`] and their ids as plain data; why a variant is where it is ([`Why`]); [`IssueState`], the [`fold`] of an
//! issue's activities; what a new event does to an issue that is resolved or ignored; activities, states and
//! comparisons as JSON, both ways.
//!
//! Never: decides what belongs together (`group/`), stores anything (`store/`), reads a clock, or asks who may decide.

mod activity;
mod check;
mod clock;
#[cfg(feature = "store")]
mod homes;
mod json;
#[cfg(feature = "store")]
mod reaction;
mod release;
#[cfg(test)]
mod samples;
mod state;
mod why;

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};
use crate::event::{EventId, Level};
use crate::time::Timestamp;

pub use activity::{
    AUTHOR_OF_EVENTS, Activity, Deed, HybridTime, Ignore, REGROUPED_EVENTS_MAX, Resolution,
    ReviewStep, SEVERITIES,
};
pub use check::{COMMENT_BYTES_MAX, ONE_LINE_BYTES_MAX, TITLE_CHARS_MAX, check_author};
#[cfg(feature = "store")]
pub use homes::AUTHOR_OF_REGROUPING;
#[cfg(feature = "store")]
pub(crate) use homes::Homes;
#[cfg(feature = "store")]
pub(crate) use reaction::Seen;
#[cfg(feature = "store")]
pub(crate) use release::compare as compare_releases;
pub use release::is_newer_release;
pub use state::{IssueState, fold, last_standing, standing};
pub use why::{Alike, AlikeFunction, AlikePart, Comparison, RunnerUp, VariantWhy, Verdict, Why};

/// The key of one variant of an issue: a 128-bit hash of what makes two events the same (docs/event.md).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VariantKey([u8; 16]);

/// An activity's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActivityId([u8; 16]);

/// An issue's id: a 128-bit hash of its project and the variant that created it, the same on every machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssueId([u8; 16]);

macro_rules! hex_key {
    ($name:ident, $what:literal) => {
        impl $name {
            /// From its bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                let id: EventId = text.parse().map_err(|_| {
                    let message = concat!($what, " has 32 hex digits");
                    Error::new(ErrorKind::InvalidInput, "read id", message)
                })?;
                Ok(Self(*id.as_bytes()))
            }
        }
    };
}
hex_key!(VariantKey, "a variant key");
hex_key!(IssueId, "an issue id");
hex_key!(ActivityId, "an activity id");

/// What a person decided about an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
#[repr(u8)]
pub enum Status {
    /// Not dealt with; the default.
    #[default]
    Open = 0,
    /// Said to be fixed.
    Resolved = 1,
    /// Not to be heard of.
    Ignored = 2,
}

impl Status {
    /// The name, as in v1.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Ignored => "ignored",
        }
    }

    /// The status of that name, in any case; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim();
        [Self::Open, Self::Resolved, Self::Ignored]
            .into_iter()
            .find(|status| status.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A group of events that are one bug, as the store sees it now.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Issue {
    /// The same on every machine.
    pub id: IssueId,
    /// The local number, shown as `#N`; never reused.
    pub number: u64,
    /// The project its events belong to.
    pub project: String,
    /// Open, resolved or ignored.
    pub status: Status,
    /// The worst level seen.
    pub level: Level,
    /// Its own title, else the first line of its newest event.
    pub title: String,
    /// Where its newest event happened.
    pub culprit: Option<String>,
    /// The newest event's platform.
    pub platform: String,
    /// The earliest event's time.
    pub first_seen: Timestamp,
    /// The latest event's time.
    pub last_seen: Timestamp,
    /// How many events it has.
    pub seen_count: u64,
    /// Its newest event.
    pub last_event: EventId,
    /// How many users met it, exactly: distinct `user.id`s, else e-mails, user names or addresses.
    pub user_count: u64,
    /// What was decided about it; `status` says the same in a word.
    pub state: IssueState,
}

impl Issue {
    /// An issue as its first event makes it.
    pub fn new(
        id: IssueId,
        number: u64,
        project: impl Into<String>,
        event: EventId,
        seen: Timestamp,
    ) -> Self {
        Self {
            id,
            number,
            project: project.into(),
            status: Status::Open,
            level: Level::Debug,
            title: String::new(),
            culprit: None,
            platform: String::new(),
            first_seen: seen,
            last_seen: seen,
            seen_count: 0,
            last_event: event,
            user_count: 0,
            state: IssueState::default(),
        }
    }
}

/// How an issue is named by a person: `#7`, `7`, an issue id, or the start of one (at least 6 hex digits).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssueRef {
    /// The local number.
    Number(u64),
    /// The whole id.
    Id(IssueId),
    /// The first hex digits of the id, lower case.
    Prefix(String),
}

impl IssueRef {
    /// Whether it is a name of this very issue. Names of issues that were merged lead to another one.
    pub fn names(&self, issue: &Issue) -> bool {
        match self {
            Self::Number(number) => *number == issue.number,
            Self::Id(id) => *id == issue.id,
            Self::Prefix(prefix) => issue.id.to_string().starts_with(prefix),
        }
    }
}

impl fmt::Display for IssueRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "#{number}"),
            Self::Id(id) => id.fmt(f),
            Self::Prefix(prefix) => prefix.fmt(f),
        }
    }
}

impl FromStr for IssueRef {
    type Err = Error;

    /// Digits alone are a number; `#` before them is allowed.
    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let digits = text.strip_prefix('#').unwrap_or(text);
        if let Ok(number) = digits.parse() {
            return Ok(Self::Number(number));
        }
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        let is_prefix =
            (6..32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if is_prefix {
            return Ok(Self::Prefix(text.to_ascii_lowercase()));
        }
        let message = format!(
            "'{text}' names no issue; use its number (#7) or at least 6 hex digits of its id"
        );
        Err(Error::new(
            ErrorKind::InvalidInput,
            "read issue reference",
            message,
        ))
    }
}

/// The record of a variant joining an issue, with its reason: a ground record, replayed by a rebuild.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Join {
    /// The variant.
    pub variant: VariantKey,
    /// The issue it belongs to from then on.
    pub issue: IssueId,
    /// The project of both.
    pub project: String,
    /// Why, in a word: `rule`, `fingerprint`, `stack`, `type`, `message`, `note`, `report`; `similar` where a key by
    /// `stack` was like others.
    pub reason: String,
    /// What the key was made of, for people.
    pub parts: Vec<String>,
    /// The version of the algorithm that decided.
    pub algorithm: u32,
    /// When it was decided.
    pub joined_at: Timestamp,
    /// How it compared with what was known; `None` where nothing was compared.
    pub comparison: Option<Box<Comparison>>,
}

impl Join {
    /// A join record.
    pub fn new(
        variant: VariantKey,
        issue: IssueId,
        project: impl Into<String>,
        joined_at: Timestamp,
    ) -> Self {
        Self {
            variant,
            issue,
            project: project.into(),
            reason: String::new(),
            parts: Vec::new(),
            algorithm: 0,
            joined_at,
            comparison: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: IssueRef) {
        assert_eq!(text.parse::<IssueRef>().unwrap(), expected);
    }

    #[test]
    fn a_number_may_carry_its_sign() {
        check("#7", IssueRef::Number(7));
        check("7", IssueRef::Number(7));
    }

    #[test]
    fn hex_digits_are_an_id_or_its_start() {
        check("ABCDEF0", IssueRef::Prefix("abcdef0".into()));
        check(
            &"0a".repeat(16),
            IssueRef::Id(IssueId::from_bytes([10; 16])),
        );
    }

    #[test]
    fn anything_else_says_what_to_write() {
        let err = "abc".parse::<IssueRef>().unwrap_err();
        assert!(err.message().contains("at least 6 hex digits"));
    }
}
