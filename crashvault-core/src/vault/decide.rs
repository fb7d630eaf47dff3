//! What people decide about issues.

use super::door::Vault;
use crate::error::{Error, ErrorKind, Result};
use crate::issue::{
    Activity, ActivityId, Deed, Ignore, Issue, IssueRef, Resolution, check_author, last_standing,
};
use crate::query::{self, Search};
use crate::store::Decision;
use crate::time::Timestamp;

/// Seconds of a day.
const DAY_SECS: i64 = 86_400;
/// Days whose worst is what an issue must outgrow.
const GROWTH_DAYS: i64 = 7;
/// Seen less often in a day, no issue has grown.
const GROWTH_DAY_COUNT_MIN: u64 = 10;

/// How long an issue is to be ignored, from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IgnoreUntil {
    /// Until somebody reopens it.
    Reopened,
    /// Until it has been seen so many times more.
    SeenAgain(u64),
    /// Until the first event after this moment.
    Time(Timestamp),
    /// Until it is seen in 24 hours more than twice as often as on the worst of the last seven days, and more than ten
    /// times.
    Grown,
}

impl Vault {
    /// What was decided about an issue, oldest first.
    ///
    /// # Errors
    /// As [`Vault::issue`].
    pub fn activities(&self, issue: &IssueRef) -> Result<Vec<Activity>> {
        self.store.activities(&self.issue(issue)?.id)
    }

