//! Old issues that are done with: out of the store into a compressed file, searched when asked, restored when needed.
//!
//! Their numbers, joins and decisions stay in the store, so a new event of such an issue finds it: as a regression, with
//! its old number. Contents of attachments stay in `attachments/` as long as an archive names them.

mod format;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use self::format::Writer;
use super::door::Vault;
use super::status::{Finding, Severity};
use crate::error::{Error, ErrorKind, Result};
use crate::issue::{Issue, IssueId, Status};
use crate::query::{self, Cursor, Doubt, Search};
use crate::store::{Effort, Exported, IssueFilter, IssueSort, IssueView, Record, fits, hex};
use crate::time::Timestamp;

const DAY_SECS: i64 = 86_400;
const ENDING: &str = "cva";
/// Records of one issue put back in one transaction.
const STEP_RECORDS: usize = 500;

/// Which issues are done with: resolved ones that have not been seen for a while.
///
/// ```
/// let rule = crashvault::ArchiveRule::older_than_days(90).ignored(true);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveRule {
    days: u32,
    with_ignored: bool,
}

impl ArchiveRule {
    /// Resolved issues that were last seen more than so many days ago.
    pub fn older_than_days(days: u32) -> Self {
        Self {
            days,
            with_ignored: false,
        }
    }

    /// Ignored ones as well.
    #[must_use]
    pub fn ignored(mut self, on: bool) -> Self {
        self.with_ignored = on;
        self
    }
}

/// What went into an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveReport {
    /// Issues that left the store.
    pub issues: u64,
    /// Their events.
    pub events: u64,
    /// The file; `None` if there was nothing to archive.
    pub path: Option<PathBuf>,
    /// Its bytes.
    pub bytes: u64,
}

/// An archive.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Archive {
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// The id of the vault that wrote it, 32 hex digits; empty if the file cannot be read.
    pub vault_id: String,
    /// When it was written.
    pub created_at: Option<Timestamp>,
    /// Issues in it, as far as it can be read.
    pub issues: u64,
    /// Events in it, as far as it can be read.
    pub events: u64,
    /// What is wrong with it.
    pub fault: Option<String>,
}

/// An issue that lies in an archive.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ArchivedIssue {
    /// The archive.
    pub path: PathBuf,
    /// The issue, as it was.
    pub issue: Issue,
}

/// A page of archived issues.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ArchivesFound {
    /// The issues, in the order asked for.
    pub issues: Vec<ArchivedIssue>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<Cursor>,
    /// Where nothing was found: keys that were taken for tags and are nearly the name of something else.
    pub doubts: Vec<Doubt>,
    /// Archives that are damaged: what they hold behind the damage was not looked at.
    pub unreadable: Vec<PathBuf>,
}

/// What came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreReport {
    /// Issues in the archive.
    pub issues: u64,
    /// Events that came back.
    pub events: u64,
    /// Events that were there already, or were removed for good meanwhile.
    pub events_known: u64,
}

impl Vault {
    /// Moves old resolved issues with all their records into one file in `archive/`.
    ///
    /// An issue that changes meanwhile stays. A new event of an archived issue brings it back with its number, its
    /// decisions and that event; [`Vault::restore`] brings the rest.
    ///
    /// ```
    /// use crashvault::{ArchiveRule, Event, Resolution, Search, Timestamp, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-archive-{}", std::process::id()));
    /// let mut vault = Vault::open(&home)?;
    /// let mut event = Event::new();
    /// event.message = Some("disk full".into());
    /// event.timestamp = Timestamp::parse("2020-01-01T00:00:00Z");
    /// vault.add(event)?;
    /// vault.resolve(&"#1".parse()?, Resolution::Now)?;
    ///
    /// let report = vault.archive(&ArchiveRule::older_than_days(90))?;
    /// assert_eq!((report.issues, report.events), (1, 1));
    /// assert!(vault.issue(&"#1".parse()?).is_err());
    ///
    /// let found = vault.search_archives(&Search::new("disk"))?;
    /// vault.restore(&found.issues[0].path)?;
    /// assert_eq!(vault.issue(&"#1".parse()?)?, found.issues[0].issue);
    /// # let _ = std::fs::remove_dir_all(&home);
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// Corrupt for an event that cannot be read, LimitReached for one of more than 64 MB, naming it: then nothing is
    /// archived. Busy, ReadOnly, Io; Unsupported in
    /// a forked child. What left the store before an error lies in the archive.
    pub fn archive(&mut self, rule: &ArchiveRule) -> Result<ArchiveReport> {
        self.lineage.check()?;
        let _chore = self.begin_chore("archive")?;
        self.refuse_full_disk("archive")?;
        let numbers = self.at_rest(rule)?;
        if numbers.is_empty() {
            return Ok(ArchiveReport::default());
        }
        let (path, exported) = self.write_archive(&numbers)?;
        let mut report = ArchiveReport::default();
        let now = self.clock.now();
        for exported in exported {
            if self.store.release(&exported, now)? {
                report.issues += 1;
                report.events += exported.events.len() as u64;
            }
        }
        if report.issues == 0 {
            // All of them have changed: what the file says is in the store, and newer.
            fs::remove_file(&path).map_err(|error| Error::io("archive", &path, error))?;
            return Ok(report);
        }
        self.store.collect(now)?;
        self.store.shrink(Effort::Words)?;
        report.bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        report.path = Some(path);
        Ok(report)
    }

