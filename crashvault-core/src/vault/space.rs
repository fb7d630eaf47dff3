//! Where the bytes of a vault are, and how many the disk has left.

use std::fs;
use std::io;
use std::path::Path;

use super::attach;
use super::door::Vault;
use super::status::{Finding, Severity, VaultStatus};
use crate::capture::free_bytes;
use crate::error::{Error, ErrorKind, Result};
use crate::journal;

/// Records read together.
const STEP_RECORDS: usize = 1000;
/// Attachments that are named one by one; the rest are counted.
const FINDINGS_MAX: usize = 20;

/// Where the bytes of a vault are: bytes on disk, unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpaceReport {
    /// Each table of `vault.db` with its indexes, largest first.
    pub tables: Vec<(String, u64)>,
    /// `vault.db` with its log.
    pub store_bytes: u64,
    /// Bytes of `store_bytes` that the next events fill first.
    pub store_free_bytes: u64,
    /// Bytes of all payloads as stored; what they share (stacks, dictionaries) left out.
    pub payload_bytes: u64,
    /// Contents of attachments.
    pub attachments_bytes: u64,
    /// Archives of old issues.
    pub archive_bytes: u64,
    /// Events that are not in the store yet.
    pub journal_bytes: u64,
    /// Programs kept for their symbols.
    pub symbols_bytes: u64,
    /// What the file system has left; `None` where it does not say.
    pub disk_free_bytes: Option<u64>,
}

impl Vault {
    /// Where the vault's bytes are. Looks at every page of the store.
    ///
    /// # Errors
    /// Corrupt, Busy, Io.
    pub fn space(&self) -> Result<SpaceReport> {
        let stats = self.store.stats()?;
        Ok(SpaceReport {
            tables: self.store.tables()?,
            store_bytes: stats.disk_bytes,
            store_free_bytes: stats.free_bytes,
            payload_bytes: stats.payload_bytes,
            attachments_bytes: attachments_bytes(&self.home),
            archive_bytes: journal::directory_bytes(&self.home.join("archive")),
            journal_bytes: journal::directory_bytes(&self.home.join("journal")),
            symbols_bytes: journal::directory_bytes(&self.home.join("symbols")),
            disk_free_bytes: free_bytes(&self.home),
        })
    }

    /// Refuses work that would fill the disk: the last of it belongs to the programs that run here.
    ///
    /// # Errors
    /// Io, retryable: the disk is as good as full.
    pub(super) fn refuse_full_disk(&self, operation: &'static str) -> Result<()> {
        let min = self.settings.free_bytes_min;
        let Some(free) = free_bytes(&self.home).filter(|free| *free < min) else {
            return Ok(());
        };
        let message = format!("{}; {}", self.low(free), ADVICE);
        // As the system says it: so the error answers that a retry can help.
        let full = io::Error::from(io::ErrorKind::StorageFull);
        Err(Error::new(ErrorKind::Io, operation, message)
            .with_context("path", self.home.display())
            .with_context("free_bytes", free)
            .with_source(full))
    }

    fn low(&self, free: u64) -> String {
        format!(
            "{} MB are free at {} and space.free_min_mb keeps {} MB",
            free / MEGABYTE,
            self.home.display(),
            self.settings.free_bytes_min / MEGABYTE,
        )
    }

    /// What of the status is about room.
    pub(super) fn add_space(&self, status: &mut VaultStatus) {
        status.attachments_bytes = attachments_bytes(&self.home);
        status.archive_bytes = journal::directory_bytes(&self.home.join("archive"));
        status.disk_free_bytes = free_bytes(&self.home);
        status.is_disk_full = self.refuse_full_disk("status").is_err();
    }

    pub(super) fn space_findings(&self) -> Result<Vec<Finding>> {
        let mut findings = self.attachment_findings()?;
        findings.extend(self.archive_findings());
        if let Some(free) =
            free_bytes(&self.home).filter(|free| *free < self.settings.free_bytes_min)
        {
            let what = format!("{}: events stay in the journal", self.low(free));
            findings.push(Finding::new(Severity::Problem, what, ADVICE));
        }
        Ok(findings)
    }

    /// Reads every attachment's content.
    fn attachment_findings(&self) -> Result<Vec<Finding>> {
        let (mut findings, mut more, mut reached) = (Vec::new(), 0, 0);
        let mut last_good = None;
        loop {
            let step = self.store.attachments_behind(reached, STEP_RECORDS)?;
            let Some(last) = step.last() else { break };
            reached = last.id;
            for attachment in step {
                let path = attach::file_of(&self.home, &attachment.hash);
                if last_good == Some(attachment.hash)
                    || attach::holds(&path, &attachment.hash, attachment.size_bytes)
                {
                    last_good = Some(attachment.hash);
                    continue;
                }
                if findings.len() >= FINDINGS_MAX {
                    more += 1;
                    continue;
                }
                let fault = if path.exists() {
                    "does not hold what its name says"
                } else {
                    "is missing"
                };
                let what = format!(
                    "{} {fault}; event {} names it as '{}'",
                    path.display(),
                    attachment.event,
                    attachment.name
                );
                findings.push(Finding::new(
                    Severity::Problem,
                    what,
                    "attaching the file again heals it",
                ));
            }
        }
        if more > 0 {
            let what = format!("… and {more} more attachments");
            findings.push(Finding::new(Severity::Problem, what, ""));
        }
        Ok(findings)
    }
}

