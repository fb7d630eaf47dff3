//! A segment file: its name, its head of 512 bytes, its making.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

pub(super) const MAGIC: [u8; 8] = *b"CVJRNL\xF7\x01";
pub(super) const VERSION: u16 = 1;
pub(super) const HEADER_BYTES: usize = 512;
pub(super) const EXTENSION: &str = "cvj";
pub(super) const TEMPORARY_PREFIX: &str = ".new-";
/// Where the head's checksum stands; what follows it may change while the segment lives.
pub(super) const CHECKSUM_AT: usize = 432;
/// Where the counters stand that must be writable on a full disk: lost u64, error u32.
pub(super) const COUNTERS_AT: u64 = 440;
pub(super) const SYMBOLS_KEY_AT: usize = 104;
pub(super) const SYMBOLS_KEY_BYTES_MAX: usize = 71;
pub(super) const FLAG_PREALLOCATED: u16 = 1;
/// It is the place for its process's last words.
pub(super) const FLAG_PLACE: u16 = 2;
/// Its writer says how it ends.
pub(super) const FLAG_MARKED: u16 = 4;
/// Its writer was forked from one that captured.
pub(super) const FLAG_FORKED: u16 = 8;
/// Where the length of the black box at the end of the file stands.
pub(super) const BOX_BYTES_AT: usize = 452;
/// Where the writer says how it ended.
pub(super) const MARK_AT: u64 = 456;

/// How a writer said that it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u32)]
pub(crate) enum Mark {
    /// It did not, or it is still there.
    #[default]
    None = 0,
    /// In the usual way: `close()`, `exit`, the end of `main`.
    Ended = 1,
    /// It was asked to end (SIGTERM, SIGINT, SIGHUP, SIGPIPE), and did or was about to.
    Asked = 2,
    /// A fatal record of its end is in this segment.
    #[cfg(any(feature = "native", feature = "store"))]
    Recorded = 3,
}

#[cfg(feature = "store")]
impl Mark {
    pub(super) fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Ended,
            2 => Self::Asked,
            3 => Self::Recorded,
            _ => Self::None,
        }
    }
}

/// Which process writes: the same in all its segments.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Identity {
    /// Random, one per process (a forked child has its own).
    pub(crate) process: [u8; 16],
    /// The vault the segment belongs to; zero if unknown.
    pub(crate) vault: [u8; 16],
    /// The kernel's boot id; zero if unknown.
    pub(crate) boot: [u8; 16],
    pub(crate) pid: u32,
    /// When the process started, in clock ticks since boot.
    pub(crate) start_ticks: u64,
    /// The executable's name below `symbols/`; empty if it could not be told.
    pub(crate) symbols_key: String,
}

impl Identity {
    /// What the names of all its segments begin with.
    fn stem_prefix(&self) -> String {
        format!("{}-{}-", self.pid, self.start_ticks)
    }
}

/// The head of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) identity: Identity,
    /// Random; its CRC-32C seeds the checksums of the segment's frames.
    pub(crate) segment: [u8; 16],
    /// 0 for the process's first segment, then counting.
    pub(crate) number: u32,
    /// By the writer's clock, nanoseconds since 1970.
    pub(crate) created_at_ns: i64,
    /// The file has its final size; frames may be written out of order, unused space is zero.
    pub(crate) is_preallocated: bool,
    /// The place for its process's last words.
    pub(crate) is_place: bool,
    /// The writer says how it ends.
    pub(crate) has_mark: bool,
    /// The writer was forked from one that captured.
    pub(crate) is_forked: bool,
    /// Bytes of the black box at the end of the file; 0 if there is none.
    pub(crate) box_bytes: u32,
    /// How the writer ended, as far as it said.
    pub(crate) mark: Mark,
    /// Captures that could not be kept, as far as the writer could still say.
    pub(crate) lost_count: u64,
    /// The operating system's last error number, 0 if none.
    pub(crate) last_errno: u32,
}

impl SegmentHeader {
    pub(super) fn new(
        identity: &Identity,
        number: u32,
        created_at_ns: i64,
        is_preallocated: bool,
        segment: [u8; 16],
    ) -> Self {
        Self {
            identity: identity.clone(),
            segment,
            number,
            created_at_ns,
            is_preallocated,
            is_place: false,
            has_mark: false,
            is_forked: false,
            box_bytes: 0,
            mark: Mark::None,
            lost_count: 0,
            last_errno: 0,
        }
    }

    pub(super) fn seed(&self) -> u32 {
        crc32c::crc32c(&self.segment)
    }

    /// `<pid>-<start>-<uuid>`.
    pub(super) fn stem(&self) -> String {
        let uuid = uuid::Uuid::from_bytes(self.segment);
        format!("{}{}", self.identity.stem_prefix(), uuid.as_simple())
    }

