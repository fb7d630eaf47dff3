//! What comes in, as it comes, and what there is in all.

use super::door::Vault;
use crate::error::Result;
use crate::query::{self, Followed, Search};
use crate::store::Tally;

const HOUR_SECS: i64 = 3600;
const DAY_HOURS: i64 = 24;

impl Vault {
    /// The place in the order of ingestion that the newest event has; 0 if there is none.
    ///
    /// # Errors
    /// Corrupt, Io.
    pub fn last_ingest_sequence(&self) -> Result<u64> {
        self.store.last_ingest_sequence()
    }

    /// The events that came into the vault after that ingest sequence and fit the query, in the order they came. It
    /// looks at as many events as the search has a limit; `reached` is what to go on from. An event that cannot be read
    /// is passed over.
    ///
    /// ```
    /// use crashvault::{Event, Search, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-follow-{}", std::process::id()));
    /// let mut vault = Vault::open(&home)?;
    /// let reached = vault.last_ingest_sequence()?;
    /// vault.add(Event::new())?;
    /// let followed = vault.follow(&Search::new("level:error"), reached)?;
    /// assert_eq!(followed.events.len(), 1);
    /// assert_eq!(vault.follow(&Search::new(""), followed.reached)?.events, []);
    /// # let _ = std::fs::remove_dir_all(&home);
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Vault::search`].
    pub fn follow(&self, search: &Search, after: u64) -> Result<Followed> {
        let saved = self.saved_for(search.text())?;
        query::follow(search, after, &self.asking(&saved))
    }

    /// What there is, counted: issues by status, events by level, and how many events each hour of the last `days` days
    /// had, the present hour last.
    ///
    /// # Errors
    /// Corrupt, Io.
    pub fn tally(&self, days: u32) -> Result<Tally> {
        let now = self.clock.now();
        let present = now.as_secs().div_euclid(HOUR_SECS) * HOUR_SECS;
        let back = i64::from(days) * DAY_HOURS * HOUR_SECS;
        let first = now.saturating_add_secs(present - now.as_secs() + HOUR_SECS - back);
        self.store.tally(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::scratch::scratch;
    use crate::{FixedClock, Timestamp};

    fn vault(home: &std::path::Path) -> Vault {
        let clock = FixedClock::at("2026-01-05T10:30:00Z").unwrap();
        Vault::options().clock(clock).open(home).unwrap()
    }

    fn said(text: &str, at: &str) -> Event {
        let mut event = Event::new();
        event.message = Some(text.into());
        event.timestamp = Timestamp::parse(at);
        event
    }

    #[test]
    fn hours_are_those_of_the_days_asked_for() {
        let home = scratch();
        let mut vault = vault(home.path());
        let times = [
            "2026-01-05T10:00:00Z",
            "2026-01-04T11:00:00Z",
            "2026-01-04T10:59:59Z",
        ];
        vault
            .add_all(times.map(|at| said("disk full", at)))
            .unwrap();
        let check = |days, expected: &[u64]| {
            let hours = vault.tally(days).unwrap().hours;
            let counts: Vec<u64> = hours.iter().map(|(_, count)| *count).collect();
            assert_eq!(counts, expected);
        };
        check(1, &[1, 1]);
        check(2, &[1, 1, 1]);
    }

    #[test]
    fn what_is_followed_must_fit_and_comes_once() {
        let home = scratch();
        let mut vault = vault(home.path());
        vault.add(said("before", "2026-01-05T10:00:00Z")).unwrap();
        let reached = vault.last_ingest_sequence().unwrap();
        // An older event that comes later is new none the less.
        let late = said("timeout of db", "2025-01-05T10:00:00Z");
        let other = said("something else", "2026-01-05T10:00:00Z");
        vault.add_all([late.clone(), other, late]).unwrap();
        let search = Search::new("timeout is:open").limit(2);
        let first = vault.follow(&search, reached).unwrap();
        assert_eq!((first.events.len(), first.reached), (1, reached + 2));
        let second = vault.follow(&search, first.reached).unwrap();
        assert_eq!((second.events.len(), second.reached), (1, reached + 3));
        let third = vault.follow(&search, second.reached).unwrap();
        assert_eq!((third.events.len(), third.reached), (0, reached + 3));
    }
}
