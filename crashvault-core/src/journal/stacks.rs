//! Beside a place for last words, `<its name>.stacks`: what the runtime of the program's language said, as text, of what its
//! threads were at when a signal ended the process.

use std::fs::File;
use std::path::{Path, PathBuf};

const EXTENSION: &str = "stacks";
/// Of such a text, in bytes: a hundred threads with a hundred frames each.
#[cfg(feature = "store")]
const BYTES_MAX: u64 = 1 << 20;

pub(super) fn path_of(segment: &Path) -> PathBuf {
    segment.with_extension(EXTENSION)
}

/// Makes the file of a segment, empty.
///
/// # Errors
/// What the system says.
#[cfg(feature = "host")]
pub(super) fn create(segment: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = File::options();
    options.create_new(true).append(true).mode(0o600);
    options.open(path_of(segment))
}

/// What stands in the file of a segment; `None` where there is none, or nothing in it.
#[cfg(feature = "store")]
pub(super) fn read(segment: &Path) -> Option<Vec<u8>> {
    use std::io::Read;

    let file = File::open(path_of(segment)).ok()?;
    let mut text = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut text).ok()?;
    (!text.is_empty()).then_some(text)
}

/// Removes the files whose segments are gone. A segment is there before its file is.
#[cfg(feature = "store")]
pub(crate) fn remove_orphaned_stacks(directory: &Path) {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let is_one = path.extension().is_some_and(|ending| ending == EXTENSION);
        if is_one && !path.with_extension(super::segment::EXTENSION).exists() {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(feature = "host")]
#[cfg(feature = "store")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_when_its_segment_is_gone() {
        let home = crate::scratch::scratch();
        let (here, gone) = (home.path().join("1.cvj"), home.path().join("2.cvj"));
        std::fs::write(&here, "").unwrap();
        for segment in [&here, &gone] {
            create(segment).unwrap();
        }
        remove_orphaned_stacks(home.path());
        let left = [&here, &gone].map(|segment| path_of(segment).exists());
        assert_eq!(left, [true, false]);
    }

    #[test]
    fn an_empty_file_says_nothing() {
        let home = crate::scratch::scratch();
        let segment = home.path().join("1.cvj");
        create(&segment).unwrap();
        assert_eq!(read(&segment), None);
        std::fs::write(path_of(&segment), "Fatal").unwrap();
        assert_eq!(read(&segment).as_deref(), Some(&b"Fatal"[..]));
    }
}
