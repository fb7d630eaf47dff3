//! A vault without issues and events.

use super::door::Vault;
use crate::error::Result;
use crate::issue::{Deed, Issue};
use crate::store::{Effort, Expendable, IssueFilter};
use crate::time::Timestamp;

/// Issues that are deleted in one transaction.
const STEP_ISSUES: usize = 100;

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmptyReport {
    /// Issues that were deleted.
    pub issues_removed: u64,
    /// Their events.
    pub events_removed: u64,
    /// Bytes that the disk got back.
    pub bytes_freed: u64,
}

impl Vault {
    /// Deletes all issues with their events for good, those that wait in the journal among them, and all items. Settings, symbols,
    /// archives and the numbers that were given stay.
    ///
    /// An interruption leaves those that were not reached. Contents of attachments that are younger than an hour leave
    /// with a later [`Vault::collect_garbage`].
    ///
    /// ```
    /// use crashvault::{Event, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-empty-{}", std::process::id()));
    /// let mut vault = Vault::open(&home)?;
    /// vault.add(Event::new())?;
    /// assert_eq!(vault.empty()?.events_removed, 1);
    /// assert_eq!(vault.status()?.issue_count, 0);
    /// # let _ = std::fs::remove_dir_all(&home);
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Vault::drain_all`] and [`Vault::decide`]; Busy if another process rebuilds, prunes or archives.
    pub fn empty(&mut self) -> Result<EmptyReport> {
        self.drain_all()?;
        let before = self.store.stats()?;
        let mut report = EmptyReport::default();
        loop {
            let issues = self.issues(&IssueFilter::default().limit(STEP_ISSUES))?;
            if issues.is_empty() {
                break;
            }
            report.issues_removed += issues.len() as u64;
            self.delete(&issues)?;
        }
        self.drop_items()?;
        let after = self.store.stats()?;
        report.events_removed = before.events.saturating_sub(after.events);
        let garbage = self.collect_garbage()?;
        self.store.shrink(Effort::Words)?;
        let shrunk = self.store.stats()?.disk_bytes;
        let attachments = garbage
            .bytes_freed
            .saturating_sub(after.disk_bytes.saturating_sub(shrunk));
        report.bytes_freed = before.disk_bytes.saturating_sub(shrunk) + attachments;
        Ok(report)
    }

    /// What came beside events leaves as what is old does: everything is.
    fn drop_items(&mut self) -> Result<()> {
        let all = Expendable {
            before: Some(Timestamp::from_nanos(i64::MAX)),
            kinds: Vec::new(),
        };
        self.store.retire(&all, 1, None, self.clock.now())?;
        Ok(())
    }

    fn delete(&mut self, issues: &[Issue]) -> Result<()> {
        let tombstones = issues.iter().map(|issue| (issue, Deed::Tombstone));
        self.record_all(tombstones.collect())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewAttachment;
    use crate::event::Event;
    use crate::scratch::scratch;

    fn said(text: &str) -> Event {
        let mut event = Event::new();
        event.message = Some(text.into());
        event
    }

    #[test]
    fn an_empty_vault_holds_no_issue_and_gives_no_number_twice() {
        let home = scratch();
        let mut vault = Vault::open(home.path()).unwrap();
        let words = ["alpha", "beta", "gamma"];
        let many = (0..STEP_ISSUES + 1).map(|at| {
            // Numbers alone would be one issue.
            let word: String = at.to_string().bytes().map(|b| (b + 49) as char).collect();
            said(&format!("{} {word}", words[at % 3]))
        });
        vault.add_all(many).unwrap();
        let issues = vault.status().unwrap().issue_count;
        assert_eq!(issues, STEP_ISSUES as u64 + 1);
        let event = vault.add(said("with a file")).unwrap().event_id;
        vault
            .attach(event, &NewAttachment::new("a", "content"))
            .unwrap();
        let report = vault.empty().unwrap();
        assert_eq!(report.issues_removed, issues + 1);
        assert_eq!(report.events_removed, issues + 1);
        assert_eq!(vault.issues(&IssueFilter::default()).unwrap(), []);
        assert_eq!(vault.attachments(event).unwrap(), []);
        assert_eq!(vault.verify().unwrap(), [""; 0]);
        let added = vault.add(said("something new")).unwrap();
        assert_eq!(added.issue_number, issues + 2);
        assert_eq!(vault.empty().unwrap().issues_removed, 1);
        assert_eq!(vault.empty().unwrap().issues_removed, 0);
    }
}