    fn at_rest(&self, rule: &ArchiveRule) -> Result<Vec<u64>> {
        let before = self
            .clock
            .now()
            .saturating_add_secs(-i64::from(rule.days) * DAY_SECS);
        let mut statuses = vec![Status::Resolved];
        statuses.extend(rule.with_ignored.then_some(Status::Ignored));
        let mut numbers = Vec::new();
        for status in statuses {
            let filter = IssueFilter::default().status(status).limit(usize::MAX);
            let issues = self.store.issues(&filter)?.into_iter();
            numbers.extend(
                issues
                    .filter(|issue| issue.last_seen < before)
                    .map(|issue| issue.number),
            );
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn write_archive(&self, numbers: &[u64]) -> Result<(PathBuf, Vec<Exported>)> {
        let directory = self.archive_directory();
        let io = |error| Error::io("archive", &directory, error);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(io)?;
        let now = self.clock.now();
        let date: String = now.to_string().chars().take(10).collect();
        let name = format!("{date}-{}.{ENDING}", hex(&crate::capture::random_bytes()));
        let (path, temporary) = (
            directory.join(&name),
            directory.join(format!(".{name}.tmp")),
        );
        let written = self
            .write_records(&temporary, numbers, now)
            .and_then(|exported| {
                fs::rename(&temporary, &path).map_err(io)?;
                File::open(&directory)
                    .and_then(|file| file.sync_all())
                    .map_err(io)?;
                Ok(exported)
            });
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        Ok((path, written?))
    }

    fn write_records(&self, path: &Path, numbers: &[u64], now: Timestamp) -> Result<Vec<Exported>> {
        let io = |error| Error::io("archive", path, error);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let file = file.map_err(io)?;
        let mut writer = Writer::begin(file, path, self.settings.vault_id, now)?;
        let exported = numbers
            .iter()
            .map(|number| {
                self.store
                    .export(*number, &mut |record| writer.put(&record))
            })
            .collect::<Result<Vec<_>>>()?;
        writer.finish()?;
        Ok(exported)
    }

    fn archive_directory(&self) -> PathBuf {
        self.home.join("archive")
    }

    fn archive_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.archive_directory())
            .into_iter()
            .flatten()
            .flatten();
        let paths = entries.map(|entry| entry.path());
        let mut files: Vec<PathBuf> = paths
            .filter(|path| path.extension().is_some_and(|e| e == ENDING))
            .collect();
        files.sort_unstable();
        files
    }

    /// The archives, oldest first. Reads them whole.
    pub fn archives(&self) -> Result<Vec<Archive>> {
        Ok(self.archive_files().into_iter().map(look_at).collect())
    }

