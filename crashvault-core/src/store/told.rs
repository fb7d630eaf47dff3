//! Conditions → words for people who want to know how their query was understood.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::condition::{
    Condition, EventTest, FrameField, IssueTest, Key, PartTest, Pattern, ReleasePart, Words,
};
use crate::time::Timestamp;

/// How a store finds what fits a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// What it is looked up in.
    pub(crate) index: String,
    /// How many fit, if that was counted.
    pub(crate) rows: Option<u64>,
    /// Whether there may be more than `rows`.
    pub(crate) is_at_least: bool,
    /// Whether issues were counted; else events.
    pub(crate) is_of_issues: bool,
}

/// How a store answered a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Which way it went, as a sentence.
    pub(crate) route: String,
    /// The lists that were joined, each with how deep it lies within others.
    pub(crate) lists: Vec<(usize, String)>,
    /// Rows and index entries that were read.
    pub(crate) rows_read: u64,
    /// How long that took.
    pub(crate) elapsed: Duration,
    /// Issues or events on the page.
    pub(crate) found: usize,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => joined(f, parts, " and ", "anything"),
            Self::Any(parts) => joined(f, parts, " or ", "nothing"),
            Self::Not(part) => write!(f, "not ({part})"),
            Self::Issue(test) => write!(f, "issue: {test}"),
            Self::Event(test) => write!(f, "event: {test}"),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Condition], by: &str, empty: &str) -> fmt::Result {
    if parts.is_empty() {
        return f.write_str(empty);
    }
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(by)?;
        }
        match part {
            Condition::All(of) | Condition::Any(of) if of.len() > 1 => write!(f, "({part})")?,
            part => write!(f, "{part}")?,
        }
    }
    Ok(())
}

impl fmt::Display for IssueTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status is {}", status.name()),
            Self::Regressed => f.write_str("has regressed"),
            Self::Assigned(pattern) => write!(f, "assignee {pattern}"),
            Self::Bookmarked => f.write_str("is bookmarked"),
            Self::Severity(pattern) => write!(f, "severity {pattern}"),
            Self::Review(step) => write!(f, "review is at {}", step.name()),
            Self::Label(key, pattern) => write!(f, "label {key:?} {pattern}"),
            Self::Project(pattern) => write!(f, "project {pattern}"),
            Self::Title(pattern) => write!(f, "title {pattern}"),
            Self::Culprit(pattern) => write!(f, "culprit {pattern}"),
            Self::FirstRelease(pattern) => write!(f, "release of its first event {pattern}"),
            Self::OneOf(numbers) => write!(f, "one of {} issues", numbers.len()),
            Self::Number(number) => write!(f, "number is {number}"),
            Self::Id(id) => write!(f, "id is {id}"),
            Self::FirstSeen(range) => time(f, "first seen", range),
            Self::LastSeen(range) => time(f, "last seen", range),
            Self::SeenCount(range) => count(f, "events", range),
            Self::UserCount(range) => count(f, "users", range),
        }
    }
}

impl fmt::Display for EventTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(Key::Attribute(name), pattern) => write!(f, "{name} {pattern}"),
            Self::Value(Key::Tag(name), pattern) => write!(f, "tag {name:?} {pattern}"),
            Self::Message(words) => write!(f, "message has {words}"),
            Self::Breadcrumb(words) => write!(f, "a breadcrumb has {words}"),
            Self::Frame(field, words) => {
                let part = match field {
                    FrameField::Any => "a frame",
                    FrameField::Function => "a frame's function",
                    FrameField::Module => "a frame's module",
                    FrameField::Filename => "a frame's file",
                };
                write!(f, "{part} has {words}")
            }
            Self::Anywhere(words) => write!(f, "{words} anywhere"),
            Self::Time(range) => time(f, "time", range),
            Self::Id(id) => write!(f, "id is {id}"),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("is there"),
            Self::Exact(text) => write!(f, "is {text:?}"),
            Self::Glob(glob) => write!(f, "is like {glob:?}"),
            Self::Release(part, test) => {
                let part = match part {
                    ReleasePart::Package => "package",
                    ReleasePart::Version => "version",
                    ReleasePart::Build => "build",
                };
                match test {
                    PartTest::Fits(pattern) => write!(f, "has a {part} that {pattern}"),
                    PartTest::Compared(orders, version) => {
                        let signs = orders.iter().map(|order| match order {
                            std::cmp::Ordering::Less => "<",
                            std::cmp::Ordering::Equal => "=",
                            std::cmp::Ordering::Greater => ">",
                        });
                        let signs: String = signs.collect();
                        write!(f, "has a {part} {signs} {version}")
                    }
                }
            }
        }
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phrase(words) => match words.as_slice() {
                [word] => write!(f, "the word {word:?}"),
                words => write!(f, "the words {:?} together", words.join(" ")),
            },
            Self::Prefix(words) => write!(f, "words that begin with {:?}", words.join(" ")),
            Self::Glob(glob) => write!(f, "a word like {glob:?}"),
        }
    }
}

fn time(f: &mut fmt::Formatter<'_>, what: &str, range: &RangeInclusive<i64>) -> fmt::Result {
    let told = |nanos: &i64| Timestamp::from_nanos(*nanos);
    match (*range.start(), *range.end()) {
        (i64::MIN, i64::MAX) => write!(f, "{what} at any time"),
        (_, i64::MAX) => write!(f, "{what} from {} on", told(range.start())),
        (i64::MIN, _) => write!(f, "{what} up to {}", told(range.end())),
        _ => write!(f, "{what} {} to {}", told(range.start()), told(range.end())),
    }
}

fn count(f: &mut fmt::Formatter<'_>, what: &str, range: &RangeInclusive<i64>) -> fmt::Result {
    match (*range.start(), *range.end()) {
        (first, last) if first == last => write!(f, "{first} {what}"),
        (first, i64::MAX) => write!(f, "at least {first} {what}"),
        (i64::MIN, last) => write!(f, "at most {last} {what}"),
        (first, last) => write!(f, "{first} to {last} {what}"),
    }
}
