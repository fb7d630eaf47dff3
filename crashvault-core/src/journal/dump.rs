//! Minidumps beside the segments, `<event id>.dmp`: of a process that crashed, all threads, as the receiver wrote them.
//!
//! One that has this name is whole: it had another while it was written.

use std::fs;
use std::io;
use std::path::Path;
#[cfg(feature = "store")]
use std::path::PathBuf;

use crate::event::EventId;

pub(crate) const DUMP_ENDING: &str = ".dmp";
/// A larger one is not kept, in bytes. Dumps of stacks have some hundred kilobytes.
pub(crate) const DUMP_BYTES_MAX: u64 = 64 << 20;

/// Writes a dump under another name first, which a drain removes if nobody ends it.
///
/// # Errors
/// What the system says; InvalidInput for a path that is no dump's, and one that is too large.
#[cfg(feature = "out-of-process")]
pub(crate) fn write_dump(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use super::segment::TEMPORARY_PREFIX;
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.filter(|name| event_of(name).is_some() && bytes.len() as u64 <= DUMP_BYTES_MAX);
    let name = name.ok_or(io::ErrorKind::InvalidInput)?;
    let temporary = path.with_file_name(format!("{TEMPORARY_PREFIX}{name}"));
    let mut options = fs::OpenOptions::new();
    let file = options.create_new(true).write(true).mode(0o600);
    let written = file
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// The dump of the crash that an event tells of, if there is one.
///
/// # Errors
/// What the system says; FileTooLarge.
#[cfg(feature = "store")]
pub(crate) fn read_dump(directory: &Path, event: EventId) -> io::Result<Option<Vec<u8>>> {
    use std::io::Read;

    let file = match fs::File::open(dump_path(directory, event)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(DUMP_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > DUMP_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(Some(bytes))
}

#[cfg(feature = "store")]
pub(crate) fn dump_path(directory: &Path, event: EventId) -> PathBuf {
    directory.join(format!("{event}{DUMP_ENDING}"))
}

/// The events whose dumps lie in a journal.
#[cfg(feature = "store")]
pub(crate) fn dumps(directory: &Path) -> Vec<EventId> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut events: Vec<EventId> = entries
        .filter_map(|entry| event_of(entry.file_name().to_str()?))
        .collect();
    events.sort();
    events
}

/// The event in a dump's name, which is told in one way alone.
fn event_of(name: &str) -> Option<EventId> {
    let id = name.strip_suffix(DUMP_ENDING)?;
    let event: EventId = id.parse().ok()?;
    (event.to_string() == id).then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: bool) {
        assert_eq!(event_of(name).is_some(), expected, "{name}");
    }

    #[test]
    fn a_dump_is_named_by_its_event() {
        check("0190a1b2c3d4e5f60718293a4b5c6d7e.dmp", true);
        check("0190a1b2-c3d4-e5f6-0718-293a4b5c6d7e.dmp", false);
        check(".new-0190a1b2c3d4e5f60718293a4b5c6d7e.dmp", false);
        check("0190a1b2c3d4e5f60718293a4b5c6d7e.cvj", false);
        check("notes.dmp", false);
    }
}
