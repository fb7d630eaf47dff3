//! What a vault holds, what it has lost, and what is wrong with it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::door::Vault;
use super::home;
use super::settings::Setting;
use crate::error::Result;
use crate::event::EventId;
use crate::ingest;
use crate::journal;

/// What a vault holds and has lost. Bytes are bytes on disk.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VaultStatus {
    /// The vault's directory.
    pub directory: PathBuf,
    /// The vault's id, 32 hex digits.
    pub vault_id: String,
    /// The store's format.
    pub format: u32,
    /// Whether it cannot be written.
    pub is_read_only: bool,
    /// Events in the store.
    pub event_count: u64,
    /// Issues in the store.
    pub issue_count: u64,
    /// Projects in the store.
    pub project_count: u64,
    /// Events in the journal that are not in the store yet.
    pub waiting_count: u64,
    /// Programs that have the journal open now.
    pub writers_alive: u64,
    /// Captures thinned out of floods (a lower bound).
    pub throttled_count: u64,
    /// Captures left out by a sample rate (a lower bound).
    pub sampled_count: u64,
    /// Events that a `before_send` dropped (a lower bound).
    pub refused_count: u64,
    /// Captures that could not be written (a lower bound).
    pub lost_count: u64,
    /// Why captures are being lost, and what to do.
    pub last_failure: Option<String>,
    /// Damaged places that were passed over in the journal.
    pub torn_count: u64,
    /// Journal files or frames that this version cannot read; they are kept.
    pub unreadable_count: u64,
    /// Bytes of `vault.db` with its log.
    pub store_bytes: u64,
    /// Bytes of `journal/`.
    pub journal_bytes: u64,
    /// Bytes that `symbols/` keeps alive.
    pub symbols_bytes: u64,
    /// Bytes of `attachments/`.
    pub attachments_bytes: u64,
    /// Bytes of `archive/`.
    pub archive_bytes: u64,
    /// Bytes of `store_bytes` that the next events fill first.
    pub store_free_bytes: u64,
    /// Bytes of `store_bytes` that are payloads.
    pub payload_bytes: u64,
    /// Bytes that the file system has left; `None` where it does not say.
    pub disk_free_bytes: Option<u64>,
    /// Whether that is less than `space.free_min_mb`: events stay in the journal until there is room.
    pub is_disk_full: bool,
    /// The settings and where each came from.
    pub settings: Vec<Setting>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// As it should be.
    Fine,
    /// Worth knowing.
    Notice,
    /// Something is wrong.
    Problem,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fine => "fine",
            Self::Notice => "notice",
            Self::Problem => "problem",
        })
    }
}

/// One thing a doctor looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub what: String,
    /// What to do; empty if nothing.
    pub advice: String,
}

impl Finding {
    /// A finding; the advice is empty if there is nothing to do.
    pub fn new(severity: Severity, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            severity,
            what: what.into(),
            advice: advice.into(),
        }
    }
}

impl Vault {
    /// What the vault holds and has lost, without draining.
    pub fn status(&self) -> Result<VaultStatus> {
        let stats = self.store.stats()?;
        let counters = self.store.counters()?;
        let counter = |name: &str| counters.get(name).copied().unwrap_or_default();
        let journal = self.home.join("journal");
        let waited = ingest::count_waiting(&journal, &*self.store)?;
        let mut status = VaultStatus {
            directory: self.home.clone(),
            vault_id: EventId::from_bytes(self.settings.vault_id).to_string(),
            format: stats.schema_version,
            is_read_only: self.is_read_only,
            event_count: stats.events,
            issue_count: stats.issues,
            project_count: stats.projects,
            waiting_count: waited.events,
            writers_alive: waited.writers_alive,
            throttled_count: counter("throttled"),
            sampled_count: counter("sampled"),
            refused_count: counter("refused"),
            lost_count: counter("lost") + waited.lost_count,
            last_failure: last_errno(waited.last_errno, &counters).map(|errno| {
                let error = std::io::Error::from_raw_os_error(errno as i32);
                format!("{error}; {}", journal::write_failure_hint(errno))
            }),
            torn_count: counter("torn"),
            unreadable_count: waited.unreadable_count + waited.foreign_count,
            store_bytes: stats.disk_bytes,
            journal_bytes: waited.journal_bytes,
            symbols_bytes: journal::directory_bytes(&self.home.join("symbols")),
            store_free_bytes: stats.free_bytes,
            payload_bytes: stats.payload_bytes,
            settings: self.settings.shown.clone(),
            ..VaultStatus::default()
        };
        self.add_space(&mut status);
        Ok(status)
    }

