//! Enters: a query as a person writes it, and a store. Leaves: pages of issues or events that fit.
//!
//! `parse.rs` reads the text, `saved.rs` puts in what it names, `lower.rs` gives its keys (`keys.rs`) and values their
//! meaning, the store finds; `explain.rs` tells all of that. `causes.rs` looks for what the issues found have in common.
//!
//! Never: writes, drains, reads a clock, or knows how a store finds.

mod causes;
mod explain;
mod follow;
mod keys;
mod lower;
mod near;
mod parse;
mod saved;
#[cfg(test)]
mod tests;
mod times;

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};
use crate::issue::{Issue, IssueRef};
use crate::store::{
    Condition, EventSearch, EventTest, IssueOrder, IssueSearch, IssueSort, IssueTest, Place, Store,
    StoredEvent,
};
use crate::time::Timestamp;
use parse::Tree;

pub(crate) use causes::causes;
pub use causes::{Cause, CausesFound, FactKind, SharedFact};
pub(crate) use explain::explain;
pub use explain::{ExplainedTerm, Explanation, TermKind, TermRows};
#[cfg(test)]
pub(crate) use keys::{all_refused as keys_refused, known as keys_known};
pub use near::Doubt;
pub(crate) use saved::{Saved, check_name};

pub use follow::Followed;
pub(crate) use follow::follow;

/// Issues or events on one page, if nothing else is asked for.
const LIMIT: usize = 50;

/// A search: a query, an order, a page.
///
/// An issue is found if at least one of its events fits the whole query. Terms beside each other must all hold;
/// `OR` binds weaker than that, parentheses group, `!` (or `NOT`) excludes:
///
/// ```text
/// is:unresolved level:error timeout          open issues with an error that says "timeout" anywhere
/// level:>=warning !release:2.*               warnings and worse, in other releases than 2.x
/// (release:[2.0, 2.1] OR has:dist) age:-7d   one of several values, any value, first seen in the last week
/// "connection refused" stack.function:parse* a phrase, and a function whose name has a word that begins so
/// timesSeen:>100 users:>=10                  counts: > >= < <=
/// lastSeen:>=2026-01-05 assigned:me          since a day (UTC), and mine
/// tags[os]:linux labels[team]:payments       a tag of the event, a tag that a person gave the issue
/// ```
///
/// - **Plain words** are looked for in messages, breadcrumbs, frames, tags and the attributes that are texts. `time*`
///   finds words that begin so, `*out` those that end so; a quoted phrase stands together.
/// - **Of the issue:** `is` (unresolved, open, resolved, archived, ignored, regressed, assigned, unassigned,
///   bookmarked, for_review), `status`, `assigned` (me, none, a name), `bookmarked`, `severity`, `review` (triage,
///   assigned, fix, verify), `labels[KEY]`, `project`, `title`, `culprit`, `issue` (7 or an id), `age` and `firstSeen`,
///   `lastSeen`, `timesSeen`, `users`, `firstRelease`.
/// - **Of an event:** `level`, `message`, `breadcrumb`, `stack` and `stack.function`, `stack.module`,
///   `stack.filename`, `timestamp`, `id`, `release` (`latest` is, of each project, that of the newest event that
///   has one) and `release.package`, `release.version`, `release.build`, `environment`, `dist`, `server`,
///   `transaction`, `logger`, `platform`, `trace`, `url`, `user`, `user.id`, `user.email`, `user.username`, `user.ip`,
///   `geo.*`, `error.type`, `error.handled`, `error.mechanism`, `error.main_thread`, `http.*`, `os.*`, `device.*`,
///   `runtime.*`, `browser.*`, `sdk.*`, `app.version`, `flags[NAME]`, `kind` (note, report,
///   wrap, autolog).
/// - **Saved searches:** `@name` is what was saved under that name, as one part.
/// - **Any other key is a tag**; `tags[level]:x` is one whose name means something else.
/// - **Values:** `*` stands for anything, in quotes for itself; `key:[a, b]` is any of them; `has:key` any at all; `key:""` none.
/// - **Ages:** `-24h` is younger, `+24h` older; s, m, h, d, w. A date alone is that whole day, a time without seconds its
///   minute; in UTC, or in the zone behind it (`2026-01-05T10:00+02:00`).
///
/// At most 4 KiB, 200 words and values, 50 parentheses within each other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Search {
    text: String,
    since: Option<String>,
    until: Option<String>,
    sort: IssueSort,
    is_reversed: bool,
    limit: usize,
    after: Option<Cursor>,
}

