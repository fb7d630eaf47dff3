//! Everything that version 1 left, one after the other: numbers, events, what was decided, files.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use super::super::attach::{BYTES_MAX, NewAttachment, too_large};
use super::super::door::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX, Vault};
use super::decided;
use super::{V1Options, V1Remark, V1Report};
use crate::error::{ErrorKind, Result};
use crate::event::{Event, EventId, Level};
use crate::export::v1::{OldEvent, OldIssue, OldKind, Source, id_of};
use crate::group::{self, LegacyFingerprint};
use crate::ingest::Origin;
use crate::issue::{IssueId, IssueRef, SEVERITIES};
use crate::store::Batch;
use crate::time::Timestamp;

/// Issues whose decisions are recorded in one transaction.
const DECISIONS_MAX: usize = 512;

/// An import on its way.
pub(super) struct Importer<'v> {
    /// `None`: a vault that is not there yet.
    vault: Option<&'v mut Vault>,
    project: String,
    keep: bool,
    report: V1Report,
    batch: Batch,
    batch_bytes: usize,
    /// Events made here, which nobody counts as version 1's.
    made: HashSet<EventId>,
    has_new: bool,
    /// The fingerprints of the issues in version 1's list.
    listed: HashSet<LegacyFingerprint>,
    /// What the source's events say about their issues.
    seen: HashMap<LegacyFingerprint, Seen>,
}

/// What the events of one issue say together.
pub(super) struct Seen {
    /// When the last one happened.
    pub(super) last: Timestamp,
    /// The title that version 1 gave the issue.
    pub(super) title: String,
}

impl<'v> Importer<'v> {
    pub(super) fn new(vault: Option<&'v mut Vault>, options: &V1Options) -> Self {
        Self {
            keep: vault.is_some() && !options.dry_run,
            vault,
            project: options.project.clone(),
            report: V1Report::default(),
            batch: Batch::default(),
            batch_bytes: 0,
            made: HashSet::new(),
            has_new: false,
            listed: HashSet::new(),
            seen: HashMap::new(),
        }
    }

    pub(super) fn run(mut self, mut source: Source) -> Result<V1Report> {
        let numbers = self.number(&source.issues)?;
        source.events(&mut |old| self.event(old))?;
        self.empty_issues(&source)?;
        self.commit()?;
        self.decide(&source, &numbers)?;
        self.attachments(&mut source)?;
        self.commit()?;
        if self.has_new {
            let now = self.now();
            if let Some(vault) = &mut self.vault {
                vault.store.tend(now)?;
            }
        }
        self.report.skipped.append(&mut source.skipped);
        self.report.changed.append(&mut source.changed);
        Ok(self.report)
    }

    fn now(&self) -> Timestamp {
        self.vault
            .as_ref()
            .map_or_else(Timestamp::now, |vault| vault.clock.now())
    }

    fn id(&self, fingerprint: LegacyFingerprint) -> IssueId {
        group::issue_id(&self.project, &fingerprint.grouping().variant)
    }

    /// The numbers the issues get, in their order.
    fn number(&mut self, issues: &[OldIssue]) -> Result<Vec<u64>> {
        let wishes = issues.iter().map(|issue| {
            let wish = issue.number.and_then(|number| u64::try_from(number).ok());
            (self.id(issue.fingerprint), wish)
        });
        let wishes: Vec<_> = wishes.collect();
        let numbers = match &mut self.vault {
            Some(vault) => vault
                .store
                .number_legacy(&self.project, &wishes, self.keep)?,
            None => numbers_alone(&wishes),
        };
        self.listed = issues.iter().map(|issue| issue.fingerprint).collect();
        for ((_, wish), (number, is_new)) in wishes.iter().zip(&numbers) {
            self.report.issue_count += 1;
            self.report.issues_new += u64::from(*is_new);
            if let Some(wish) = wish.filter(|wish| wish != number) {
                self.report.renumbered.push((wish, *number));
            }
        }
        Ok(numbers.into_iter().map(|(number, _)| number).collect())
    }

