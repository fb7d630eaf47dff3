//! The black box at the end of a segment: where everything stands in it, and how it is read.
//!
//! It is memory mapped into the process that writes it, so it may stop in the middle of anything: each part says for
//! itself whether it is whole.

#[cfg(feature = "store")]
use super::parse::{array_at, u32_at};

pub(super) const MAGIC: [u8; 8] = *b"CVBBOX\xF7\x01";
pub(super) const VERSION: u32 = 1;

/// The first page: counters, the threads that panicked, the process's memory group.
pub(super) const CONTROL_BYTES: usize = 4096;
/// Scopes: the first one is that of the process, the others belong to threads.
pub(crate) const SLOTS: usize = 16;
pub(super) const SLOT_BYTES: usize = 8192;
/// Breadcrumbs of all threads.
pub(super) const CRUMBS_BYTES: usize = 64 * 1024;
pub(super) const BOX_BYTES: usize = CONTROL_BYTES + SLOTS * SLOT_BYTES + CRUMBS_BYTES;

pub(super) const POSITION_AT: usize = 24;
pub(super) const SUPPRESSED_AT: usize = 32;
pub(super) const STAMP_AT: usize = 56;
pub(super) const DYING_AT: usize = 64;
pub(super) const DYING_BYTES: usize = 40;
/// Threads that panicked and may be dying of it, at once.
pub(crate) const DYING_MAX: usize = 8;
pub(super) const KILLS_AT: usize = 448;
pub(super) const GROUP_AT: usize = 456;
pub(super) const GROUP_BYTES_MAX: usize = 1024;

pub(super) const SLOTS_AT: usize = CONTROL_BYTES;
pub(super) const CRUMBS_AT: usize = SLOTS_AT + SLOTS * SLOT_BYTES;

/// A slot: thread, stamp, which of its two panes is valid, their lengths, the panes.
pub(super) const SLOT_HEAD_BYTES: usize = 64;
pub(crate) const PANE_BYTES: usize = (SLOT_BYTES - SLOT_HEAD_BYTES) / 2;

/// A breadcrumb: position, thread, length, checksum, zero; then its field, then zeros up to a multiple of eight.
pub(super) const CRUMB_HEAD_BYTES: usize = 24;
/// Longer breadcrumbs do not go into the ring.
pub(super) const CRUMB_BYTES_MAX: usize = 4096;

/// CRC-32C over position, thread and length (20 bytes before the checksum: 16 of them), then the field.
pub(super) fn crumb_checksum(head: &[u8; 16], field: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(u32::MAX, head), field)
}

/// Bytes that a breadcrumb takes in the ring.
pub(super) fn crumb_space(length: usize) -> usize {
    (CRUMB_HEAD_BYTES + length).next_multiple_of(8)
}

/// The black box of a process, as it was found.
#[cfg(feature = "store")]
#[derive(Debug)]
pub(crate) struct BoxContent<'b> {
    bytes: &'b [u8],
}

/// A breadcrumb of the ring.
#[cfg(feature = "store")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BoxCrumb<'b> {
    pub(crate) position: u64,
    pub(crate) thread: u32,
    /// One field of an event's body.
    pub(crate) field: &'b [u8],
}

/// The scope of a thread, or of the process.
#[cfg(feature = "store")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BoxScope<'b> {
    /// 0 for the process.
    pub(crate) thread: u32,
    /// Counts up with each scope that was written: the largest is the newest.
    pub(crate) stamp: u64,
    /// Fields of an event's body.
    pub(crate) fields: &'b [u8],
}

/// A control group as a process found it.
#[cfg(feature = "store")]
pub(crate) struct MemoryGroup<'b> {
    /// Of its directory.
    pub(crate) inode: u64,
    pub(crate) path: &'b str,
    pub(crate) kills: u64,
}

/// A thread that panicked and was not seen alive since.
#[cfg(feature = "store")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dying {
    pub(crate) thread: u32,
    /// The event of its last panic, and of the one before it.
    pub(crate) events: [[u8; 16]; 2],
}