const MEGABYTE: u64 = 1024 * 1024;
const ADVICE: &str =
    "free some space, let old events leave with `crashvault prune`, or lower space.free_min_mb";

fn attachments_bytes(home: &Path) -> u64 {
    let directories = fs::read_dir(attach::directory(home))
        .into_iter()
        .flatten()
        .flatten();
    directories
        .map(|entry| journal::directory_bytes(&entry.path()))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::scratch::scratch;
    use crate::{EventId, NewAttachment};

    #[test]
    fn a_full_disk_is_left_alone_and_told() {
        let home = scratch();
        Vault::open(home.path()).unwrap().add(Event::new()).unwrap();
        let settings = home.path().join("vault.toml");
        let text = fs::read_to_string(&settings).unwrap();
        fs::write(
            &settings,
            format!("{text}[space]\nfree_min_mb = 1000000000\n"),
        )
        .unwrap();
        let mut vault = Vault::open(home.path()).unwrap();
        let check = |done: Result<()>| {
            let error = done.unwrap_err();
            assert!(error.is_retryable(), "{error}");
            assert!(
                error
                    .message()
                    .contains("space.free_min_mb keeps 1000000000 MB"),
                "{error}"
            );
        };
        check(vault.add(Event::new()).map(drop));
        check(
            vault
                .attach(EventId::from_bytes([1; 16]), &NewAttachment::new("a", "x"))
                .map(drop),
        );
        check(vault.rebuild().map(drop));
        // Nothing waits: nothing is refused. Reading goes on.
        vault.drain_all().unwrap();
        assert_eq!(vault.status().unwrap().event_count, 1);
        assert!(vault.status().unwrap().is_disk_full);
        let findings = vault.doctor().unwrap();
        assert!(
            findings
                .iter()
                .any(|finding| finding.what.contains("free_min_mb"))
        );
    }

    struct Nothing;

    impl journal::Preamble for Nothing {
        fn process(&self, _: &mut Vec<u8>) {}

        fn modules(&self, _: &mut Vec<u8>) -> u64 {
            1
        }
    }

    /// Puts one event into the journal.
    fn capture(home: &Path) {
        let writer = journal::Journal::new(
            home.join("journal"),
            journal::Limits::default(),
            journal::Identity::default(),
            Box::new(Nothing),
            || [7; 16],
        );
        let entry = journal::Entry {
            kind: journal::Kind::Event,
            flags: journal::Flags::default(),
            id: [1; 16],
            durability: journal::Durability::Process,
            modules_generation: 1,
        };
        let mut frame = [0; journal::FRAME_HEADER_BYTES];
        writer.append(&mut frame, entry).unwrap();
        writer.close().unwrap();
    }

    #[test]
    fn events_stay_in_the_journal_until_there_is_room() {
        let home = scratch();
        let settings = home.path().join("vault.toml");
        fs::write(&settings, "[space]\nfree_min_mb = 1000000000\n").unwrap();
        capture(home.path());
        let mut vault = Vault::open(home.path()).unwrap();
        let error = vault.drain_all().unwrap_err();
        assert!(error.is_retryable(), "{error}");
        assert_eq!(vault.status().unwrap().waiting_count, 1);
        fs::write(&settings, "").unwrap();
        let mut vault = Vault::open(home.path()).unwrap();
        assert_eq!(vault.drain_all().unwrap().events_new, 1);
    }

    #[test]
    fn bytes_are_told_by_place() {
        let home = scratch();
        let mut vault = Vault::open(home.path()).unwrap();
        let event = vault.add(Event::new()).unwrap().event_id;
        vault
            .attach(event, &NewAttachment::new("a", "content"))
            .unwrap();
        let space = vault.space().unwrap();
        assert!(
            space
                .tables
                .iter()
                .any(|(name, bytes)| name == "event_payload" && *bytes > 0)
        );
        let sum: u64 = space.tables.iter().map(|(_, bytes)| bytes).sum();
        assert!(sum <= space.store_bytes);
        assert!(space.attachments_bytes > 0 && space.payload_bytes > 0);
        assert_eq!(
            vault.status().unwrap().attachments_bytes,
            space.attachments_bytes
        );
        assert!(space.disk_free_bytes.is_some());
    }

    #[test]
    fn a_doctor_finds_attachments_that_are_gone_or_changed() {
        let home = scratch();
        let mut vault = Vault::open(home.path()).unwrap();
        let event = EventId::from_bytes([1; 16]);
        let [gone, changed, whole] = ["gone", "changed", "whole"].map(|name| {
            vault
                .attach(event, &NewAttachment::new(name, name))
                .unwrap()
        });
        assert!(vault.space_findings().unwrap().is_empty());
        fs::remove_file(attach::file_of(home.path(), &gone.hash)).unwrap();
        let path = |attachment: &crate::Attachment| attach::file_of(home.path(), &attachment.hash);
        fs::copy(path(&whole), path(&changed)).unwrap();
        let findings = vault.space_findings().unwrap();
        assert_eq!(findings.len(), 2);
        assert!(findings[0].what.contains("missing") && findings[1].what.contains("does not hold"));
    }
}