    /// Looks at everything that can go wrong with the vault and says what to do. Reads the whole store.
    ///
    /// # Errors
    /// Only what keeps it from looking at all.
    pub fn doctor(&self) -> Result<Vec<Finding>> {
        let mut findings = vec![self.writable()];
        let status = self.status()?;
        findings.extend(self.store_findings()?);
        findings.extend(self.space_findings()?);
        findings.extend(self.settings.faults.iter().map(|fault| {
            let advice = match fault.ends_with(super::group_rules::LEFT_OUT) {
                true => "correct it; `crashvault group-rules test` tries it",
                false => "correct it; the default is used until then",
            };
            Finding::new(Severity::Problem, fault.clone(), advice)
        }));
        findings.extend(self.saved_searches().err().map(|error| {
            let advice = "correct it, or move it away; until then no @name is understood";
            Finding::new(Severity::Problem, error.message().to_owned(), advice)
        }));
        findings.extend(self.reports().err().map(|error| {
            let advice =
                "move it away; until then nothing is reported there, and then all events anew";
            Finding::new(Severity::Problem, error.message().to_owned(), advice)
        }));
        findings.extend(journal_findings(&self.home.join("journal"), &status));
        findings.extend(surroundings(&self.home));
        Ok(findings)
    }

    /// Looks at a vault that does not open: what can be seen of it without its store. Leaves nothing behind.
    ///
    /// Why it does not open is what [`VaultOptions::open`](super::VaultOptions::open) said and is not among the findings.
    pub fn doctor_unopened(directory: impl AsRef<Path>) -> Vec<Finding> {
        let home = directory.as_ref();
        let mut findings = Vec::new();
        // Only where there is a vault: its traces must not be the doctor's.
        if home.join("vault.db").exists() {
            findings.push(writable(home));
            findings.extend(journal_faults(&home.join("journal")));
        }
        findings.extend(surroundings(home));
        findings
    }

    /// Whether a directory holds what Crashvault 1 wrote (`issues.json`, `events/`). Only looks.
    pub fn has_v1_data(directory: impl AsRef<Path>) -> bool {
        has_v1_data(directory.as_ref())
    }

    /// Whether issues of Crashvault 1 were imported: what is captured in the same words joins them.
    ///
    /// # Errors
    /// Busy, Io, Corrupt.
    pub fn has_imported_v1(&self) -> Result<bool> {
        self.store.has_legacy()
    }

    /// A directory that can be written does not make its files so.
    fn writable(&self) -> Finding {
        let found = writable(&self.home);
        if !self.is_read_only || found.severity == Severity::Problem {
            return found;
        }
        let what = format!(
            "vault.db in {} cannot be written; what is captured waits in the journal",
            self.home.display()
        );
        let advice = "let this user own the vault's files";
        Finding::new(Severity::Problem, what, advice)
    }

    fn store_findings(&self) -> Result<Vec<Finding>> {
        let found = self.store.check()?;
        if found.is_empty() {
            return Ok(vec![Finding::new(Severity::Fine, "vault.db is whole", "")]);
        }
        let advice = "keep a copy of the vault's directory before anything else";
        Ok(found
            .into_iter()
            .map(|what| Finding::new(Severity::Problem, format!("vault.db: {what}"), advice))
            .collect())
    }
}

/// Why captures were lost: what living writers say, else the most frequent of the reasons that were drained.
fn last_errno(waiting: u32, counters: &BTreeMap<String, u64>) -> Option<u32> {
    if waiting != 0 {
        return Some(waiting);
    }
    let reasons = counters.iter().filter_map(|(name, count)| {
        let errno: u32 = name.strip_prefix("lost_errno:")?.parse().ok()?;
        (errno != 0).then_some((*count, errno))
    });
    Some(reasons.max()?.1)
}

fn writable(home: &Path) -> Finding {
    let place = home.display();
    match home::probe(home) {
        Ok(()) => Finding::new(Severity::Fine, format!("{place} can be written"), ""),
        Err(error) => {
            let hint = journal::write_failure_hint(error.raw_os_error().unwrap_or_default() as u32);
            let what = format!(
                "{place} cannot be written: {error}; programs that capture here lose their events"
            );
            Finding::new(Severity::Problem, what, hint)
        }
    }
}

/// What lies around a vault and in its way.
fn surroundings(home: &Path) -> impl Iterator<Item = Finding> {
    [
        file_system_finding(home),
        permissions_finding(home),
        v1_finding(home),
        fallback_finding(home),
    ]
    .into_iter()
    .flatten()
}

