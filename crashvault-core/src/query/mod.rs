//! Enters: a query as a person writes it, and a store. Leaves: pages of issues or events that fit.
//!
//! `parse.rs` reads the text, `lower.rs` gives its keys and values their meaning, the store finds.
//!
//! Never: writes, drains, reads a clock, or knows how a store finds.

mod lower;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};
use crate::issue::Issue;
use crate::store::{EventSearch, IssueSearch, IssueSort, Place, Store, StoredEvent};
use crate::time::Timestamp;

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
///   assigned, fix, verify), `labels[KEY]`, `project`, `title`, `issue` (7 or an id), `age` and `firstSeen`,
///   `lastSeen`, `timesSeen`, `users`.
/// - **Of an event:** `level`, `message`, `breadcrumb`, `stack` and `stack.function`, `stack.module`,
///   `stack.filename`, `timestamp`, `id`, and `release`, `environment`, `dist`, `server`, `transaction`, `logger`,
///   `platform`, `trace`, `url`, `user`, `user.id`, `user.email`, `user.username`, `user.ip`, `error.type`,
///   `error.handled`, `error.mechanism`, `http.method`, `os.name`, `runtime.name`, `sdk.name`.
/// - **Any other key is a tag**; `tags[level]:x` is one whose name means something else.
/// - **Values:** `*` stands for anything, in quotes for itself; `key:[a, b]` is any of them; `has:key` any at all; `key:""` none.
/// - **Ages:** `-24h` is younger, `+24h` older; s, m, h, d, w. A date alone is that whole day in UTC.
///
/// At most 4 KiB, 200 words and values, 50 parentheses within each other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Search {
    text: String,
    sort: IssueSort,
    limit: usize,
    after: Option<Cursor>,
}

impl Search {
    /// The 50 issues seen last (or the 50 newest events) that fit the query; an empty one fits all.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            sort: IssueSort::default(),
            limit: LIMIT,
            after: None,
        }
    }

    /// In this order; events are always newest first.
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
    Issues(IssueSort),
    Events,
}

impl Order {
    const ALL: [(Self, char); 6] = [
        (Self::Issues(IssueSort::LastSeen), 'l'),
        (Self::Issues(IssueSort::FirstSeen), 'f'),
        (Self::Issues(IssueSort::SeenCount), 'c'),
        (Self::Issues(IssueSort::UserCount), 'u'),
        (Self::Issues(IssueSort::Number), 'n'),
        (Self::Events, 'e'),
    ];

    fn letter(self) -> char {
        let found = Self::ALL.iter().find(|(order, _)| *order == self);
        found.map_or('?', |(_, letter)| *letter)
    }

    fn from_letter(letter: char) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == letter);
        found.map(|(order, _)| *order)
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
}

/// A page of events.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EventsFound {
    /// The events, newest first.
    pub events: Vec<StoredEvent>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<Cursor>,
}

/// What a search for issues asks, for places that no store keeps. As [`search_issues`].
pub(crate) fn issue_search(
    search: &Search,
    now: Timestamp,
    me: Option<&str>,
) -> Result<IssueSearch> {
    Ok(IssueSearch {
        condition: lower::lower(&parse::parse(&search.text)?, now, me)?,
        sort: search.sort,
        limit: search.limit,
        after: search.place(Order::Issues(search.sort))?,
    })
}

/// The cursor of a place in a list of issues.
pub(crate) fn issue_cursor(sort: IssueSort, place: Place) -> Cursor {
    let order = Order::Issues(sort);
    Cursor { order, place }
}

/// Finds issues. `now` is what ages count from, `me` whom `assigned:me` means.
///
/// # Errors
/// InvalidInput for a query that cannot be read, with the byte offset as the context `position`, and for a cursor of
/// another list; else as [`Store::search`].
pub(crate) fn search_issues(
    store: &dyn Store,
    search: &Search,
    now: Timestamp,
    me: Option<&str>,
) -> Result<IssuesFound> {
    let page = store.search(&issue_search(search, now, me)?)?;
    Ok(IssuesFound {
        issues: page.issues,
        next: page.next.map(|place| issue_cursor(search.sort, place)),
    })
}

/// Finds events, newest first; as [`search_issues`], and the order asked for means nothing.
pub(crate) fn search_events(
    store: &dyn Store,
    search: &Search,
    now: Timestamp,
    me: Option<&str>,
) -> Result<EventsFound> {
    let order = Order::Events;
    let page = store.search_events(&EventSearch {
        condition: lower::lower(&parse::parse(&search.text)?, now, me)?,
        limit: search.limit,
        after: search.place(order)?,
    })?;
    Ok(EventsFound {
        events: page.events,
        next: page.next.map(|place| Cursor { order, place }),
    })
}

/// A text as a query names it, whatever is in it.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
