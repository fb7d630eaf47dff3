//! Searching the vault, and what it counts.

use super::door::Vault;
use crate::error::Result;
use crate::issue::IssueRef;
use crate::query::{self, CausesFound, EventsFound, Explanation, IssuesFound, Search};
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
        let saved = self.saved_for(search.text())?;
        query::search_issues(search, &self.asking(&saved))
    }

    /// The events that fit the query, newest first, page by page. See [`Vault::search`].
    pub fn search_events(&self, search: &Search) -> Result<EventsFound> {
        let saved = self.saved_for(search.text())?;
        query::search_events(search, &self.asking(&saved))
    }

    /// Answers a search for issues as [`Vault::search`] and tells how: what was read of the query and where, what each
    /// part means and how many fit it, how the store joined that, and what the answer cost.
    ///
    /// ```
    /// use crashvault::{Event, Search, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-explain-{}", std::process::id()));
    /// let mut vault = Vault::open(&home)?;
    /// let mut event = Event::new();
    /// event.message = Some("disk full".into());
    /// vault.add(event)?;
    /// let told = vault.explain(&Search::new("level:error full"))?;
    /// assert_eq!(told.tree.parts[1].position, 12);
    /// assert_eq!(told.tree.parts[1].meaning.as_deref(), Some("event: the word \"full\" anywhere"));
    /// assert_eq!(told.found_count, 1);
    /// # let _ = std::fs::remove_dir_all(&home);
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Vault::search`].
    pub fn explain(&self, search: &Search) -> Result<Explanation> {
        self.explained(search, false)
    }

    /// As [`Vault::explain`] of [`Vault::search_events`].
    ///
    /// # Errors
    /// As [`Vault::search`].
    pub fn explain_events(&self, search: &Search) -> Result<Explanation> {
        self.explained(search, true)
    }

    /// What the issues that fit the query have in common and the other issues of their project have not: a function, a
    /// module, a release or the value of a tag, as candidates for one cause, at most `limit`, the best first. It looks at
    /// 2,000 issues, in the search's order, and at the newest event of each.
    ///
    /// # Errors
    /// As [`Vault::search`].
    pub fn causes(&self, search: &Search, limit: usize) -> Result<CausesFound> {
        let saved = self.saved_for(search.text())?;
        query::causes(search, limit, &self.asking(&saved))
    }

    fn explained(&self, search: &Search, is_of_events: bool) -> Result<Explanation> {
        let saved = self.saved_for(search.text())?;
        query::explain(search, is_of_events, &self.asking(&saved))
    }

    /// How often an issue was seen in each hour that it was seen in: the hour's start, the count; oldest first.
    ///
    /// # Errors
    /// As [`Vault::issue`].
    pub fn hours(&self, issue: &IssueRef) -> Result<Vec<(Timestamp, u64)>> {
        self.store.hours(&self.issue(issue)?.id)
    }

    /// The values of an issue's events by key, each with the number of its events, most frequent first, at most `limit`
    /// of each key. Of more than 4,096 different values of an issue the most frequent are looked at.
    ///
    /// # Errors
    /// As [`Vault::issue`].
    pub fn values(&self, issue: &IssueRef, limit: usize) -> Result<Vec<ValueCount>> {
        self.store.values(&self.issue(issue)?.id, limit)
    }
}

#[cfg(test)]
mod tests;