impl Search {
    /// The 50 issues seen last (or the 50 newest events) that fit the query; an empty one fits all.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            since: None,
            until: None,
            sort: IssueSort::default(),
            is_reversed: false,
            limit: LIMIT,
            after: None,
        }
    }

    /// Whether a text can be read as a query by itself, whatever its keys and values mean.
    ///
    /// # Errors
    /// InvalidInput with the byte it went wrong at as the context `position`.
    pub fn check(text: &str) -> Result<()> {
        parse::parse(text).map(drop)
    }

    /// Only events that happened since then, and issues with such an event that fits: an age as `7d`, a date or a time, as
    /// queries write them.
    #[must_use]
    pub fn since(mut self, text: impl Into<String>) -> Self {
        self.since = Some(text.into());
        self
    }

    /// Only events that happened until then, as [`Search::since`]; a date is its whole day.
    #[must_use]
    pub fn until(mut self, text: impl Into<String>) -> Self {
        self.until = Some(text.into());
        self
    }

    /// What is looked for.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// In this order; events are always newest first.
    #[must_use]
    pub fn sort(mut self, sort: IssueSort) -> Self {
        self.sort = sort;
        self
    }

    /// Issues in the opposite of the order, the last of it first.
    #[must_use]
    pub fn reversed(mut self, is_reversed: bool) -> Self {
        self.is_reversed = is_reversed;
        self
    }

    fn order(&self) -> IssueOrder {
        IssueOrder {
            sort: self.sort,
            is_reversed: self.is_reversed,
        }
    }

    /// At most so many.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// The page behind another one, of the same query and order.
    #[must_use]
    pub fn after(mut self, cursor: &Cursor) -> Self {
        self.after = Some(*cursor);
        self
    }

    /// Where the page begins in a list that is ordered so.
    fn place(&self, order: Order) -> Result<Option<Place>> {
        match self.after {
            Some(cursor) if cursor.order != order => {
                let message =
                    "this cursor belongs to a list in another order; begin again without it";
                Err(Error::new(ErrorKind::InvalidInput, "search", message))
            }
            after => Ok(after.map(|cursor| cursor.place)),
        }
    }
}

/// Where the next page begins: opaque, to be kept as text.
///
/// It stays good while issues and events come and go: a page holds what is behind the last thing seen, so what moves
/// to the front in the meantime is not shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    order: Order,
    place: Place,
}

/// The list that a cursor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Issues(IssueOrder),
    Events,
}

impl Order {
    /// A small letter each; of the opposite the capital.
    const SORTS: [(IssueSort, char); 7] = [
        (IssueSort::LastSeen, 'l'),
        (IssueSort::FirstSeen, 'f'),
        (IssueSort::SeenCount, 'c'),
        (IssueSort::UserCount, 'u'),
        (IssueSort::Number, 'n'),
        (IssueSort::Status, 's'),
        (IssueSort::Title, 't'),
    ];
    const EVENTS: char = 'e';

    fn letter(self) -> char {
        let Self::Issues(IssueOrder { sort, is_reversed }) = self else {
            return Self::EVENTS;
        };
        let found = Self::SORTS.iter().find(|(known, _)| *known == sort);
        let letter = found.map_or('?', |(_, letter)| *letter);
        match is_reversed {
            true => letter.to_ascii_uppercase(),
            false => letter,
        }
    }

    fn from_letter(letter: char) -> Option<Self> {
        if letter == Self::EVENTS {
            return Some(Self::Events);
        }
        let known = letter.to_ascii_lowercase();
        let (sort, _) = *Self::SORTS.iter().find(|(_, letter)| *letter == known)?;
        let is_reversed = letter != known;
        Some(Self::Issues(IssueOrder { sort, is_reversed }))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { by, id } = self.place;
        write!(f, "{}{by}.{id}", self.order.letter())
    }
}

impl FromStr for Cursor {
    type Err = Error;

    /// # Errors
    /// InvalidInput for a text that is none.
    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let mut chars = text.chars();
            let order = Order::from_letter(chars.next()?)?;
            let (by, id) = chars.as_str().split_once('.')?;
            let place = Place {
                by: by.parse().ok()?,
                id: id.parse().ok()?,
            };
            Some(Self { order, place })
        };
        read().ok_or_else(|| {
            let message = "this is no cursor; take the one that the page before gave";
            Error::new(ErrorKind::InvalidInput, "read cursor", message)
        })
    }
}

/// A page of issues.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct IssuesFound {
    /// The issues, in the order asked for.
    pub issues: Vec<Issue>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<Cursor>,
    /// Where nothing was found: keys that were taken for tags and are nearly the name of something else.
    pub doubts: Vec<Doubt>,
}

/// A page of events.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EventsFound {
    /// The events, newest first.
    pub events: Vec<StoredEvent>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<Cursor>,
    /// Where nothing was found: keys that were taken for tags and are nearly the name of something else.
    pub doubts: Vec<Doubt>,
}

/// Whom a search asks, and what it is understood by.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    /// Where it is looked for.
    pub(crate) store: &'a dyn Store,
    /// What ages count from.
    pub(crate) now: Timestamp,
    /// Whom `assigned:me` means.
    pub(crate) me: Option<&'a str>,
    /// What `@name` means.
    pub(crate) saved: &'a Saved,
}

/// A query that was understood.
struct Understood {
    tree: Tree,
    condition: Condition,
    /// When the events happened that are looked for.
    period: Option<RangeInclusive<i64>>,
}

