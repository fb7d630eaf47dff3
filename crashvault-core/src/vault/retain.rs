//! Retention: old events leave, their issues go on counting them.

use std::time::Instant;

use super::door::Vault;
use super::settings::Retention;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Level;
use crate::issue::Status;
use crate::store::{Effort, Expendable, Retired};
use crate::time::Timestamp;

const DAY_SECS: i64 = 86_400;
/// Events that leave in one transaction.
const STEP_EVENTS: usize = 500;
/// The same where a reader waits for it.
const SHORT_STEP_EVENTS: usize = 50;
/// How often what is left is measured again, for a limit in bytes.
const ROUNDS_MAX: usize = 8;
/// The counter that says when retention was last done, in seconds since 1970.
const RETAINED_AT: &str = "retained_at";

const LEVELS: [Level; 5] = [
    Level::Debug,
    Level::Info,
    Level::Warning,
    Level::Error,
    Level::Fatal,
];
const STATUSES: [Status; 3] = [Status::Open, Status::Resolved, Status::Ignored];

/// Which events are to leave: those that are too old, and the oldest of those that are too many.
///
/// ```
/// use crashvault::{Level, PruneRule};
/// let rule = PruneRule::new().older_than_days(30).level(Level::Debug).dry_run(true);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneRule {
    days: Option<u32>,
    before: Option<Timestamp>,
    level: Option<Level>,
    status: Option<Status>,
    events_max: Option<u64>,
    bytes_max: Option<u64>,
    is_dry_run: bool,
}

impl PruneRule {
    /// No event leaves yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Events leave that happened more than so many days ago.
    #[must_use]
    pub fn older_than_days(mut self, days: u32) -> Self {
        self.days = Some(days);
        self
    }

    /// Events leave that happened before.
    #[must_use]
    pub fn before(mut self, time: Timestamp) -> Self {
        self.before = Some(time);
        self
    }

    /// Only events of this level leave.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// Only events of issues with this status leave.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// The oldest events leave until the vault has no more than so many.
    #[must_use]
    pub fn events_max(mut self, count: u64) -> Self {
        self.events_max = Some(count);
        self
    }

    /// The oldest events leave until `vault.db` and the attachments (before compression) take no more than so many
    /// bytes.
    #[must_use]
    pub fn bytes_max(mut self, bytes: u64) -> Self {
        self.bytes_max = Some(bytes);
        self
    }

    /// Only count; nothing leaves.
    #[must_use]
    pub fn dry_run(mut self, on: bool) -> Self {
        self.is_dry_run = on;
        self
    }

    fn passes(&self, now: Timestamp) -> Result<Vec<Pass>> {
        let before = self
            .days
            .map(|days| days_before(now, days))
            .into_iter()
            .chain(self.before)
            .max();
        let kinds = match (self.level, self.status) {
            (None, None) => Vec::new(),
            (level, status) => kinds(|(l, s)| {
                level.is_none_or(|level| level == l) && status.is_none_or(|status| status == s)
            }),
        };
        let pass = |before, goal| Pass {
            which: Expendable {
                before,
                kinds: kinds.clone(),
            },
            goal,
        };
        let mut passes: Vec<Pass> = before
            .map(|before| pass(Some(before), Goal::None))
            .into_iter()
            .collect();
        passes.extend(self.events_max.map(|count| pass(None, Goal::Events(count))));
        passes.extend(self.bytes_max.map(|bytes| pass(None, Goal::Bytes(bytes))));
        if passes.is_empty() {
            let message =
                "say which events are to leave: how old, or how many or how many bytes may stay";
            return Err(Error::new(ErrorKind::InvalidInput, "prune", message));
        }
        Ok(passes)
    }
}

/// What left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneReport {
    /// Events that left, or would.
    pub events_removed: u64,
    /// Attachments that left with them.
    pub attachments_removed: u64,
    /// Bytes that the disk got back; of a dry run an estimate.
    pub bytes_freed: u64,
    /// Whether this is all. Only what a reader does in passing stops before.
    pub is_complete: bool,
}

/// One kind of event that leaves, and when it is enough.
struct Pass {
    which: Expendable,
    goal: Goal,
}

#[derive(Clone, Copy)]
enum Goal {
    /// None of them stay.
    None,
    /// So many events stay in the vault.
    Events(u64),
    /// So many bytes stay in use.
    Bytes(u64),
}

fn days_before(now: Timestamp, days: u32) -> Timestamp {
    now.saturating_add_secs(-i64::from(days) * DAY_SECS)
}