    fn flags(&self) -> u16 {
        [
            (self.is_preallocated, FLAG_PREALLOCATED),
            (self.is_place, FLAG_PLACE),
            (self.has_mark, FLAG_MARKED),
            (self.is_forked, FLAG_FORKED),
        ]
        .into_iter()
        .filter(|(is_set, _)| *is_set)
        .fold(0, |flags, (_, flag)| flags | flag)
    }

    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let identity = &self.identity;
        let mut put = |offset: usize, value: &[u8]| {
            bytes[offset..offset + value.len()].copy_from_slice(value)
        };
        put(0, &MAGIC);
        put(8, &VERSION.to_le_bytes());
        put(10, &self.flags().to_le_bytes());
        put(12, &(HEADER_BYTES as u32).to_le_bytes());
        put(16, &self.segment);
        put(32, &identity.process);
        put(48, &identity.vault);
        put(64, &identity.boot);
        put(80, &identity.pid.to_le_bytes());
        put(84, &self.number.to_le_bytes());
        put(88, &identity.start_ticks.to_le_bytes());
        put(96, &self.created_at_ns.to_le_bytes());
        let key = identity.symbols_key.as_bytes();
        if key.len() <= SYMBOLS_KEY_BYTES_MAX {
            put(SYMBOLS_KEY_AT, &[key.len() as u8]);
            put(SYMBOLS_KEY_AT + 1, key);
        }
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&checksum.to_le_bytes());
        bytes[BOX_BYTES_AT..BOX_BYTES_AT + 4].copy_from_slice(&self.box_bytes.to_le_bytes());
        bytes
    }
}

/// Turns the encoded head of a place for last words into that of a forked child's, which leaves no mark.
#[cfg(feature = "native")]
pub(super) fn adopt(head: &mut [u8], pid: u32, segment: [u8; 16], created_at_ns: u64) {
    let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
    put(
        10,
        &(FLAG_PREALLOCATED | FLAG_PLACE | FLAG_FORKED).to_le_bytes(),
    );
    put(16, &segment);
    // The process's own name: its only segment's will do.
    put(32, &segment);
    put(80, &pid.to_le_bytes());
    put(84, &[0; 12]);
    put(96, &created_at_ns.to_le_bytes());
    let checksum = crc32c::crc32c(&head[..CHECKSUM_AT]);
    head[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&checksum.to_le_bytes());
}

/// Makes a segment: under a temporary name, locked, headed, filled with `content` and `zeros` bytes of nothing, then
/// renamed to its real name. Behind the zeros room is `reserved`: it reads as zeros too, and costs less to make and more to
/// write.
///
/// So nobody ever sees a segment that is neither locked nor ownerless. A cleaner that takes the temporary file before
/// the lock makes this fail with an error, and the caller tries again under another name.
pub(super) fn create(
    directory: &Path,
    header: &SegmentHeader,
    content: &[u8],
    (zeros, reserved): (u64, u64),
) -> io::Result<(File, PathBuf)> {
    let stem = header.stem();
    let temporary = directory.join(format!("{TEMPORARY_PREFIX}{stem}"));
    let path = directory.join(format!("{stem}.{EXTENSION}"));
    // The preallocated segment is written at offsets, which append mode would ignore.
    let file = OpenOptions::new()
        .create_new(true)
        .read(true)
        .write(true)
        .append(!header.is_preallocated)
        .mode(0o600)
        .open(&temporary)?;
    let made = fill(&file, header, content, (zeros, reserved))
        .and_then(|()| std::fs::rename(&temporary, &path));
    if let Err(error) = made {
        let _ = std::fs::remove_file(&temporary);
        return Err(error);
    }
    Ok((file, path))
}

fn fill(
    mut file: &File,
    header: &SegmentHeader,
    content: &[u8],
    (zeros, reserved): (u64, u64),
) -> io::Result<()> {
    file.try_lock().map_err(io::Error::from)?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + content.len());
    bytes.extend_from_slice(&header.encode());
    bytes.extend_from_slice(content);
    file.write_all(&bytes)?;
    // From memory that costs nothing to have, in few system calls.
    static ZEROS: [u8; 32 * 1024] = [0; 32 * 1024];
    let written = (HEADER_BYTES + content.len()) as u64 + zeros;
    let is_reserved = reserved == 0 || super::ring::reserve(file, written, reserved).is_ok();
    let mut left = (zeros + if is_reserved { 0 } else { reserved }) as usize;
    while left > 0 {
        let now = left.min(ZEROS.len());
        file.write_all(&ZEROS[..now])?;
        left -= now;
    }
    Ok(())
}

/// Waits until the disk has all segments of a process, those it has given up too. One that is gone by now was drained.
pub(super) fn sync_all(directory: &Path, identity: &Identity) -> io::Result<()> {
    let prefix = identity.stem_prefix();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(&prefix) {
            continue;
        }
        match File::open(entry.path()) {
            Ok(file) => file.sync_data()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    sync_names(directory).map(|_| ())
}

/// Waits until the disk has the names in a journal's directory and, as far as may be, the directory's own. `false` if
/// that could not be asked for: not every file system syncs directories, and a free descriptor is needed. The usual file
/// systems keep a new file's name with its content.
pub(super) fn sync_names(directory: &Path) -> io::Result<bool> {
    if let Some(home) = directory.parent() {
        // The vault's home may be searchable only, and is older than the journal but for the very first time.
        let _ = File::open(home).and_then(|home| home.sync_all());
    }
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    match synced.as_ref().map_err(io::Error::raw_os_error) {
        Err(Some(libc::EINVAL | libc::ENOTSUP | libc::EACCES | libc::EMFILE | libc::ENFILE)) => {
            Ok(false)
        }
        _ => synced.map(|()| true),
    }
}

/// Bytes of all segments of a journal.
pub(crate) fn directory_bytes(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    let sizes = entries
        .flatten()
        .filter_map(|entry| Some(entry.metadata().ok()?.len()));
    sizes.sum()
}
