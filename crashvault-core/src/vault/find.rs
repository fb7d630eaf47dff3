//! Searching the vault, and what it counts.

use super::door::Vault;
use crate::error::Result;
use crate::issue::IssueRef;
use crate::query::{self, EventsFound, IssuesFound, Search};
use crate::store::ValueCount;
use crate::time::Timestamp;

impl Vault {
    /// The issues of which at least one event fits the query, page by page. See [`Search`] for what a query can say.
    ///
    /// ```
    /// use crashvault::{Event, Search, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-find-{}", std::process::id()));
    /// let mut vault = Vault::open(&home)?;
    /// let mut event = Event::new();
    /// event.message = Some("connection to db1 refused".into());
    /// event.release = Some("shop@2.0".into());
    /// vault.add(event)?;
    /// let found = vault.search(&Search::new("is:open release:shop@* refused").limit(20))?;
    /// assert_eq!(found.issues[0].title, "connection to db1 refused");
    /// assert!(found.next.is_none());
    /// # let _ = std::fs::remove_dir_all(&home);
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// InvalidInput for a query that cannot be read (the context `position` is the byte it went wrong at), and for a
    /// cursor of another list; LimitReached for a wildcard that stands for too many words; Corrupt, Io.
    pub fn search(&self, search: &Search) -> Result<IssuesFound> {
        query::search_issues(&*self.store, search, self.clock.now(), Some(&self.author))
    }

    /// The events that fit the query, newest first, page by page. See [`Vault::search`].
    pub fn search_events(&self, search: &Search) -> Result<EventsFound> {
        query::search_events(&*self.store, search, self.clock.now(), Some(&self.author))
    }

    /// How often an issue was seen in each hour that it was seen in: the hour's start, the count; oldest first.
    ///
    /// # Errors
    /// As [`Vault::issue`].
    pub fn hours(&self, issue: &IssueRef) -> Result<Vec<(Timestamp, u64)>> {
        self.store.hours(&self.issue(issue)?.id)
    }

    /// The values of an issue's events by key, each with the number of its events, most frequent first, at most `limit`
    /// of each key.
    ///
    /// # Errors
    /// As [`Vault::issue`].
    pub fn values(&self, issue: &IssueRef, limit: usize) -> Result<Vec<ValueCount>> {
        self.store.values(&self.issue(issue)?.id, limit)
    }
}