    fn event(&mut self, mut old: OldEvent) -> Result<()> {
        let now = self.now();
        let time = *old.event.timestamp.get_or_insert(now);
        match old.kind {
            OldKind::Event => {
                self.report.event_count += 1;
                let fingerprint = old.fingerprint;
                match self.seen.get_mut(&fingerprint) {
                    Some(seen) => seen.last = seen.last.max(time),
                    None => {
                        let title = old.title;
                        self.seen.insert(fingerprint, Seen { last: time, title });
                        self.count_lost(fingerprint);
                    }
                }
                self.put(old.event, Some(fingerprint))
            }
            OldKind::Other(_) => {
                self.report.note_count += 1;
                self.put(old.event, None)
            }
        }
    }

    /// Keeps an event, in the issue of that fingerprint or, without one, where it belongs.
    fn put(&mut self, mut event: Event, fingerprint: Option<LegacyFingerprint>) -> Result<()> {
        event.set_own("project", self.project.as_str());
        let id = event.event_id;
        let Some(vault) = self.vault.as_mut().filter(|_| self.keep) else {
            let is_known = match &self.vault {
                Some(vault) => has_event(vault, id)?,
                None => false,
            };
            self.report.events_new += u64::from(!is_known && !self.made.contains(&id));
            return Ok(());
        };
        let origin = Origin::handed_in(vault.clock.now());
        let new = match fingerprint {
            Some(fingerprint) => vault.walk.digest_legacy(event, fingerprint, origin),
            None => vault.walk.digest(event, &[], origin),
        };
        let packed = vault.store.pack(new)?;
        self.batch_bytes += packed.bytes();
        self.batch.events.push(packed);
        if self.batch.events.len() >= BATCH_EVENTS_MAX || self.batch_bytes >= BATCH_BYTES_MAX {
            self.commit()?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let Some(vault) = self.vault.as_mut().filter(|_| !batch.events.is_empty()) else {
            return Ok(());
        };
        let added = vault.add_batch(batch)?;
        for added in added.iter().filter(|added| !added.is_known) {
            self.has_new = true;
            let is_made = self.made.contains(&added.event_id);
            self.report.events_new += u64::from(!is_made);
        }
        Ok(())
    }

    /// An issue that the list had lost: two writers at once overwrote each other's.
    fn count_lost(&mut self, fingerprint: LegacyFingerprint) {
        if !self.listed.contains(&fingerprint) {
            let is_new = !self.is_there(&self.id(fingerprint));
            self.report.issue_count += 1;
            self.report.issues_new += u64::from(is_new);
        }
    }

    fn is_there(&self, issue: &IssueId) -> bool {
        let vault = self.vault.as_ref();
        vault.is_some_and(|vault| vault.store.issue(&IssueRef::Id(*issue)).is_ok())
    }

    /// An issue is shown by its events: one that has none left gets one that says so.
    fn empty_issues(&mut self, source: &Source) -> Result<()> {
        for issue in &source.issues {
            if !self.seen.contains_key(&issue.fingerprint)
                && !self.is_there(&self.id(issue.fingerprint))
            {
                self.report.synthetic_count += 1;
                let event = synthetic(issue, &self.project, self.now());
                self.made.insert(event.event_id);
                self.put(event, Some(issue.fingerprint))?;
            }
        }
        Ok(())
    }

    fn decide(&mut self, source: &Source, numbers: &[u64]) -> Result<()> {
        let now = self.now();
        let severities = match &self.vault {
            Some(vault) => vault.settings.severities.clone(),
            None => SEVERITIES.map(str::to_owned).to_vec(),
        };
        let mut decisions = Vec::new();
        for (issue, number) in source.issues.iter().zip(numbers) {
            let id = self.id(issue.fingerprint);
            let known = match &self.vault {
                Some(vault) => vault.store.activities(&id)?,
                None => Vec::new(),
            };
            let wanted = decided::wanted(issue, self.seen.get(&issue.fingerprint), *number, now);
            let (missing, refused) = decided::missing(id, wanted, &known, &severities);
            for reason in refused {
                let path = format!("issue {}", issue.name());
                self.report.changed.push(V1Remark { path, reason });
            }
            self.report.decision_count += missing.len() as u64;
            decisions.extend(missing);
            if decisions.len() >= DECISIONS_MAX {
                self.act(&mut decisions)?;
            }
        }
        self.act(&mut decisions)
    }

    fn act(&mut self, decisions: &mut Vec<crate::store::Decision>) -> Result<()> {
        let decisions = std::mem::take(decisions);
        if self.keep
            && let Some(vault) = &mut self.vault
        {
            vault.store.act(&decisions)?;
        }
        Ok(())
    }

    /// Each file gets an event and an issue of its own, as a note would: it was linked to none.
    fn attachments(&mut self, source: &mut Source) -> Result<()> {
        let bytes_max = match &self.vault {
            Some(vault) => vault.settings.attachment_bytes_max,
            None => BYTES_MAX,
        };
        for (path, name) in source.attachments() {
            let metadata = std::fs::metadata(&path);
            // A file that is too large is not read into memory to find that out.
            if let Ok(metadata) = &metadata
                && metadata.len() > bytes_max
            {
                self.report.attachment_count += 1;
                self.skip(&path, too_large(metadata.len(), bytes_max));
                continue;
            }
            let written_at = metadata.and_then(|metadata| metadata.modified());
            let read = std::fs::read(&path).and_then(|bytes| Ok((bytes, written_at?)));
            let (bytes, written_at) = match read {
                Ok(read) => read,
                Err(error) => {
                    self.skip(&path, error.to_string());
                    continue;
                }
            };
            self.report.attachment_count += 1;
            let since = written_at
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap_or_default();
            let at = Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
            self.attachment(&path, &name, bytes, at)?;
        }
        Ok(())
    }

    fn attachment(&mut self, path: &Path, name: &str, bytes: Vec<u8>, at: Timestamp) -> Result<()> {
        let event = holder(name, at);
        let id = event.event_id;
        let hash = *blake3::hash(&bytes).as_bytes();
        if let Some(vault) = &mut self.vault {
            let known = vault.store.attachments(id)?;
            if known.iter().any(|known| known.hash == hash) {
                return Ok(());
            }
            if self.keep {
                match vault.attach(id, &NewAttachment::new(name, bytes)) {
                    Ok(_) => {}
                    Err(error)
                        if matches!(
                            error.kind(),
                            ErrorKind::LimitReached | ErrorKind::Conflict
                        ) =>
                    {
                        self.skip(path, error.message().to_owned());
                        return Ok(());
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        self.report.attachments_new += 1;
        self.made.insert(id);
        self.put(event, None)
    }

    fn skip(&mut self, path: &Path, reason: String) {
        let path = path.display().to_string();
        self.report.skipped.push(V1Remark { path, reason });
    }
}

fn has_event(vault: &Vault, id: EventId) -> Result<bool> {
    match vault.store.event(id) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// What a vault without any issue would give.
fn numbers_alone(wishes: &[(IssueId, Option<u64>)]) -> Vec<(u64, bool)> {
    let mut taken = BTreeSet::new();
    let mut numbers: Vec<Option<u64>> = Vec::with_capacity(wishes.len());
    for (_, wish) in wishes {
        numbers.push(wish.filter(|wish| taken.insert(*wish)));
    }
    let mut last = taken.last().copied().unwrap_or(0);
    let numbers = numbers.into_iter().map(|number| {
        let number = number.unwrap_or_else(|| {
            last += 1;
            last
        });
        (number, true)
    });
    numbers.collect()
}

fn synthetic(issue: &OldIssue, project: &str, now: Timestamp) -> Event {
    let mut event = Event::new();
    let content = format!("{project}\n{}", issue.fingerprint);
    event.event_id = id_of("synthetic", content.as_bytes());
    event.platform = "other".into();
    event.message = Some(issue.title.clone());
    event.level = match issue.severity.as_deref() {
        Some("low") => Level::Info,
        Some("medium") => Level::Warning,
        Some("critical") => Level::Fatal,
        _ => Level::Error,
    };
    event.timestamp = Some(issue.created_at.unwrap_or(now));
    event.tags = issue.tags.iter().cloned().collect();
    let own = serde_json::json!({
        "fingerprint": issue.fingerprint.to_string(),
        "issue_id": issue.number,
        "is_synthetic": true,
    });
    event.set_own("v1", own);
    event
}

fn holder(name: &str, at: Timestamp) -> Event {
    let mut event = Event::new();
    event.event_id = id_of("attachment", name.as_bytes());
    event.platform = "other".into();
    event.level = Level::Info;
    event.message = Some(format!("Attachment of Crashvault 1: {name}"));
    event.timestamp = Some(at);
    // An issue of its own: retention keeps the newest event of each, and what hangs on it.
    event.fingerprint = vec!["attachment of Crashvault 1".into(), name.into()];
    event
}