impl Understood {
    fn of(search: &Search, asking: &Asking<'_>) -> Result<Self> {
        let tree = saved::read(&search.text, asking.saved)?;
        let condition = lower::lower(&tree, asking)?;
        let (since, until) = (search.since.as_deref(), search.until.as_deref());
        let period = times::period(since, until, asking.now)?;
        Ok(Self {
            tree,
            condition,
            period,
        })
    }

    /// What is asked of issues. Their own times say beforehand of most that they have no event in the period.
    fn of_issues(&self) -> Condition {
        let Some(period) = self.period.clone() else {
            return self.condition.clone();
        };
        let (first, last) = (*period.start(), *period.end());
        let seen = [
            (first > i64::MIN).then_some(IssueTest::LastSeen(first..=i64::MAX)),
            (last < i64::MAX).then_some(IssueTest::FirstSeen(i64::MIN..=last)),
        ];
        let mut parts: Vec<_> = seen.into_iter().flatten().map(Condition::Issue).collect();
        // Of the newest event alone that is enough: it never leaves.
        if last < i64::MAX || self.condition.asks_event() {
            parts.push(Condition::Event(EventTest::Time(period)));
        }
        parts.push(self.condition.clone());
        Condition::All(parts)
    }

    fn of_events(&self) -> Condition {
        match self.period.clone() {
            Some(period) => Condition::All(vec![
                Condition::Event(EventTest::Time(period)),
                self.condition.clone(),
            ]),
            None => self.condition.clone(),
        }
    }

    fn issue_search(&self, search: &Search) -> Result<IssueSearch> {
        Ok(IssueSearch {
            condition: self.of_issues(),
            order: search.order(),
            limit: search.limit,
            after: search.place(Order::Issues(search.order()))?,
        })
    }

    fn event_search(&self, search: &Search) -> Result<EventSearch> {
        // A list of a period begins behind all that came later.
        let last = self.period.as_ref().map(|period| *period.end());
        let begin = last.filter(|last| *last < i64::MAX);
        let begin = begin.map(|last| Place {
            by: last + 1,
            id: 0,
        });
        Ok(EventSearch {
            condition: self.of_events(),
            limit: search.limit,
            after: search.place(Order::Events)?.or(begin),
        })
    }

    /// What may have been meant, if nothing was found.
    fn doubts(&self, is_empty: bool) -> Vec<Doubt> {
        match is_empty {
            true => near::doubts(&self.tree),
            false => Vec::new(),
        }
    }
}

/// What a search for issues asks, for places that no store keeps, and what to doubt if nothing fits. As
/// [`search_issues`].
pub(crate) fn issue_search(
    search: &Search,
    asking: &Asking<'_>,
) -> Result<(IssueSearch, Vec<Doubt>)> {
    let understood = Understood::of(search, asking)?;
    Ok((understood.issue_search(search)?, understood.doubts(true)))
}

/// The cursor of a place in a list of issues.
pub(crate) fn issue_cursor(order: IssueOrder, place: Place) -> Cursor {
    let order = Order::Issues(order);
    Cursor { order, place }
}

/// Finds issues.
///
/// # Errors
/// InvalidInput for a query that cannot be read, with the byte offset as the context `position`, for a time that is
/// none, and for a cursor of another list; else as [`Store::search`].
pub(crate) fn search_issues(search: &Search, asking: &Asking<'_>) -> Result<IssuesFound> {
    let understood = Understood::of(search, asking)?;
    let wanted = understood.issue_search(search)?;
    if let (IssueSort::Title, Some(after)) = (wanted.order.sort, wanted.after) {
        is_still_there(asking.store, wanted.order.turned(after).id)?;
    }
    let page = asking.store.search(&wanted)?;
    Ok(IssuesFound {
        doubts: understood.doubts(page.issues.is_empty()),
        issues: page.issues,
        next: page.next.map(|place| issue_cursor(search.order(), place)),
    })
}

/// In the order of titles a page begins behind an issue, which may have gone since.
fn is_still_there(store: &dyn Store, number: u64) -> Result<()> {
    match store.issue(&IssueRef::Number(number)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(gone()),
        other => other.map(|_| ()),
    }
}

/// What there is to say where it has gone.
pub(crate) fn gone() -> Error {
    let message = "the issue behind which this page begins is gone; begin again without the cursor";
    Error::new(ErrorKind::InvalidInput, "search", message)
}

/// Finds events, newest first; as [`search_issues`], and the order asked for means nothing.
pub(crate) fn search_events(search: &Search, asking: &Asking<'_>) -> Result<EventsFound> {
    let order = Order::Events;
    let understood = Understood::of(search, asking)?;
    let wanted = understood.event_search(search)?;
    let page = asking.store.search_events(&wanted)?;
    Ok(EventsFound {
        doubts: understood.doubts(page.events.is_empty()),
        events: page.events,
        next: page.next.map(|place| Cursor { order, place }),
    })
}

/// Whether a query can be understood, as one that is to be saved.
///
/// # Errors
/// As [`search_issues`].
pub(crate) fn check(text: &str, asking: &Asking<'_>) -> Result<()> {
    Understood::of(&Search::new(text), asking).map(|_| ())
}

/// A text as a query names it, whatever is in it.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
