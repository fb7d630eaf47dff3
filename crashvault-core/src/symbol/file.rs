//! Enters: a path somebody else wrote. Leaves: a regular file that can be read at an offset.
//!
//! Never: waits on a pipe or a device, follows a relative path, reads past a stated length.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// An open regular file with what identifies it.
#[derive(Debug)]
pub(super) struct RegularFile {
    file: File,
    /// Its length when it was opened, in bytes.
    pub len: u64,
    /// Its last change, in nanoseconds since 1970.
    pub mtime_ns: i64,
}

/// Why a path cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Nothing is there.
    Gone,
    /// Something is there that is no regular file.
    NotRegular,
    /// The system refused.
    Refused(io::ErrorKind),
}

impl RegularFile {
    /// Opens `path` if it is absolute and a regular file.
    pub fn open(path: &Path) -> Result<Self, Unreadable> {
        if !path.is_absolute() {
            return Err(Unreadable::NotRegular);
        }
        // Asked before opening, because opening a device can already have effects.
        std::fs::metadata(path)
            .map_err(unreadable)
            .and_then(regular)?;
        let file = OpenOptions::new()
            .read(true)
            // The file may have become a pipe since; then opening must not wait for its other end.
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC)
            .open(path)
            .map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable).and_then(regular)?;
        Ok(Self {
            file,
            len: metadata.len(),
            mtime_ns: mtime_ns(&metadata),
        })
    }

    /// `len` bytes at `offset`; `None` if the file is shorter or cannot be read.
    pub fn read(&self, offset: u64, len: u64) -> Option<Vec<u8>> {
        let len = self.checked_len(offset, len)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).ok()?;
        bytes.resize(len, 0);
        self.file.read_exact_at(&mut bytes, offset).ok()?;
        Some(bytes)
    }

    /// Like [`read`](Self::read), into shared memory without a second copy.
    pub fn read_shared(&self, offset: u64, len: u64) -> Option<Arc<[u8]>> {
        let len = self.checked_len(offset, len)?;
        let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, len).collect();
        self.file
            .read_exact_at(Arc::get_mut(&mut bytes)?, offset)
            .ok()?;
        Some(bytes)
    }

    fn checked_len(&self, offset: u64, len: u64) -> Option<usize> {
        let end = offset.checked_add(len)?;
        (end <= self.len).then_some(())?;
        usize::try_from(len).ok()
    }
}

/// The last change of a file, in nanoseconds since 1970.
pub(super) fn mtime_ns(metadata: &Metadata) -> i64 {
    metadata
        .mtime()
        .saturating_mul(1_000_000_000)
        .saturating_add(metadata.mtime_nsec())
}

fn regular(metadata: Metadata) -> Result<Metadata, Unreadable> {
    match metadata.is_file() {
        true => Ok(metadata),
        false => Err(Unreadable::NotRegular),
    }
}

fn unreadable(error: io::Error) -> Unreadable {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Unreadable::Gone,
        kind => Unreadable::Refused(kind),
    }
}