fn kinds(fits: impl Fn((Level, Status)) -> bool) -> Vec<(Level, Status)> {
    let all = LEVELS
        .into_iter()
        .flat_map(|level| STATUSES.map(|status| (level, status)));
    all.filter(|kind| fits(*kind)).collect()
}

impl Retention {
    /// The days of one kind of event: the fewer of what level and status say, else what all have.
    fn days(&self, (level, status): (Level, Status)) -> Option<u32> {
        let of_level = self
            .level_days
            .iter()
            .filter(|(l, _)| *l == level)
            .map(|(_, days)| *days);
        let of_status = self
            .status_days
            .iter()
            .filter(|(s, _)| *s == status)
            .map(|(_, days)| *days);
        of_level.chain(of_status).min().or(self.age_days)
    }

    fn passes(&self, now: Timestamp) -> Vec<Pass> {
        let mut days: Vec<u32> = kinds(|_| true)
            .into_iter()
            .filter_map(|kind| self.days(kind))
            .collect();
        days.sort_unstable();
        days.dedup();
        let is_simple = self.level_days.is_empty() && self.status_days.is_empty();
        let by_age = days.into_iter().map(|days| Pass {
            which: Expendable {
                before: Some(days_before(now, days)),
                kinds: match is_simple {
                    true => Vec::new(),
                    false => kinds(|kind| self.days(kind) == Some(days)),
                },
            },
            goal: Goal::None,
        });
        let by_size = [
            self.events_max.map(Goal::Events),
            self.bytes_max.map(Goal::Bytes),
        ];
        let by_size = by_size.into_iter().flatten().map(|goal| Pass {
            which: Expendable::default(),
            goal,
        });
        by_age.chain(by_size).collect()
    }
}

impl Vault {
    /// Lets events leave, oldest first. Their issues go on counting them, and each issue keeps its newest event; the file
    /// shrinks. An event that left does not come back.
    ///
    /// ```
    /// use crashvault::{Event, PruneRule, Timestamp, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-prune-{}", std::process::id()));
    /// let mut vault = Vault::open(&home)?;
    /// let mut event = Event::new();
    /// event.message = Some("disk full".into());
    /// event.timestamp = Timestamp::parse("2020-01-01T00:00:00Z");
    /// vault.add_all([event.clone(), event])?;
    /// let report = vault.prune(&PruneRule::new().older_than_days(30))?;
    /// assert_eq!(report.events_removed, 1);
    /// assert_eq!(vault.issue(&"#1".parse()?)?.seen_count, 2);
    /// # let _ = std::fs::remove_dir_all(&home);
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// InvalidInput for a rule that says neither how old nor how many; Busy; ReadOnly, Corrupt, Io; Unsupported in a
    /// forked child. What has left before an error stays away.
    pub fn prune(&mut self, rule: &PruneRule) -> Result<PruneReport> {
        self.lineage.check()?;
        let passes = rule.passes(self.clock.now())?;
        if rule.is_dry_run {
            return self.foresee(&passes);
        }
        let _chore = self.begin_chore("prune")?;
        self.let_go(&passes, None)
    }

    /// Does what `[retention]` in `vault.toml` says: [`Vault::prune`] by its ages and sizes. Draining does it once a day.
    ///
    /// # Errors
    /// As [`Vault::prune`].
    pub fn retain(&mut self) -> Result<PruneReport> {
        self.lineage.check()?;
        let _chore = self.begin_chore("prune")?;
        self.retain_until(None)
    }

    /// What [`Vault::retain`] would do now.
    ///
    /// # Errors
    /// As [`Vault::prune`].
    pub fn retain_dry_run(&self) -> Result<PruneReport> {
        self.foresee(&self.settings.retention.passes(self.clock.now()))
    }

    /// Once a day, in passing, until the deadline. What goes wrong is met and told by the next `prune`.
    pub(super) fn retain_if_due(&mut self, deadline: Option<Instant>) {
        if self.settings.retention.is_endless() || self.is_read_only {
            return;
        }
        let is_due = self.store.counters().is_ok_and(|counters| {
            let last = counters.get(RETAINED_AT).copied().unwrap_or_default();
            self.clock.now().as_secs().unsigned_abs().abs_diff(last) >= DAY_SECS.unsigned_abs()
        });
        if is_due && let Ok(_chore) = self.begin_chore("prune") {
            let _ = self.retain_until(deadline);
        }
    }

    fn retain_until(&mut self, deadline: Option<Instant>) -> Result<PruneReport> {
        let now = self.clock.now();
        let report = self.let_go(&self.settings.retention.passes(now), deadline)?;
        if report.is_complete {
            self.store
                .set_counter(RETAINED_AT, now.as_secs().unsigned_abs())?;
        }
        Ok(report)
    }

