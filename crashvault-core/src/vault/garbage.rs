//! What a vault no longer needs: contents, texts and stacks that nothing names, and what killed processes left.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::attach;
use super::door::Vault;
use crate::error::Result;
use crate::store::{Effort, hex};

/// Files that were touched less than so long ago may belong to somebody who has not come to naming them.
const AGE_MIN: Duration = Duration::from_secs(3600);
/// Records read together.
const STEP_RECORDS: usize = 1000;

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GarbageReport {
    /// Contents of attachments that no event and no archive names.
    pub attachments_removed: u64,
    /// Names and values that no event has any more.
    pub texts_removed: u64,
    /// Stacks that no event has any more.
    pub stacks_removed: u64,
    /// Dictionaries that no payload needs any more.
    pub dictionaries_removed: u64,
    /// Half-written files of processes that were killed.
    pub temporaries_removed: u64,
    /// Bytes that the disk got back.
    pub bytes_freed: u64,
    /// Archives that cannot be read. As long as there are any, no attachment is removed: they may name it.
    pub archives_unreadable: u64,
}

impl Vault {
    /// Removes what nothing names any more: contents of attachments, values, stacks, dictionaries, and what rebuilds and
    /// writers left that were killed. Files younger than an hour stay.
    ///
    /// # Errors
    /// Busy if another process rebuilds, prunes or archives; ReadOnly, Corrupt, Io; Unsupported in a forked child.
    pub fn collect_garbage(&mut self) -> Result<GarbageReport> {
        self.lineage.check()?;
        let _chore = self.begin_chore("collect garbage")?;
        let before = self.store.stats()?.disk_bytes;
        let collected = self.store.collect(self.clock.now())?;
        self.store.shrink(Effort::Log)?;
        let unreadable = self.archives_named()?.1;
        let (attachments, attachment_bytes) = self.sweep_attachments()?;
        let (temporaries, temporary_bytes) = sweep_temporaries(&self.home);
        let store_bytes = before.saturating_sub(self.store.stats()?.disk_bytes);
        Ok(GarbageReport {
            attachments_removed: attachments,
            texts_removed: collected.texts,
            stacks_removed: collected.stacks,
            dictionaries_removed: collected.dictionaries,
            temporaries_removed: temporaries,
            bytes_freed: store_bytes + attachment_bytes + temporary_bytes,
            archives_unreadable: unreadable,
        })
    }

    /// Removes contents that nothing names: how many, and their bytes on disk. To be called as a chore, so that records
    /// do not pass from the store to an archive or back meanwhile.
    pub(super) fn sweep_attachments(&mut self) -> Result<(u64, u64)> {
        let candidates = old_files(&attach::directory(&self.home));
        let (mut named, unreadable) = self.archives_named()?;
        if candidates.is_empty() || unreadable > 0 {
            return Ok((0, 0));
        }
        let _alone = self.attachments_lock(File::lock)?;
        let mut reached = 0;
        loop {
            let step = self.store.attachments_behind(reached, STEP_RECORDS)?;
            let Some(last) = step.last() else { break };
            reached = last.id;
            named.extend(step.into_iter().map(|attachment| attachment.hash));
        }
        let named: HashSet<String> = named.iter().map(|hash| hex(hash)).collect();
        let unnamed = candidates.into_iter().filter(|path| {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            // Whatever else somebody has put there stays.
            name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit()) && !named.contains(name)
        });
        Ok(remove(unnamed))
    }
}

/// Half-written files, by the names that writers give them.
fn sweep_temporaries(home: &Path) -> (u64, u64) {
    let is_temporary = |path: &PathBuf| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        name.starts_with('.') && name.ends_with(".tmp")
    };
    let is_of_home = |path: &PathBuf| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let is_half = [".vault.toml.", ".searches.toml."]
            .iter()
            .any(|start| name.starts_with(start) && name.ends_with(".tmp"));
        // As earlier versions called theirs.
        let is_older = name.starts_with(".vault-") && name.ends_with(".toml");
        name.starts_with(".probe-") || is_half || is_older
    };
    let deep = old_files(&attach::directory(home))
        .into_iter()
        .filter(is_temporary);
    let archives = old_entries(&home.join("archive"))
        .into_iter()
        .filter(is_temporary);
    let symbols = old_entries(&home.join("symbols"))
        .into_iter()
        .filter(is_temporary);
    let reports = old_entries(&home.join("reports"))
        .into_iter()
        .filter(is_temporary);
    let own = old_entries(home).into_iter().filter(is_of_home);
    remove(
        deep.chain(archives)
            .chain(symbols)
            .chain(reports)
            .chain(own),
    )
}

fn remove(paths: impl Iterator<Item = PathBuf>) -> (u64, u64) {
    let (mut count, mut bytes) = (0, 0);
    for path in paths {
        let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        // Somebody else may have removed it; what cannot be removed is met again.
        if fs::remove_file(&path).is_ok() {
            count += 1;
            bytes += size;
        }
    }
    (count, bytes)
}