#[cfg(feature = "store")]
impl<'b> BoxContent<'b> {
    pub(super) fn read(bytes: &'b [u8]) -> Option<Self> {
        let is_known = bytes.len() >= BOX_BYTES
            && bytes[..8] == MAGIC
            && u32_at(bytes, 8) == VERSION
            && u32_at(bytes, 12) == SLOTS as u32
            && u32_at(bytes, 16) == SLOT_BYTES as u32
            && u32_at(bytes, 20) == CRUMBS_BYTES as u32;
        is_known.then_some(Self { bytes })
    }

    fn number(&self, at: usize) -> u64 {
        u64::from_le_bytes(array_at(self.bytes, at))
    }

    /// What was throttled, sampled out and refused, and is not yet in a counts frame.
    pub(crate) fn suppressed(&self) -> [u64; 3] {
        // A number below zero: the process died between writing the frame and taking it off here.
        [0, 8, 16]
            .map(|at| self.number(SUPPRESSED_AT + at))
            .map(|count| if count > u64::MAX / 2 { 0 } else { count })
    }

    /// The threads that may have died of a panic.
    pub(crate) fn dying(&self) -> impl Iterator<Item = Dying> {
        (0..DYING_MAX).filter_map(|index| {
            let at = DYING_AT + index * DYING_BYTES;
            let thread = self.number(at) as u32;
            (thread != 0).then(|| Dying {
                thread,
                events: [array_at(self.bytes, at + 8), array_at(self.bytes, at + 24)],
            })
        })
    }

    /// The control group that the process was in, and how often the kernel had killed in it for want of memory when the
    /// process began.
    pub(crate) fn memory_group(&self) -> Option<MemoryGroup<'b>> {
        let length = (u32_at(self.bytes, GROUP_AT) as usize).min(GROUP_BYTES_MAX);
        let group = self.bytes.get(GROUP_AT + 4..GROUP_AT + 4 + length)?;
        let (inode, path) = std::str::from_utf8(group).ok()?.split_once(' ')?;
        Some(MemoryGroup {
            inode: inode.parse().ok()?,
            path,
            kills: self.number(KILLS_AT),
        })
    }

    /// The scopes that are whole.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = BoxScope<'b>> {
        let bytes = self.bytes;
        (0..SLOTS).filter_map(move |index| {
            let slot = bytes
                .get(SLOTS_AT + index * SLOT_BYTES..)?
                .get(..SLOT_BYTES)?;
            let number = |at| u64::from_le_bytes(array_at(slot, at));
            let pane = (number(16) & 1) as usize;
            let length = (u32_at(slot, 24 + 4 * pane) as usize).min(PANE_BYTES);
            let start = SLOT_HEAD_BYTES + pane * PANE_BYTES;
            let thread = number(0) as u32;
            (length > 0 && (index == 0 || thread != 0)).then(|| BoxScope {
                thread: if index == 0 { 0 } else { thread },
                stamp: number(8),
                fields: &slot[start..start + length],
            })
        })
    }

    /// The breadcrumbs that are whole, oldest first.
    pub(crate) fn crumbs(&self) -> Vec<BoxCrumb<'b>> {
        let end = self.number(POSITION_AT);
        let ring = &self.bytes[CRUMBS_AT..CRUMBS_AT + CRUMBS_BYTES];
        let mut crumbs: Vec<_> = (0..CRUMBS_BYTES - CRUMB_HEAD_BYTES)
            .step_by(8)
            .filter_map(|at| read_crumb(ring, at, end))
            .collect();
        crumbs.sort_by_key(|crumb| crumb.position);
        crumbs
    }
}

#[cfg(feature = "store")]
fn read_crumb(ring: &[u8], at: usize, end: u64) -> Option<BoxCrumb<'_>> {
    let position = u64::from_le_bytes(array_at(ring, at));
    let length = u32_at(ring, at + 12) as usize;
    let is_placed = position % CRUMBS_BYTES as u64 == at as u64
        && position >= end.saturating_sub(CRUMBS_BYTES as u64)
        && position < end
        && length <= CRUMB_BYTES_MAX;
    if !is_placed {
        return None;
    }
    let start = at + CRUMB_HEAD_BYTES;
    let field = ring.get(start..start + length)?;
    let is_whole = crumb_checksum(&array_at(ring, at), field) == u32_at(ring, at + 16);
    is_whole.then(|| BoxCrumb {
        position,
        thread: u32_at(ring, at + 8),
        field,
    })
}