    fn foresee(&self, passes: &[Pass]) -> Result<PruneReport> {
        let stats = self.store.stats()?;
        let in_use = self.store.in_use_bytes()?;
        let each = in_use / stats.events.max(1);
        let mut removed = 0;
        for pass in passes {
            let there = self.store.count_expendable(&pass.which)?;
            removed += match pass.goal {
                Goal::None => there,
                Goal::Events(count) => {
                    excess(stats.events, removed, count).min(there.saturating_sub(removed))
                }
                Goal::Bytes(bytes) => {
                    let events = in_use
                        .saturating_sub(removed * each)
                        .saturating_sub(bytes)
                        .div_ceil(each.max(1));
                    events.min(there.saturating_sub(removed))
                }
            };
        }
        Ok(PruneReport {
            events_removed: removed,
            bytes_freed: removed * each,
            is_complete: true,
            ..PruneReport::default()
        })
    }

    fn let_go(&mut self, passes: &[Pass], deadline: Option<Instant>) -> Result<PruneReport> {
        let before = self.store.stats()?;
        let mut report = PruneReport {
            is_complete: true,
            ..PruneReport::default()
        };
        for pass in passes {
            match pass.goal {
                Goal::None => self.let_go_of(&pass.which, u64::MAX, deadline, &mut report)?,
                Goal::Events(count) => {
                    let excess = self.store.stats()?.events.saturating_sub(count);
                    self.let_go_of(&pass.which, excess, deadline, &mut report)?;
                }
                Goal::Bytes(bytes) => self.let_go_to(&pass.which, bytes, deadline, &mut report)?,
            }
        }
        if report.events_removed > 0 {
            let effort = match deadline {
                Some(_) => Effort::Pages,
                None if report.events_removed > before.events / 10 => Effort::Words,
                None => Effort::Log,
            };
            if effort == Effort::Words {
                // Values that only these events had take as much room as the events.
                self.store.collect(self.clock.now())?;
            }
            self.store.shrink(effort)?;
        }
        report.bytes_freed += before
            .disk_bytes
            .saturating_sub(self.store.stats()?.disk_bytes);
        if report.attachments_removed > 0 && deadline.is_none() {
            report.bytes_freed += self.sweep_attachments()?.1;
        }
        Ok(report)
    }

    fn let_go_of(
        &mut self,
        which: &Expendable,
        mut count: u64,
        deadline: Option<Instant>,
        report: &mut PruneReport,
    ) -> Result<()> {
        let step = if deadline.is_some() {
            SHORT_STEP_EVENTS
        } else {
            STEP_EVENTS
        };
        let mut after = None;
        while count > 0 {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                report.is_complete = false;
                return Ok(());
            }
            let limit = step.min(usize::try_from(count).unwrap_or(step));
            let Retired {
                events,
                attachments,
                next,
            } = self.store.retire(which, limit, after, self.clock.now())?;
            report.events_removed += events;
            report.attachments_removed += attachments;
            count = count.saturating_sub(events);
            if next.is_none() {
                return Ok(());
            }
            after = next;
        }
        Ok(())
    }

    /// In rounds: what an event takes is known only on average.
    fn let_go_to(
        &mut self,
        which: &Expendable,
        bytes: u64,
        deadline: Option<Instant>,
        report: &mut PruneReport,
    ) -> Result<()> {
        let begun = self.store.in_use_bytes()?;
        let average = begun / self.store.stats()?.events.max(1);
        let mut each = average;
        let removed_before = report.events_removed;
        for _ in 0..ROUNDS_MAX {
            let in_use = self.store.in_use_bytes()?;
            if in_use <= bytes || !report.is_complete {
                return Ok(());
            }
            let removed = report.events_removed;
            let count = (in_use - bytes).div_ceil(each.max(1));
            self.let_go_of(which, count, deadline, report)?;
            if report.events_removed == removed || deadline.is_some() {
                return Ok(());
            }
            // Words and values of what left still take room: without this far too many events would leave.
            self.store.collect(self.clock.now())?;
            self.store.shrink(Effort::Words)?;
            let freed = begun.saturating_sub(self.store.in_use_bytes()?);
            // What leaves may seem to free nothing at first, as indexes give room back later: all events would follow.
            each = (freed / (report.events_removed - removed_before)).max(average / 3);
        }
        Ok(())
    }
}