/// Journal files that cannot be read.
fn journal_faults(directory: &Path) -> Vec<Finding> {
    let segments = journal::list(directory).unwrap_or_default();
    let faults = segments.iter().filter_map(|segment| segment.header().err());
    let advice = "the file is kept; move it away if it is not wanted";
    faults
        .map(|fault| Finding::new(Severity::Problem, fault.to_string(), advice))
        .collect()
}

fn journal_findings(directory: &Path, status: &VaultStatus) -> Vec<Finding> {
    let mut findings = journal_faults(directory);
    if status.waiting_count > 0 {
        let what = format!("{} events wait in the journal", status.waiting_count);
        findings.push(Finding::new(
            Severity::Notice,
            what,
            "any reading command takes them in, `crashvault list --wait` all of them",
        ));
    }
    if status.lost_count > 0 {
        let why = status
            .last_failure
            .as_deref()
            .unwrap_or("the reason was not kept");
        let what = format!("{} captures could not be written: {why}", status.lost_count);
        findings.push(Finding::new(
            Severity::Problem,
            what,
            "see the reason; new captures are kept as soon as it is gone",
        ));
    }
    if status.torn_count > 0 {
        let what = format!(
            "{} damaged places in the journal were passed over",
            status.torn_count
        );
        findings.push(Finding::new(
            Severity::Notice,
            what,
            "usual after a full disk or a power cut; everything around them was kept",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::new(
            Severity::Fine,
            "the journal is drained and whole",
            "",
        ));
    }
    findings
}

/// SQLite's write-ahead log needs shared memory, which network file systems do not give (sqlite.org/wal.html).
fn file_system_finding(home: &Path) -> Option<Finding> {
    let kind = file_system(home)?;
    let is_unsafe = [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "9p",
        "vboxsf",
        "fuse.sshfs",
        "afs",
        "ceph",
    ]
    .contains(&kind.as_str());
    is_unsafe.then(|| {
        let what = format!(
            "{} lies on {kind}, where several machines or a host and its guest must not share it",
            home.display()
        );
        Finding::new(
            Severity::Problem,
            what,
            "set CRASHVAULT_HOME to a local file system",
        )
    })
}

/// The kind of the file system that holds `path`: the longest mount point above it.
fn file_system(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (_, place, kind) = (fields.next()?, fields.next()?, fields.next()?);
        path.starts_with(place)
            .then(|| (place.len(), kind.to_owned()))
    });
    Some(mounts.max_by_key(|(length, _)| *length)?.1)
}

fn permissions_finding(home: &Path) -> Option<Finding> {
    use std::os::unix::fs::MetadataExt;
    let is_vault = home.join("vault.toml").exists() || home.join("journal").is_dir();
    let mode = std::fs::metadata(home).ok()?.mode() & 0o777;
    (is_vault && mode & 0o077 != 0).then(|| {
        let what = format!("{} is open to others (mode {mode:o})", home.display());
        Finding::new(
            Severity::Notice,
            what,
            format!("chmod 700 {}", home.display()),
        )
    })
}

fn v1_finding(home: &Path) -> Option<Finding> {
    has_v1_data(home).then(|| {
        let what = format!(
            "{} also holds data of Crashvault 1 (issues.json, events/)",
            home.display()
        );
        Finding::new(
            Severity::Notice,
            what,
            format!(
                "`crashvault import {}` takes it in, once however often it is done; it is left as it is",
                home.display()
            ),
        )
    })
}

/// Whether a directory holds what the Python program of version 1 wrote.
pub(crate) fn has_v1_data(home: &Path) -> bool {
    home.join("issues.json").is_file()
        || (home.join("events").is_dir() && home.join("config.json").is_file())
}

fn fallback_finding(home: &Path) -> Option<Finding> {
    let fallback = home::fallback()
        .filter(|fallback| fallback != home && fallback.join("journal").is_dir())?;
    let what = format!(
        "programs that could not write their vault wrote to {} instead",
        fallback.display()
    );
    Some(Finding::new(
        Severity::Notice,
        what,
        format!("crashvault --vault {} list", fallback.display()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_losses_outlives_their_writers() {
        let check = |waiting, counters: &[(&str, u64)], expected| {
            let counters = counters
                .iter()
                .map(|(name, count)| ((*name).into(), *count));
            assert_eq!(last_errno(waiting, &counters.collect()), expected);
        };
        check(0, &[("lost", 3)], None);
        check(0, &[("lost_errno:28", 3), ("lost_errno:5", 1)], Some(28));
        check(30, &[("lost_errno:28", 3)], Some(30));
        check(0, &[("lost_errno:0", 9), ("lost_errno:x", 9)], None);
    }
}
