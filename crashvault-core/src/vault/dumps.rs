//! Minidumps that a receiver left in the journal: each goes with its event, as an attachment.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use super::attach::NewAttachment;
use super::door::Vault;
use crate::error::{Error, ErrorKind, Result};
use crate::event::EventId;
use crate::ingest::DrainReport;
use crate::journal;

const NAME: &str = "threads.dmp";
const CONTENT_TYPE: &str = "application/x-dmp";
const KIND: &str = "event.minidump";
/// A dump whose event has not come by then belongs to none.
const ORPHAN_AGE_MIN: Duration = Duration::from_secs(24 * 3600);

const MAGIC: &[u8] = b"MDMP";

impl Vault {
    /// Whether a file is a minidump, told by how it begins. Only looks.
    pub fn is_minidump(path: impl AsRef<Path>) -> bool {
        let mut start = Vec::new();
        let file = File::open(path).map(|file| file.take(MAGIC.len() as u64));
        let read = file.and_then(|mut file| file.read_to_end(&mut start));
        read.is_ok() && start == MAGIC
    }

    /// Keeps the dumps of events that are in the vault by now. What stands in the way of one is told in the report; the
    /// dump then waits for the next drain, unless it will never be taken.
    pub(super) fn keep_dumps(&mut self, directory: &Path, report: &mut DrainReport) {
        for event in journal::dumps(directory) {
            if let Err(fault) = self.keep_dump(directory, event) {
                report.faults.push(fault);
            }
        }
    }

    fn keep_dump(&mut self, directory: &Path, event: EventId) -> Result<()> {
        let path = journal::dump_path(directory, event);
        let remove =
            || fs::remove_file(&path).map_err(|error| Error::io("keep dump", &path, error));
        match self.store.event(event) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return if is_orphan(&path) { remove() } else { Ok(()) };
            }
            found => drop(found?),
        }
        let bytes = match journal::read_dump(directory, event) {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => return remove(),
            Err(error) => return Err(Error::io("keep dump", &path, error)),
        };
        if !bytes.starts_with(MAGIC) {
            return remove();
        }
        let dump = NewAttachment::new(NAME, bytes)
            .content_type(CONTENT_TYPE)
            .kind(KIND);
        match self.attach(event, &dump) {
            Ok(_) => remove(),
            Err(refused) if is_final(&refused) => remove().and(Err(refused)),
            Err(error) => Err(error),
        }
    }
}

/// Whether trying again would change nothing.
fn is_final(refused: &Error) -> bool {
    matches!(
        refused.kind(),
        ErrorKind::Conflict | ErrorKind::LimitReached
    )
}

fn is_orphan(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > ORPHAN_AGE_MIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::scratch::scratch;

    /// Drains beside a dump; how many faults there are, whether the dump is attached, whether it still lies there.
    fn check(dump: &[u8], is_known: bool, settings: &str, expected: (usize, bool, bool)) {
        let home = scratch();
        let journal = home.path().join("journal");
        let mut vault = Vault::open(home.path()).unwrap();
        let event = match is_known {
            true => vault.add(Event::new()).unwrap().event_id,
            false => EventId::from_bytes([7; 16]),
        };
        drop(vault);
        fs::create_dir_all(&journal).unwrap();
        let path = journal::dump_path(&journal, event);
        fs::write(&path, dump).unwrap();
        if !settings.is_empty() {
            fs::write(home.path().join("vault.toml"), settings).unwrap();
        }
        let mut vault = Vault::open(home.path()).unwrap();
        let report = vault.drain_all().unwrap();
        let attached = vault.attachments(event).unwrap();
        let found = (report.faults.len(), !attached.is_empty(), path.exists());
        assert_eq!(found, expected, "{:?}", report.faults);
        if let [kept] = attached.as_slice() {
            assert_eq!(vault.read_attachment(kept).unwrap(), dump);
            assert_eq!(kept.kind, KIND);
        }
    }

    #[test]
    fn a_dump_goes_with_its_event() {
        check(b"MDMP and more", true, "", (0, true, false));
    }

    #[test]
    fn a_dump_waits_for_its_event() {
        check(b"MDMP", false, "", (0, false, true));
    }

    #[test]
    fn what_is_no_dump_goes() {
        check(b"", true, "", (0, false, false));
    }

    #[test]
    fn a_dump_that_is_refused_goes_and_is_told() {
        check(
            b"MDMP and more",
            true,
            "[attachments]\nbytes_max = 3\n",
            (1, false, false),
        );
    }
}