fn excess(events: u64, removed: u64, count: u64) -> u64 {
    events.saturating_sub(removed).saturating_sub(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::issue::{Issue, Resolution};
    use crate::scratch::{Scratch, scratch};
    use crate::time::FixedClock;
    use crate::{EventId, NewAttachment};

    const NOW: &str = "2026-03-01T00:00:00Z";

    fn open(settings: &str) -> (Scratch, Vault, FixedClock) {
        let home = scratch();
        std::fs::write(home.path().join("vault.toml"), settings).unwrap();
        let clock = FixedClock::at(NOW).unwrap();
        let vault = Vault::options()
            .clock(clock.clone())
            .open(home.path())
            .unwrap();
        (home, vault, clock)
    }

    /// An event of so many days ago.
    fn event(message: &str, level: Level, days: u32) -> Event {
        let mut event = Event::new();
        event.message = Some(message.into());
        event.level = level;
        event.timestamp = Some(days_before(Timestamp::parse(NOW).unwrap(), days));
        let noise = blake3::hash(format!("{message} {days}").as_bytes());
        event
            .tags
            .insert("noise".into(), noise.to_hex().to_string());
        event
            .extra
            .insert("more".into(), noise.to_hex().repeat(9).into());
        event
    }

    /// Ten events, 10 to 100 days old.
    fn add(vault: &mut Vault, message: &str, level: Level) -> Vec<EventId> {
        let events = (1..=10).map(|n| event(message, level, n * 10));
        let added = vault.add_all(events).unwrap();
        added.iter().map(|added| added.event_id).collect()
    }

    fn issue(vault: &Vault, number: u64) -> Issue {
        vault.issue(&crate::IssueRef::Number(number)).unwrap()
    }

    fn left(vault: &Vault, number: u64) -> usize {
        vault.events(&issue(vault, number).id, 1000).unwrap().len()
    }

    #[test]
    fn a_damaged_newest_event_keeps_no_older_one_from_leaving() {
        let (home, mut vault, _) = open("");
        add(&mut vault, "a", Level::Error);
        let damaged = rusqlite::Connection::open(home.path().join("vault.db")).unwrap();
        damaged
            .execute("UPDATE event_payload SET data = x'00' WHERE event = 1", [])
            .unwrap();
        let report = vault.prune(&PruneRule::new().older_than_days(55)).unwrap();
        assert_eq!(report.events_removed, 5);
        assert_eq!(issue(&vault, 1).seen_count, 10);
    }

    /// The vault is whole, and derived state is what a rebuild makes.
    fn check_sound(vault: &mut Vault) {
        assert_eq!(vault.store.check().unwrap(), [""; 0]);
        assert_eq!(vault.verify().unwrap(), [""; 0]);
    }

    #[test]
    fn old_events_leave_and_are_still_counted() {
        let (_home, mut vault, _) = open("");
        let ids = add(&mut vault, "disk full", Level::Error);
        vault.attach(ids[9], &NewAttachment::new("a", "x")).unwrap();
        let before = issue(&vault, 1);
        let rule = PruneRule::new().older_than_days(45);
        let foreseen = vault.prune(&rule.clone().dry_run(true)).unwrap();
        assert_eq!((foreseen.events_removed, left(&vault, 1)), (6, 10));
        let report = vault.prune(&rule).unwrap();
        assert_eq!((report.events_removed, report.attachments_removed), (6, 1));
        assert_eq!(left(&vault, 1), 4);
        assert_eq!(issue(&vault, 1), before);
        assert_eq!(vault.hours(&"#1".parse().unwrap()).unwrap().len(), 10);
        assert!(vault.attachments(ids[9]).unwrap().is_empty());
        check_sound(&mut vault);
        // It does not come back.
        let mut again = event("disk full", Level::Error, 100);
        again.event_id = ids[9];
        assert!(vault.add(again).unwrap().is_known);
        assert_eq!(vault.prune(&rule).unwrap().events_removed, 0);
    }

    #[test]
    fn an_issue_keeps_its_newest_event() {
        let (_home, mut vault, _) = open("");
        add(&mut vault, "disk full", Level::Error);
        add(&mut vault, "disk on fire", Level::Fatal);
        assert_eq!(
            vault
                .prune(&PruneRule::new().older_than_days(1))
                .unwrap()
                .events_removed,
            18
        );
        assert_eq!((left(&vault, 1), left(&vault, 2)), (1, 1));
        assert_eq!(issue(&vault, 2).seen_count, 10);
        check_sound(&mut vault);
    }

    #[test]
    fn the_oldest_leave_where_there_are_too_many() {
        let (_home, mut vault, _) = open("");
        add(&mut vault, "disk full", Level::Error);
        add(&mut vault, "disk on fire", Level::Fatal);
        let rule = PruneRule::new().events_max(15);
        assert_eq!(
            vault
                .prune(&rule.clone().dry_run(true))
                .unwrap()
                .events_removed,
            5
        );
        assert_eq!(vault.prune(&rule).unwrap().events_removed, 5);
        assert_eq!(left(&vault, 1) + left(&vault, 2), 15);
        let oldest = vault
            .events(&issue(&vault, 1).id, 1000)
            .unwrap()
            .pop()
            .unwrap();
        assert!(oldest.event.timestamp >= event("x", Level::Error, 80).timestamp);
        check_sound(&mut vault);
    }

    #[test]
    fn level_and_status_say_which() {
        let (_home, mut vault, _) = open("");
        add(&mut vault, "talk", Level::Debug);
        add(&mut vault, "disk full", Level::Error);
        vault
            .resolve(&"#2".parse().unwrap(), Resolution::Now)
            .unwrap();
        let all = || PruneRule::new().older_than_days(0);
        let check = |vault: &mut Vault, rule: PruneRule, expected| {
            assert_eq!(vault.prune(&rule).unwrap().events_removed, expected);
        };
        check(
            &mut vault,
            all().level(Level::Debug).status(Status::Resolved),
            0,
        );
        check(&mut vault, all().level(Level::Debug), 9);
        check(&mut vault, all().status(Status::Resolved), 9);
        check_sound(&mut vault);
    }

    #[test]
    fn a_rule_that_says_nothing_is_refused() {
        let (_home, mut vault, _) = open("");
        let error = vault
            .prune(&PruneRule::new().level(Level::Debug))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn the_file_shrinks() {
        let (home, mut vault, _) = open("");
        let many =
            (0..3000).map(|n| event(&format!("message {}", n % 7), Level::Error, 1 + n / 30));
        vault.add_all(many).unwrap();
        vault.store.shrink(Effort::Words).unwrap();
        let size = || {
            let length =
                |name| std::fs::metadata(home.path().join(name)).map_or(0, |file| file.len());
            length("vault.db") + length("vault.db-wal")
        };
        let before = size();
        let report = vault.prune(&PruneRule::new().older_than_days(20)).unwrap();
        assert_eq!(report.events_removed, 2400);
        assert!(size() < before * 6 / 10, "{} of {before}", size());
        assert!(report.bytes_freed.abs_diff(before - size()) < 10_000);
        check_sound(&mut vault);
        // Half of what is in use are tables that an empty vault has too.
        let room = vault.store.in_use_bytes().unwrap() * 9 / 10;
        vault.prune(&PruneRule::new().bytes_max(room)).unwrap();
        let in_use = vault.store.in_use_bytes().unwrap();
        assert!(in_use <= room, "{in_use} of {room}");
        let left = vault.store.stats().unwrap().events;
        assert!(left > 100, "{left} in {in_use} of {room}");
        check_sound(&mut vault);
    }

    #[test]
    fn draining_retains_once_a_day() {
        let settings = "[retention]\nage_days = 60\n[retention.level]\ndebug = 20\n[retention.status]\nresolved = 40\n";
        let (_home, mut vault, clock) = open(settings);
        add(&mut vault, "talk", Level::Debug);
        add(&mut vault, "disk full", Level::Error);
        add(&mut vault, "disk on fire", Level::Fatal);
        vault
            .resolve(&"#2".parse().unwrap(), Resolution::Now)
            .unwrap();
        assert_eq!(vault.retain_dry_run().unwrap().events_removed, 8 + 6 + 4);
        vault.drain_all().unwrap();
        assert_eq!([1, 2, 3].map(|number| left(&vault, number)), [2, 4, 6]);
        vault.add_all([event("talk", Level::Debug, 90)]).unwrap();
        vault.drain_all().unwrap();
        assert_eq!(left(&vault, 1), 3);
        clock.advance_secs(DAY_SECS);
        vault.drain(std::time::Duration::from_secs(9)).unwrap();
        assert_eq!(left(&vault, 1), 1);
        check_sound(&mut vault);
    }

    #[test]
    fn a_damaged_event_does_not_keep_the_others() {
        let (home, mut vault, _) = open("");
        add(&mut vault, "disk full", Level::Error);
        let other = rusqlite::Connection::open(home.path().join("vault.db")).unwrap();
        other
            .execute("UPDATE event_payload SET data = x'00' WHERE event = 5", [])
            .unwrap();
        drop(other);
        assert_eq!(
            vault
                .prune(&PruneRule::new().older_than_days(0))
                .unwrap()
                .events_removed,
            8
        );
    }
}
