//! Reading segments: every whole frame before and after a bad place, and how much was skipped.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::boxed::BoxContent;
use super::frame::{self, Flags, Kind};
use super::parse::{HeaderFault, Parsed, parse, u32_at};
use super::segment::{self, EXTENSION, SegmentHeader, TEMPORARY_PREFIX};
use super::sums::Sums;
use crate::error::{Error, ErrorKind, Result};

/// Far more than any writer puts into a segment. A longer file is not read at all, because what was read in part could
/// be taken for drained.
const SEGMENT_READ_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// A frame of so many bytes is read sooner than its checksum is worked out in another way.
const SHORT_BYTES: usize = 64 * 1024;
/// A temporary file younger than this is left to its maker.
const TEMPORARY_AGE_MIN: Duration = Duration::from_secs(10);

/// One segment in the journal's directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentFile {
    /// `<pid>-<start>-<uuid>`: the name its drained offset is kept under.
    pub(crate) stem: String,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// One whole frame.
#[derive(Debug)]
pub(crate) struct Frame<'b> {
    pub(crate) kind: Kind,
    pub(crate) flags: Flags,
    pub(crate) id: [u8; 16],
    pub(crate) sequence: u64,
    pub(crate) body: &'b [u8],
    /// Where it ends in the file.
    pub(crate) end: u64,
}

/// A segment's content, as far as it is complete.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) header: SegmentHeader,
    /// Whether its writer has ended; then nothing will be added.
    pub(crate) is_ownerless: bool,
    bytes: Vec<u8>,
    /// The black box behind the frames.
    black_box: Vec<u8>,
    frames: Vec<(frame::Head, Range<usize>)>,
    /// Up to here everything is read or known to be bad.
    pub(crate) end: u64,
    /// Bad places: where they start and how long they are.
    pub(crate) skipped: Vec<Range<u64>>,
    /// Whole frames that a newer version wrote or whose kind is not known; they stay where they are.
    pub(crate) foreign_count: u64,
}

impl Scan {
    /// What the writer's black box holds, if it has a whole one.
    pub(crate) fn black_box(&self) -> Option<BoxContent<'_>> {
        BoxContent::read(&self.black_box)
    }

    /// The frames, in the order of the file.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.frames.iter().filter_map(|(head, body)| {
            Some(Frame {
                kind: head.kind()?,
                flags: head.flags,
                id: head.id,
                sequence: head.sequence,
                body: &self.bytes[body.clone()],
                end: body.end as u64,
            })
        })
    }
}

/// All segments of a journal, by name. A directory that is not there is an empty journal.
pub(crate) fn list(directory: &Path) -> Result<Vec<SegmentFile>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list journal", directory, error)),
    };
    let mut segments: Vec<_> = entries
        .flatten()
        .filter_map(|entry| as_segment(&entry.path()))
        .collect();
    segments.sort();
    Ok(segments)
}

fn as_segment(path: &Path) -> Option<SegmentFile> {
    if path.extension()? != EXTENSION {
        return None;
    }
    let metadata = std::fs::symlink_metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_file)?;
    let stem = path.file_stem()?.to_str()?.to_owned();
    Some(SegmentFile {
        stem,
        path: path.to_owned(),
        bytes: metadata.len(),
    })
}