    /// Records a decision about an issue; the other functions here are short for it.
    ///
    /// ```
    /// use crashvault::{Event, Resolution, Status, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-decide-{}", std::process::id()));
    /// let mut vault = Vault::options().author("ada").open(&home)?;
    /// let mut event = Event::new();
    /// event.message = Some("disk full".into());
    /// let issue = format!("#{}", vault.add(event.clone())?.issue_number).parse()?;
    ///
    /// vault.resolve(&issue, Resolution::Now)?;
    /// assert_eq!(vault.issue(&issue)?.status, Status::Resolved);
    ///
    /// let again = vault.add(event)?; // it is back: a regression
    /// let issue = vault.issue(&issue)?;
    /// assert_eq!(issue.status, Status::Open);
    /// assert_eq!(issue.state.regression, Some(again.event_id));
    /// # let _ = std::fs::remove_dir_all(&home);
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Vault::issue`]; InvalidInput for what cannot be decided so, saying why; NotFound for an event or activity that
    /// is not there; ReadOnly, Busy, Io; Unsupported in a forked child.
    pub fn decide(&mut self, issue: &IssueRef, deed: Deed) -> Result<Activity> {
        let issue = self.issue(issue)?;
        self.record(&issue, deed)
    }

    /// Records several decisions, all of them or none.
    ///
    /// # Errors
    /// As [`Vault::decide`].
    pub fn decide_all(&mut self, decisions: &[(IssueRef, Deed)]) -> Result<Vec<Activity>> {
        let named = decisions
            .iter()
            .map(|(issue, deed)| Ok((self.issue(issue)?, deed.clone())));
        let named = named.collect::<Result<Vec<_>>>()?;
        self.record_all(
            named
                .iter()
                .map(|(issue, deed)| (issue, deed.clone()))
                .collect(),
        )
    }

    /// Says that an issue is fixed; a later event that the resolution covers is a regression.
    ///
    /// # Errors
    /// As [`Vault::decide`].
    pub fn resolve(&mut self, issue: &IssueRef, resolution: Resolution) -> Result<Activity> {
        self.decide(issue, Deed::Resolve(resolution))
    }

    /// Opens an issue again.
    ///
    /// # Errors
    /// As [`Vault::decide`].
    pub fn reopen(&mut self, issue: &IssueRef) -> Result<Activity> {
        self.decide(issue, Deed::Reopen)
    }

    /// Ignores an issue for a while.
    ///
    /// # Errors
    /// As [`Vault::decide`].
    pub fn ignore(&mut self, issue: &IssueRef, until: IgnoreUntil) -> Result<Activity> {
        let issue = self.issue(issue)?;
        let ignore = match until {
            IgnoreUntil::Reopened => Ignore::Forever,
            IgnoreUntil::SeenAgain(more) => {
                Ignore::UntilSeenCount(issue.seen_count.saturating_add(more))
            }
            IgnoreUntil::Time(time) => Ignore::UntilTime(time),
            IgnoreUntil::Grown => Ignore::UntilDayCount(self.worst_day(&issue)?),
        };
        self.record(&issue, Deed::Ignore(ignore))
    }

    /// Gives an issue to somebody, or (`None`) to nobody.
    ///
    /// # Errors
    /// As [`Vault::decide`].
    pub fn assign(&mut self, issue: &IssueRef, to: Option<&str>) -> Result<Activity> {
        self.decide(issue, Deed::Assign(to.map(str::to_owned)))
    }

    /// Adds words about an issue.
    ///
    /// # Errors
    /// As [`Vault::decide`].
    pub fn comment(&mut self, issue: &IssueRef, text: &str) -> Result<Activity> {
        self.decide(issue, Deed::Comment(text.to_owned()))
    }

    /// Takes back the last thing that a person decided about an issue; again: the one before.
    ///
    /// The activity that was taken back, and the record of that.
    ///
    /// # Errors
    /// As [`Vault::decide`]; NotFound if there is nothing to take back.
    pub fn undo(&mut self, issue: &IssueRef) -> Result<(Activity, Activity)> {
        let issue = self.issue(issue)?;
        let activities = self.store.activities(&issue.id)?;
        let Some(last) = last_standing(&activities) else {
            let message = format!(
                "nothing was decided about #{} that can be taken back",
                issue.number
            );
            return Err(Error::new(ErrorKind::NotFound, "undo", message));
        };
        let undo = self.record(&issue, Deed::Undo(last.id))?;
        Ok((last.clone(), undo))
    }

    fn record(&mut self, issue: &Issue, deed: Deed) -> Result<Activity> {
        let recorded = self.record_all(vec![(issue, deed)])?;
        recorded.into_iter().next().ok_or_else(|| {
            let message = "the store said nothing about the decision";
            Error::new(ErrorKind::Internal, "decide", message)
        })
    }

    pub(super) fn record_all(&mut self, decisions: Vec<(&Issue, Deed)>) -> Result<Vec<Activity>> {
        self.lineage.check()?;
        let decisions = decisions.into_iter().map(|(issue, deed)| {
            let deed = self.filled(issue, deed)?;
            self.check(&deed)?;
            Ok(Decision {
                id: ActivityId::from_bytes(crate::capture::random_bytes()),
                vault: self.settings.vault_id,
                author: self.author.clone(),
                at: self.clock.now(),
                issue: issue.id,
                deed,
            })
        });
        let decisions = decisions.collect::<Result<Vec<_>>>()?;
        self.store.act(&decisions)
    }

    /// "In the next release" means after the newest one there is now; a severity is spelt as the settings have it.
    fn filled(&self, issue: &Issue, deed: Deed) -> Result<Deed> {
        Ok(match deed {
            Deed::Resolve(Resolution::NextRelease(None)) => {
                Deed::Resolve(Resolution::NextRelease(self.newest_release(issue)?))
            }
            Deed::SetSeverity(Some(severity)) => {
                let mut known = self.settings.severities.iter();
                let known = known.find(|known| known.eq_ignore_ascii_case(&severity));
                Deed::SetSeverity(Some(known.cloned().unwrap_or(severity)))
            }
            other => other,
        })
    }

    fn check(&self, deed: &Deed) -> Result<()> {
        deed.check()?;
        check_author(&self.author)?;
        let severities = &self.settings.severities;
        match deed {
            Deed::SetSeverity(Some(severity)) if !severities.contains(severity) => {
                let message = format!(
                    "'{severity}' is no severity here; use {}",
                    severities.join(", ")
                );
                Err(Error::new(ErrorKind::InvalidInput, "decide", message))
            }
            _ => Ok(()),
        }
    }

    /// The release of the project's newest event that has one.
    fn newest_release(&self, issue: &Issue) -> Result<Option<String>> {
        let text = format!("has:release project:{}", query::quoted(&issue.project));
        let found = self.search_events(&Search::new(text).limit(1))?;
        Ok(found
            .events
            .into_iter()
            .next()
            .and_then(|stored| stored.event.release))
    }

    /// Twice the most events of one day in the last week.
    fn worst_day(&self, issue: &Issue) -> Result<u64> {
        let now = self.clock.now();
        let mut days = [0_u64; GROWTH_DAYS as usize];
        for (hour, count) in self.store.hours(&issue.id)? {
            let age = (now.as_secs() - hour.as_secs()).div_euclid(DAY_SECS);
            if let Some(day) = usize::try_from(age).ok().and_then(|age| days.get_mut(age)) {
                *day += count;
            }
        }
        let worst = days.into_iter().max().unwrap_or_default();
        Ok((worst * 2).max(GROWTH_DAY_COUNT_MIN))
    }
}