    /// The archived issues of which at least one event fits the query, page by page, as [`Vault::search`] finds those in
    /// the store. Reads every archive twice.
    ///
    /// # Errors
    /// InvalidInput for a query that cannot be read; Io.
    pub fn search_archives(&self, search: &Search) -> Result<ArchivesFound> {
        let saved = self.saved_for(search.text())?;
        let (wanted, doubts) = query::issue_search(search, &self.asking(&saved))?;
        if wanted.condition.asks_first_release() {
            let message = "firstRelease is not looked for in archives: write release: instead";
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "search archives",
                message,
            ));
        }
        let mut found = ArchivesFound::default();
        let mut hits = Vec::new();
        for path in self.archive_files() {
            let (views, is_whole) = views(&path)?;
            let mut open = views;
            let mut hit = |record: Record| {
                let Record::Event { stored, .. } = record else {
                    return Ok(());
                };
                let fitting = open
                    .get(&stored.issue)
                    .filter(|issue| fits(&wanted.condition, issue, &stored));
                if fitting.is_some()
                    && let Some(issue) = open.remove(&stored.issue)
                {
                    hits.push((wanted.order.place(&issue), path.clone(), issue));
                }
                Ok(())
            };
            let read = format::read(&path, &mut hit);
            if !is_whole || read.is_err() {
                found.unreadable.push(path.clone());
            }
        }
        let order = wanted.order;
        hits.sort_by(|(_, path, issue), (_, other_path, other)| {
            order.compare(issue, other).then(other_path.cmp(path))
        });
        match (order.sort, wanted.after) {
            (IssueSort::Title, Some(after)) => {
                let last = hits.iter().rposition(|(place, ..)| *place == after);
                hits.drain(..=last.ok_or_else(query::gone)?);
            }
            (_, after) => hits.retain(|(place, ..)| after.is_none_or(|after| *place < after)),
        }
        let has_more = hits.len() > wanted.limit;
        hits.truncate(wanted.limit);
        let last = hits.last().filter(|_| has_more).map(|(place, ..)| *place);
        found.next = last.map(|place| query::issue_cursor(wanted.order, place));
        let issues = hits
            .into_iter()
            .map(|(_, path, issue)| ArchivedIssue { path, issue });
        found.issues = issues.collect();
        if found.issues.is_empty() {
            found.doubts = doubts;
        }
        Ok(found)
    }

    /// Puts the records of an archive back into the store: the same numbers, events, counts and decisions. Doing it twice
    /// changes nothing. The file stays.
    ///
    /// # Errors
    /// Corrupt for a file that is not whole, naming it and the line: then nothing comes back. NotFound; Busy, ReadOnly,
    /// Io; Unsupported for a newer form, and in a forked child.
    pub fn restore(&mut self, path: impl AsRef<Path>) -> Result<RestoreReport> {
        self.lineage.check()?;
        let _chore = self.begin_chore("restore")?;
        self.restore_file(path.as_ref())
    }

    /// As [`Vault::restore`]; then, when everything is safe in the store, the file goes.
    ///
    /// # Errors
    /// As [`Vault::restore`].
    pub fn restore_and_remove(&mut self, path: impl AsRef<Path>) -> Result<RestoreReport> {
        self.lineage.check()?;
        let _chore = self.begin_chore("restore")?;
        let path = path.as_ref();
        let report = self.restore_file(path)?;
        self.store.sync()?;
        fs::remove_file(path).map_err(|error| Error::io("restore", path, error))?;
        Ok(report)
    }

    fn restore_file(&mut self, path: &Path) -> Result<RestoreReport> {
        self.refuse_full_disk("restore")?;
        let mut report = RestoreReport::default();
        format::read(path, &mut |_| Ok(()))?;
        let mut step = Vec::new();
        let store = &mut self.store;
        format::read(path, &mut |record| {
            let begins_issue = matches!(record, Record::Issue { .. });
            report.issues += u64::from(begins_issue);
            report.events_known += u64::from(matches!(record, Record::Event { .. }));
            // An attachment follows its event in the same transaction.
            if begins_issue
                || (step.len() >= STEP_RECORDS && !matches!(record, Record::Attachment(_)))
            {
                report.events += store.restore(&std::mem::take(&mut step))?;
            }
            step.push(record);
            Ok(())
        })?;
        report.events += self.store.restore(&step)?;
        report.events_known -= report.events;
        self.store.tend(self.clock.now())?;
        Ok(report)
    }

    /// Hashes that archives name, and how many archives cannot be read.
    pub(super) fn archives_named(&self) -> Result<(HashSet<[u8; 32]>, u64)> {
        let (mut named, mut unreadable) = (HashSet::new(), 0);
        for path in self.archive_files() {
            let read = format::read(&path, &mut |record| {
                if let Record::Attachment(attachment) = record {
                    named.insert(attachment.hash);
                }
                Ok(())
            });
            unreadable += u64::from(read.is_err());
        }
        Ok((named, unreadable))
    }

    pub(super) fn archive_findings(&self) -> Vec<Finding> {
        let faults = self
            .archive_files()
            .into_iter()
            .filter_map(|path| look_at(path).fault);
        let advice = "keep the file: what lies before the damage can be read; restore it from a backup if there is one";
        faults
            .map(|fault| Finding::new(Severity::Problem, fault, advice))
            .collect()
    }
}

fn look_at(path: PathBuf) -> Archive {
    let (mut issues, mut events) = (0, 0);
    let read = format::read(&path, &mut |record| {
        match record {
            Record::Issue { .. } => issues += 1,
            Record::Event { .. } => events += 1,
            _ => {}
        }
        Ok(())
    });
    let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
    let (head, fault) = match read {
        Ok(head) => (Some(head), None),
        Err(error) => (None, Some(error.message().to_owned())),
    };
    Archive {
        path,
        bytes,
        created_at: head.as_ref().map(|head| head.created_at),
        vault_id: head.map(|head| head.vault).unwrap_or_default(),
        issues,
        events,
        fault,
    }
}

/// The issues of an archive as they were, and whether the file is whole.
fn views(path: &Path) -> Result<(HashMap<IssueId, Issue>, bool)> {
    let mut views = HashMap::new();
    let mut present: Option<IssueView> = None;
    let mut end = |view: Option<IssueView>| {
        if let Some(issue) = view.and_then(IssueView::finish) {
            views.insert(issue.id, issue);
        }
    };
    let read = format::read(path, &mut |record| {
        if let Record::Issue {
            number,
            id,
            project,
        } = &record
        {
            end(present.replace(IssueView::new(*id, *number, project)));
        }
        if let Some(view) = &mut present {
            view.add(&record);
        }
        Ok(())
    });
    end(present);
    match read {
        Ok(_) => Ok((views, true)),
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported) => {
            Ok((views, false))
        }
        Err(error) => Err(error),
    }
}
