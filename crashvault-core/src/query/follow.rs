//! A query and a place in the order of ingestion → the events behind it that fit.

use std::collections::HashMap;

use super::{Asking, Search, Understood};
use crate::error::{ErrorKind, Result};
use crate::issue::{Issue, IssueId, IssueRef};
use crate::store::{Store, StoredEvent, fits};

/// Events that came in, and how far was read.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Followed {
    /// The events that fit, in the order they came in.
    pub events: Vec<StoredEvent>,
    /// The ingest sequence up to which all was looked at; where it did not grow there is nothing more.
    pub reached: u64,
}

/// Looks at the events behind `after`, at most as many as the search has a limit.
///
/// # Errors
/// InvalidInput for a query that cannot be read; else as [`Store::events_behind`].
pub(crate) fn follow(search: &Search, after: u64, asking: &Asking<'_>) -> Result<Followed> {
    let store = asking.store;
    let condition = Understood::of(search, asking)?.of_events();
    let (events, reached) = store.events_behind(after, search.limit)?;
    let mut issues: HashMap<IssueId, Option<Issue>> = HashMap::new();
    let mut found = Vec::new();
    for stored in events {
        let issue = match issues.entry(stored.issue) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => new.insert(there(store, &stored)?),
        };
        if issue
            .as_ref()
            .is_some_and(|issue| fits(&condition, issue, &stored))
        {
            found.push(stored);
        }
    }
    Ok(Followed {
        events: found,
        reached,
    })
}

/// The issue of an event, unless it was removed since the event was read.
fn there(store: &dyn Store, stored: &StoredEvent) -> Result<Option<Issue>> {
    match store.issue(&IssueRef::Id(stored.issue)) {
        Ok(issue) => Ok(Some(issue)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