/// Removes what makers of segments left behind when they were killed before the rename.
pub(crate) fn remove_stale_temporaries(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let is_temporary = entry
            .file_name()
            .to_string_lossy()
            .starts_with(TEMPORARY_PREFIX);
        if is_temporary && is_stale(&entry.path()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn is_stale(path: &Path) -> bool {
    let modified = std::fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    let Ok(modified) = modified else { return false };
    let age = SystemTime::now()
        .duration_since(modified)
        .unwrap_or_default();
    age > TEMPORARY_AGE_MIN && File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

impl SegmentFile {
    /// Reads the segment.
    ///
    /// Whether the writer lives is asked before reading, so that an ownerless segment is read to its very end.
    /// In a live segment an incomplete last frame is not bad: its writer is still at it.
    ///
    /// # Errors
    /// `Corrupt` if it is no segment, `Unsupported` if a newer version wrote it, `LimitReached` if it is longer than
    /// any segment, `Io` and its kin if it cannot be read. The file is untouched in every case.
    pub(crate) fn scan(&self) -> Result<Scan> {
        let failed = |error| Error::io("read journal", &self.path, error);
        let file = File::open(&self.path).map_err(failed)?;
        let is_ownerless = file.try_lock_shared().is_ok();
        let length = file.metadata().map_err(failed)?.len();
        if length > SEGMENT_READ_BYTES_MAX {
            return Err(self.too_long());
        }
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(length as usize + 4096)
            .map_err(|_| failed(io::ErrorKind::OutOfMemory.into()))?;
        (&file)
            .take(SEGMENT_READ_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > SEGMENT_READ_BYTES_MAX {
            return Err(self.too_long());
        }
        let header = SegmentHeader::decode(&bytes).map_err(|fault| self.fault(fault))?;
        Ok(scan(header, bytes, is_ownerless))
    }

    /// What the runtime of the program's language said of its threads at the end, where this is a place for last words.
    pub(crate) fn stacks(&self) -> Option<Vec<u8>> {
        super::stacks::read(&self.path)
    }

    /// The segment's head alone.
    ///
    /// # Errors
    /// As [`SegmentFile::scan`].
    pub(crate) fn header(&self) -> Result<SegmentHeader> {
        let failed = |error| Error::io("read journal", &self.path, error);
        let mut bytes = Vec::with_capacity(segment::HEADER_BYTES);
        let file = File::open(&self.path).map_err(failed)?;
        file.take(segment::HEADER_BYTES as u64)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        SegmentHeader::decode(&bytes).map_err(|fault| self.fault(fault))
    }

    fn too_long(&self) -> Error {
        let path = self.path.display();
        let message = format!(
            "{path} is longer than {SEGMENT_READ_BYTES_MAX} bytes, which no segment is; the file is left as it is"
        );
        Error::new(ErrorKind::LimitReached, "read journal", message).with_context("path", path)
    }

    fn fault(&self, fault: HeaderFault) -> Error {
        let path = self.path.display();
        let (kind, message) = match fault {
            HeaderFault::Corrupt(reason) => (
                ErrorKind::Corrupt,
                format!("{path}, offset 0: {reason}; the file is left as it is"),
            ),
            HeaderFault::Newer(version) => (
                ErrorKind::Unsupported,
                format!(
                    "{path} has journal format {version}, this version reads up to {}; use a newer crashvault",
                    segment::VERSION
                ),
            ),
        };
        Error::new(kind, "read journal", message).with_context("path", path)
    }
}

fn scan(header: SegmentHeader, mut bytes: Vec<u8>, is_ownerless: bool) -> Scan {
    let seed = header.seed();
    let box_at = bytes.len().saturating_sub(header.box_bytes as usize);
    let black_box = bytes.split_off(box_at.max(segment::HEADER_BYTES));
    let mut scan = Scan {
        header,
        is_ownerless,
        bytes: Vec::new(),
        black_box,
        frames: Vec::new(),
        end: 0,
        skipped: Vec::new(),
        foreign_count: 0,
    };
    let sums = Sums::new(&bytes);
    let mut position = segment::HEADER_BYTES;
    while position < bytes.len() {
        match parse(&bytes[position..], seed) {
            Parsed::Frame(head, body, length) => {
                let start = position + length - body.len();
                scan.foreign_count += u64::from(head.kind().is_none() || head.key_id != 0);
                if head.key_id == 0 {
                    scan.frames.push((head, start..position + length));
                }
                position += length;
            }
            Parsed::Newer(_, length) => {
                scan.foreign_count += 1;
                position += length;
            }
            Parsed::Bad => match next_frame(&bytes, position, seed, &sums) {
                // A gap in a live preallocated segment is a frame that is being written: it must not be passed over.
                Some(_) if scan.header.is_preallocated && !is_ownerless => break,
                Some(next) => {
                    scan.skip(position..next);
                    position = next;
                }
                None if is_ownerless => {
                    if !is_unused_space(&scan.header, &bytes[position..]) {
                        scan.skip(position..bytes.len());
                    }
                    position = bytes.len();
                }
                None => break,
            },
        }
    }
    scan.end = position as u64;
    scan.bytes = bytes;
    scan
}

impl Scan {
    fn skip(&mut self, range: Range<usize>) {
        self.skipped.push(range.start as u64..range.end as u64);
    }
}

fn is_unused_space(header: &SegmentHeader, rest: &[u8]) -> bool {
    header.is_preallocated && rest.iter().all(|byte| *byte == 0)
}

/// Where the next whole frame after a bad place starts.
fn next_frame(bytes: &[u8], after: usize, seed: u32, sums: &Sums<'_>) -> Option<usize> {
    let mut from = after + 1;
    while let Some(offset) = find_magic(bytes.get(from..)?) {
        let start = from + offset;
        if is_likely(bytes, start, seed, sums) && parse(&bytes[start..], seed) != Parsed::Bad {
            return Some(start);
        }
        from = start + 1;
    }
    None
}

/// Whether what looks like a frame may be one; a long one is not read to tell.
fn is_likely(bytes: &[u8], start: usize, seed: u32, sums: &Sums<'_>) -> bool {
    let head = &bytes[start..];
    let length = frame::length_at(head).filter(|length| *length <= head.len());
    length.is_some_and(|length| {
        let seed = crc32c::crc32c_append(seed, &head[..12]);
        length <= SHORT_BYTES || sums.of(seed, start + 16..start + length) == u32_at(head, 12)
    })
}

fn find_magic(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(offset) = bytes[from..]
        .iter()
        .position(|byte| *byte == frame::MAGIC[0])
    {
        let start = from + offset;
        if bytes[start..].starts_with(&frame::MAGIC) {
            return Some(start);
        }
        from = start + 1;
    }
    None
}
