//! A condition, an issue, one of its events → whether they fit. What a search finds in any store is defined here.

use super::facts;
use super::words::glob_fits;
use super::{Condition, EventTest, IssueTest, PartTest, Pattern, ReleasePart, StoredEvent, Words};
use crate::event::{Event, Frame};
use crate::issue::{Issue, compare_releases};

/// Whether the event, being one of the issue's, fits the whole condition.
pub(crate) fn fits(condition: &Condition, issue: &Issue, event: &StoredEvent) -> bool {
    holds(condition, &|test| issue_fits(test, issue), &|test| {
        event_fits(test, event)
    })
}

fn holds(
    condition: &Condition,
    of_issue: &dyn Fn(&IssueTest) -> bool,
    of_event: &dyn Fn(&EventTest) -> bool,
) -> bool {
    let holds = |part: &Condition| holds(part, of_issue, of_event);
    match condition {
        Condition::All(parts) => parts.iter().all(holds),
        Condition::Any(parts) => parts.iter().any(holds),
        Condition::Not(part) => !holds(part),
        Condition::Issue(test) => of_issue(test),
        Condition::Event(test) => of_event(test),
    }
}

/// Whether an issue fits.
pub(crate) fn issue_fits(test: &IssueTest, issue: &Issue) -> bool {
    let state = &issue.state;
    let count = |count| i64::try_from(count).unwrap_or(i64::MAX);
    match test {
        IssueTest::Status(status) => issue.status == *status,
        IssueTest::Regressed => state.regression.is_some(),
        IssueTest::Assigned(pattern) => pattern.fits_some(state.assignee.as_deref()),
        IssueTest::Bookmarked => state.is_bookmarked,
        IssueTest::Severity(pattern) => pattern.fits_some(state.severity.as_deref()),
        IssueTest::Review(step) => state.review == Some(*step),
        IssueTest::Label(key, pattern) => {
            pattern.fits_some(state.tags.get(key).map(String::as_str))
        }
        IssueTest::Project(pattern) => pattern.fits(&issue.project),
        IssueTest::Title(pattern) => pattern.fits(&issue.title),
        IssueTest::Culprit(pattern) => pattern.fits_some(issue.culprit.as_deref()),
        // A store asks for these by their numbers.
        IssueTest::FirstRelease(_) => false,
        IssueTest::OneOf(numbers) => numbers.binary_search(&issue.number).is_ok(),
        IssueTest::Number(number) => issue.number == *number,
        IssueTest::Id(id) => issue.id == *id,
        IssueTest::FirstSeen(range) => range.contains(&issue.first_seen.as_nanos()),
        IssueTest::LastSeen(range) => range.contains(&issue.last_seen.as_nanos()),
        IssueTest::SeenCount(range) => range.contains(&count(issue.seen_count)),
        IssueTest::UserCount(range) => range.contains(&count(issue.user_count)),
    }
}

/// Whether an event fits.
fn event_fits(test: &EventTest, stored: &StoredEvent) -> bool {
    let event = &stored.event;
    match test {
        EventTest::Value(key, pattern) => facts::values(event)
            .iter()
            .any(|(fact, value)| fact.key() == *key && pattern.fits(value)),
        EventTest::Message(words) => in_messages(words, event),
        EventTest::Breadcrumb(words) => in_breadcrumbs(words, event),
        EventTest::Frame(field, words) => {
            frames(event).any(|frame| field.texts(frame).any(|text| words.fit(text)))
        }
        EventTest::Anywhere(words) => is_anywhere(words, event),
        EventTest::Time(range) => {
            let time = event.timestamp.unwrap_or(stored.received_at);
            range.contains(&time.as_nanos())
        }
        EventTest::Id(id) => event.event_id == *id,
    }
}

fn is_anywhere(words: &Words, event: &Event) -> bool {
    let in_frame = |frame| {
        super::FrameField::Any
            .texts(frame)
            .any(|text| words.fit(text))
    };
    in_messages(words, event)
        || in_breadcrumbs(words, event)
        || frames(event).any(in_frame)
        || facts::values(event)
            .iter()
            .any(|(fact, value)| facts::is_readable(*fact) && words.fit(value))
}

fn in_messages(words: &Words, event: &Event) -> bool {
    facts::messages(event).any(|text| words.fit(text))
}

fn in_breadcrumbs(words: &Words, event: &Event) -> bool {
    facts::breadcrumbs(event).any(|text| words.fit(&text))
}

fn frames(event: &Event) -> impl Iterator<Item = &Frame> {
    event.stacktraces().flat_map(|trace| &trace.frames)
}

impl Pattern {
    pub(crate) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => text == exact,
            Self::Glob(glob) => glob_fits(glob, text),
            Self::Release(part, test) => part.of(text).is_some_and(|part| test.fits(part)),
        }
    }

    /// What is not there fits nothing, not even [`Pattern::Any`].
    fn fits_some(&self, text: Option<&str>) -> bool {
        text.is_some_and(|text| self.fits(text))
    }
}

impl ReleasePart {
    fn of(self, release: &str) -> Option<&str> {
        let (package, behind) = match release.rsplit_once('@') {
            Some((package, behind)) => (Some(package), behind),
            None => (None, release),
        };
        let (version, build) = match behind.split_once('+') {
            Some((version, build)) => (version, Some(build)),
            None => (behind, None),
        };
        match self {
            Self::Package => package,
            Self::Version => Some(version),
            Self::Build => build,
        }
    }
}

impl PartTest {
    fn fits(&self, part: &str) -> bool {
        match self {
            Self::Fits(pattern) => pattern.fits(part),
            Self::Compared(orders, version) => {
                compare_releases(part, version).is_some_and(|order| orders.contains(&order))
            }
        }
    }
}