/// Files in the directories of a directory that nobody has touched for [`AGE_MIN`].
fn old_files(directory: &Path) -> Vec<PathBuf> {
    let directories = fs::read_dir(directory).into_iter().flatten().flatten();
    directories
        .flat_map(|entry| old_entries(&entry.path()))
        .collect()
}

fn old_entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let is_old = |metadata: &fs::Metadata| {
        let age = metadata
            .modified()
            .ok()
            .and_then(|at| SystemTime::now().duration_since(at).ok());
        metadata.is_file() && age.is_some_and(|age| age >= AGE_MIN)
    };
    entries
        .filter(|entry| entry.metadata().is_ok_and(|metadata| is_old(&metadata)))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, EventId};
    use crate::scratch::{Scratch, scratch};
    use crate::vault::samples::thrown;
    use crate::{NewAttachment, PruneRule, Timestamp};

    fn vault() -> (Scratch, Vault) {
        let home = scratch();
        let vault = Vault::open(home.path()).unwrap();
        (home, vault)
    }

    fn make_old(path: &Path) {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - AGE_MIN * 2).unwrap();
    }

    #[test]
    fn only_contents_that_nobody_names_leave() {
        let (home, mut vault) = vault();
        let event = EventId::from_bytes([1; 16]);
        let kept = vault
            .attach(event, &NewAttachment::new("a", "kept"))
            .unwrap();
        // As a process leaves it that dies between the file and its record.
        let unnamed = vault
            .attach(event, &NewAttachment::new("b", "unnamed"))
            .unwrap();
        let young = vault
            .attach(event, &NewAttachment::new("c", "young"))
            .unwrap();
        let other = rusqlite::Connection::open(home.path().join("vault.db")).unwrap();
        other
            .execute("DELETE FROM attachment WHERE name <> 'a'", [])
            .unwrap();
        drop(other);
        let file = |attachment: &crate::Attachment| attach::file_of(home.path(), &attachment.hash);
        let half = file(&kept).with_file_name(".0.tmp");
        let foreign = file(&kept).with_file_name("notes.txt");
        fs::write(&half, "x").unwrap();
        fs::write(&foreign, "x").unwrap();
        for path in [&file(&kept), &file(&unnamed), &half, &foreign] {
            make_old(path);
        }
        let report = vault.collect_garbage().unwrap();
        assert_eq!(
            (report.attachments_removed, report.temporaries_removed),
            (1, 1)
        );
        assert!(report.bytes_freed > 0);
        assert!(file(&kept).exists() && file(&young).exists() && foreign.exists());
        assert!(!file(&unnamed).exists() && !half.exists());
    }

    fn event_with_stack(message: &str, function: &str, at: &str) -> Event {
        let mut event = thrown(function, message);
        event.fingerprint = vec!["one".into()];
        event.timestamp = Timestamp::parse(at);
        event
            .tags
            .insert(format!("key of {function}"), function.into());
        event
    }

    #[test]
    fn texts_and_stacks_of_events_that_left_leave_and_can_come_again() {
        let (_home, mut vault) = vault();
        let old = event_with_stack("first", "shop::pay", "2020-01-01T00:00:00Z");
        vault
            .add_all([
                old.clone(),
                event_with_stack("second", "shop::ship", "2020-01-02T00:00:00Z"),
            ])
            .unwrap();
        // Pruning would collect by itself where so much leaves.
        let all = crate::store::Expendable::default();
        let retired = vault.store.retire(&all, 10, None, Timestamp::now());
        assert_eq!(retired.unwrap().events, 1);
        let report = vault.collect_garbage().unwrap();
        assert_eq!(report.stacks_removed, 1);
        // The tag's key and its value.
        assert_eq!(report.texts_removed, 2);
        assert_eq!(vault.collect_garbage().unwrap().texts_removed, 0);
        vault.add(old).unwrap();
        let found = vault
            .search(&crate::Search::new("stack.function:pay"))
            .unwrap();
        assert_eq!(found.issues.len(), 1);
        assert_eq!(vault.verify().unwrap(), [""; 0]);
        assert_eq!(vault.store.check().unwrap(), [""; 0]);
    }

    #[test]
    fn a_stack_that_outlived_its_events_is_found_again() {
        let (_home, mut vault) = vault();
        let old = event_with_stack("first", "shop::pay", "2020-01-01T00:00:00Z");
        vault
            .add_all([
                old.clone(),
                event_with_stack("second", "shop::ship", "2020-01-02T00:00:00Z"),
            ])
            .unwrap();
        vault.prune(&PruneRule::new().older_than_days(1)).unwrap();
        vault.rebuild().unwrap();
        vault.add(old).unwrap();
        let found = vault
            .search(&crate::Search::new("stack.function:pay"))
            .unwrap();
        assert_eq!(found.issues.len(), 1);
    }
}
