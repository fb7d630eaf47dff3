//! What a search asks of issues and of their events, with names already understood and ages already turned into times.
//!
//! An issue fits if **at least one of its events fits the whole condition**; what is asked of the issue is the same for
//! each of its events. So `Not` of an event test asks for an event that does not fit, as Sentry's search does.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use crate::event::EventId;
use crate::issue::{IssueId, ReviewStep, Status};

/// A tree of tests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// All of them; true if there are none.
    All(Vec<Condition>),
    /// At least one of them; false if there are none.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// Something about the issue.
    Issue(IssueTest),
    /// Something about one event.
    Event(EventTest),
}

impl Condition {
    /// Whether any of it is about the issue.
    pub(crate) fn asks_issue(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::asks_issue),
            Self::Not(part) => part.asks_issue(),
            Self::Issue(_) => true,
            Self::Event(_) => false,
        }
    }

    /// Whether any of it is about events.
    pub(crate) fn asks_event(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::asks_event),
            Self::Not(part) => part.asks_event(),
            Self::Issue(_) => false,
            Self::Event(_) => true,
        }
    }

    /// Whether which issues first came in some release must be found out.
    pub(crate) fn asks_first_release(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::asks_first_release),
            Self::Not(part) => part.asks_first_release(),
            Self::Issue(test) => matches!(test, IssueTest::FirstRelease(_)),
            Self::Event(_) => false,
        }
    }

    /// The same condition with the numbers of the issues that first came in a release.
    pub(crate) fn with_first_releases<E>(
        &self,
        numbers: &mut dyn FnMut(&Pattern) -> Result<Vec<u64>, E>,
    ) -> Result<Self, E> {
        Ok(match self {
            Self::All(parts) => Self::All(with_each(parts, numbers)?),
            Self::Any(parts) => Self::Any(with_each(parts, numbers)?),
            Self::Not(part) => Self::Not(Box::new(part.with_first_releases(numbers)?)),
            Self::Issue(IssueTest::FirstRelease(pattern)) => {
                Self::Issue(IssueTest::OneOf(numbers(pattern)?))
            }
            other => other.clone(),
        })
    }

    /// The same condition, with the number of the issue that counts for each that it names by number or id: one that is
    /// part of another leads there.
    pub(crate) fn with_roots<E>(
        &self,
        root: &mut dyn FnMut(&IssueTest) -> Result<Option<u64>, E>,
    ) -> Result<Self, E> {
        let mut each = |parts: &[Self]| -> Result<Vec<Self>, E> {
            parts.iter().map(|part| part.with_roots(root)).collect()
        };
        Ok(match self {
            Self::All(parts) => Self::All(each(parts)?),
            Self::Any(parts) => Self::Any(each(parts)?),
            Self::Not(part) => Self::Not(Box::new(part.with_roots(root)?)),
            Self::Issue(test) => match root(test)? {
                Some(number) => Self::Issue(IssueTest::Number(number)),
                None => self.clone(),
            },
            Self::Event(_) => self.clone(),
        })
    }

    /// What is left to be asked of events once it is known which tests an issue fits.
    pub(crate) fn rest_for(&self, fits: &dyn Fn(&IssueTest) -> bool) -> Self {
        let rest = |parts: &[Self]| parts.iter().map(|part| part.rest_for(fits)).collect();
        match self {
            Self::All(parts) => Self::All(rest(parts)),
            Self::Any(parts) => Self::Any(rest(parts)),
            Self::Not(part) => Self::Not(Box::new(part.rest_for(fits))),
            Self::Issue(test) if fits(test) => Self::All(Vec::new()),
            Self::Issue(_) => Self::Any(Vec::new()),
            Self::Event(test) => Self::Event(test.clone()),
        }
    }
}

fn with_each<E>(
    parts: &[Condition],
    numbers: &mut dyn FnMut(&Pattern) -> Result<Vec<u64>, E>,
) -> Result<Vec<Condition>, E> {
    let parts = parts.iter();
    parts
        .map(|part| part.with_first_releases(numbers))
        .collect()
}

/// Something about an issue. Times are nanoseconds since 1970; ranges hold both ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum IssueTest {
    /// Its status.
    Status(Status),
    /// Open again since an event came after it was resolved.
    Regressed,
    /// Its assignee; [`Pattern::Any`]: it has one.
    Assigned(Pattern),
    /// Whether it is bookmarked.
    Bookmarked,
    /// The severity a person gave it.
    Severity(Pattern),
    /// How far its review is.
    Review(ReviewStep),
    /// A tag a person gave it.
    Label(String, Pattern),
    /// Its project.
    Project(Pattern),
    /// Its title, as shown.
    Title(Pattern),
    /// Where it happens, as shown.
    Culprit(Pattern),
    /// The release of its earliest event that is still here. A store first finds out which issues those are.
    FirstRelease(Pattern),
    /// One of these numbers, which are in order.
    OneOf(Vec<u64>),
    /// Its number.
    Number(u64),
    /// Its id.
    Id(IssueId),
    /// Its earliest event's time.
    FirstSeen(RangeInclusive<i64>),
    /// Its latest event's time.
    LastSeen(RangeInclusive<i64>),
    /// How many events it has had.
    SeenCount(RangeInclusive<i64>),
    /// How many users it has had.
    UserCount(RangeInclusive<i64>),
}

/// Something about one event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum EventTest {
    /// One of its attributes (`facts.rs` lists them) or tags.
    Value(Key, Pattern),
    /// Words in the exceptions' values and the message.
    Message(Words),
    /// Words in its breadcrumbs.
    Breadcrumb(Words),
    /// Words in a frame of one of its stacks.
    Frame(FrameField, Words),
    /// Words anywhere: message, breadcrumbs, frames, and those values that `facts.rs` calls readable.
    Anywhere(Words),
    /// When it happened.
    Time(RangeInclusive<i64>),
    /// Its id.
    Id(EventId),
}

/// What a value is a value of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    /// A field of the event, by the name `facts.rs` gives it.
    Attribute(String),
    /// A tag.
    Tag(String),
}

/// A part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameField {
    /// Function, module or file.
    Any,
    /// The function.
    Function,
    /// The module, or the binary where there is none.
    Module,
    /// The file, as named and with its whole path.
    Filename,
}

/// How a text is compared, from its first to its last character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Any text, even an empty one.
    Any,
    /// This very text.
    Exact(String),
    /// `*` stands for any run of characters, without case (ASCII); there is no escape.
    Glob(String),
    /// A release whose part is such.
    Release(ReleasePart, PartTest),
}

/// A part of `package@version+build`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReleasePart {
    /// What stands before the last `@`.
    Package,
    /// What stands behind it, up to a `+`.
    Version,
    /// What stands behind the `+`.
    Build,
}

/// What is asked of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PartTest {
    /// Its text.
    Fits(Box<Pattern>),
    /// Its place in the order of versions, compared with this one: any of these. What is no version has no place.
    Compared(Vec<Ordering>, String),
}

/// What is looked for in a text that is read as words (`words.rs`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    /// These words, lower case, one directly after the other; at least one.
    Phrase(Vec<String>),
    /// As [`Words::Phrase`], but the last one may go on.
    Prefix(Vec<String>),
    /// One word in which `*` stands for any run of letters and digits; lower case.
    Glob(String),
}
