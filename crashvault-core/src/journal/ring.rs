//! The black box as its process sees it: shared memory over the end of a segment, written without system calls.
//!
//! Everything here may be called from any thread, and what the process leaves behind when it stops in the middle of it
//! can be read (`boxed`). The memory is mapped once and never unmapped.

#![expect(
    unsafe_code,
    reason = "memory shared with a file has no safe interface"
)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::boxed::{
    BOX_BYTES, CRUMB_BYTES_MAX, CRUMB_HEAD_BYTES, CRUMBS_AT, CRUMBS_BYTES, DYING_AT, DYING_BYTES,
    DYING_MAX, GROUP_AT, GROUP_BYTES_MAX, KILLS_AT, MAGIC, PANE_BYTES, POSITION_AT, SLOT_BYTES,
    SLOT_HEAD_BYTES, SLOTS, SLOTS_AT, STAMP_AT, SUPPRESSED_AT, VERSION, crumb_checksum,
    crumb_space,
};

/// File systems that keep a block where it was written: a later write to it cannot find the disk full, which in mapped
/// memory would be a SIGBUS in the host.
#[cfg(target_os = "linux")]
const SURE_FILE_SYSTEMS: [u64; 5] = [
    0xEF53,      // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x0102_1994, // tmpfs
    0x8584_58F6, // ramfs
    0x794C_7630, // overlayfs, as containers have it
];

/// A mapped black box.
#[derive(Debug)]
pub(crate) struct Ring {
    base: NonNull<u8>,
}

// SAFETY: the memory is never unmapped, and all access to it is by atomics or to bytes that were reserved by one.
unsafe impl Send for Ring {}
// SAFETY: as above.
unsafe impl Sync for Ring {}

impl Ring {
    /// Maps the box that begins at `offset` (a multiple of the page size) and was written with zeros; faults it in.
    ///
    /// # Errors
    /// `Unsupported` on a file system where mapped memory might run out of disk; what the system says.
    pub(super) fn map(file: &File, offset: u64) -> io::Result<Self> {
        if !is_sure(file) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        #[cfg(target_os = "linux")]
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        #[cfg(not(target_os = "linux"))]
        let flags = libc::MAP_SHARED;
        // SAFETY: a new mapping at a place of the kernel's choice; length and file are as stated.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                BOX_BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                flags,
                file.as_raw_fd(),
                offset as libc::off_t,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast::<u8>()).ok_or(io::ErrorKind::Other)?;
        let ring = Self { base };
        ring.put(8, &VERSION.to_le_bytes());
        ring.put(12, &(SLOTS as u32).to_le_bytes());
        ring.put(16, &(SLOT_BYTES as u32).to_le_bytes());
        ring.put(20, &(CRUMBS_BYTES as u32).to_le_bytes());
        ring.put(0, &MAGIC);
        Ok(ring)
    }

    /// Writes bytes at a place that nobody else writes now.
    fn put(&self, at: usize, bytes: &[u8]) {
        debug_assert!(at + bytes.len() <= BOX_BYTES);
        // SAFETY: the range lies in the mapping, whose bytes no reference points to.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.as_ptr().add(at), bytes.len());
        }
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        debug_assert!(at.is_multiple_of(8) && at + 8 <= BOX_BYTES);
        // SAFETY: inside the mapping, aligned, never unmapped; these places are only used as atomics.
        unsafe { AtomicU64::from_ptr(self.base.as_ptr().add(at).cast()) }
    }

    fn half(&self, at: usize) -> &AtomicU32 {
        debug_assert!(at.is_multiple_of(4) && at + 4 <= BOX_BYTES);
        // SAFETY: as in `word`.
        unsafe { AtomicU32::from_ptr(self.base.as_ptr().add(at).cast()) }
    }

    /// Adds one breadcrumb: a field of an event's body.
    pub(crate) fn add_crumb(&self, thread: u32, field: &[u8]) {
        if field.len() > CRUMB_BYTES_MAX {
            return;
        }
        let space = crumb_space(field.len()) as u64;
        let size = CRUMBS_BYTES as u64;
        // One that would pass the end of the ring begins at its start; the rest stays unused.
        let begin = |end: u64| {
            if end % size + space > size {
                end.next_multiple_of(size)
            } else {
                end
            }
        };
        let position = self.word(POSITION_AT);
        let mut end = position.load(Ordering::Relaxed);
        while let Err(now) = position.compare_exchange_weak(
            end,
            begin(end) + space,
            Ordering::AcqRel,
            Ordering::Relaxed,
        ) {
            end = now;
        }
        let begin = begin(end);
        let mut head = [0; 16];
        head[..8].copy_from_slice(&begin.to_le_bytes());
        head[8..12].copy_from_slice(&thread.to_le_bytes());
        head[12..].copy_from_slice(&(field.len() as u32).to_le_bytes());
        let checksum = crumb_checksum(&head, field);
        let at = CRUMBS_AT + (begin % size) as usize;
        self.put(at + CRUMB_HEAD_BYTES, field);
        self.put(at + 16, &checksum.to_le_bytes());
        self.put(at, &head);
    }

    /// Writes the whole box to another file. Async-signal-safe.
    #[cfg(feature = "native")]
    pub(super) fn copy_to(&self, file: &File, offset: u64) -> io::Result<()> {
        // SAFETY: the mapping, of which the kernel reads what is there at the moment.
        let written = unsafe {
            libc::pwrite(
                file.as_raw_fd(),
                self.base.as_ptr().cast(),
                BOX_BYTES,
                offset as libc::off_t,
            )
        };
        if written == BOX_BYTES as isize {
            return Ok(());
        }
        Err(io::ErrorKind::StorageFull.into())
    }

    /// A place for the scope of a thread; none if all are taken.
    pub(crate) fn claim_slot(&self, thread: u32) -> Option<usize> {
        (1..SLOTS).find(|slot| {
            self.word(SLOTS_AT + slot * SLOT_BYTES)
                .compare_exchange(0, thread.into(), Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
        })
    }

    /// Gives a place back when its thread ends.
    pub(crate) fn release_slot(&self, slot: usize) {
        let at = SLOTS_AT + slot * SLOT_BYTES;
        self.half(at + 24).store(0, Ordering::Relaxed);
        self.half(at + 28).store(0, Ordering::Relaxed);
        self.word(at).store(0, Ordering::Release);
    }

    /// Writes a scope into the pane that is not valid now, then makes it the valid one. One thread at a time for a slot.
    pub(crate) fn put_scope(&self, slot: usize, fields: &[u8]) {
        if slot >= SLOTS || fields.len() > PANE_BYTES {
            return;
        }
        let at = SLOTS_AT + slot * SLOT_BYTES;
        let valid = self.word(at + 16);
        let pane = 1 - (valid.load(Ordering::Relaxed) & 1) as usize;
        self.put(at + SLOT_HEAD_BYTES + pane * PANE_BYTES, fields);
        self.half(at + 24 + 4 * pane)
            .store(fields.len() as u32, Ordering::Relaxed);
        let stamp = self.word(STAMP_AT).fetch_add(1, Ordering::Relaxed) + 1;
        self.word(at + 8).store(stamp, Ordering::Relaxed);
        valid.store(pane as u64, Ordering::Release);
    }

    /// Changes the counts of what was suppressed and is not yet in a frame.
    pub(crate) fn count_suppressed(&self, which: usize, added: u64, written: u64) {
        if which < 3 {
            let count = self.word(SUPPRESSED_AT + 8 * which);
            count.fetch_add(added.wrapping_sub(written), Ordering::Relaxed);
        }
    }

    /// Whether something was suppressed that is not yet in a frame.
    pub(crate) fn has_suppressed(&self) -> bool {
        let counts = (0..3).map(|which| self.word(SUPPRESSED_AT + 8 * which));
        counts.into_iter().any(|count| {
            let count = count.load(Ordering::Relaxed);
            (1..=u64::MAX / 2).contains(&count)
        })
    }

    /// Shows that a thread may be dying of its last panic; with thread 0 that it is not.
    pub(crate) fn put_dying(&self, index: usize, thread: u32, events: [[u8; 16]; 2]) {
        if index >= DYING_MAX {
            return;
        }
        let at = DYING_AT + index * DYING_BYTES;
        self.word(at).store(0, Ordering::Release);
        self.put(at + 8, &events[0]);
        self.put(at + 24, &events[1]);
        self.word(at).store(thread.into(), Ordering::Release);
    }

    /// Notes the control group of the process (inode, space, path) and how often the kernel has killed in it.
    pub(crate) fn put_memory_group(&self, group: &str, kills: u64) {
        if group.len() > GROUP_BYTES_MAX {
            return;
        }
        self.word(KILLS_AT).store(kills, Ordering::Relaxed);
        self.put(GROUP_AT + 4, group.as_bytes());
        self.put(GROUP_AT, &(group.len() as u32).to_le_bytes());
    }
}

/// Gives a file more room, which reads as zeros; a write to it cannot find the disk full.
#[cfg(target_os = "linux")]
pub(super) fn reserve(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let (offset, length) = (offset as libc::off_t, length as libc::off_t);
    // SAFETY: the descriptor is open.
    match unsafe { libc::fallocate(file.as_raw_fd(), 0, offset, length) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn reserve(_: &File, _: u64, _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn is_sure(file: &File) -> bool {
    let mut told = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the descriptor is open and the structure is as large as the call expects.
    if unsafe { libc::fstatfs(file.as_raw_fd(), told.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: fstatfs has filled it.
    let kind = unsafe { told.assume_init() }.f_type as u64 & 0xFFFF_FFFF;
    SURE_FILE_SYSTEMS.contains(&kind)
}

#[cfg(not(target_os = "linux"))]
fn is_sure(_: &File) -> bool {
    false
}

/// Makes a segment as `segment::create` does, by system calls alone, for a handler of signals. Its names are put into
/// `memory`, which `fill` may use after that.
#[cfg(feature = "native")]
pub(super) fn create_in_signal(
    directory: &[u8],
    pid: u32,
    segment: &[u8; 16],
    memory: &mut [u8],
    fill: impl FnOnce(&File, &mut [u8]) -> io::Result<()>,
) -> io::Result<File> {
    /// Digits of a process id, two hyphens, a zero, 32 digits, the ending, `.new-`, the closing zero: with some to spare.
    const NAME_BYTES_MAX: usize = 80;
    let names = 2 * (directory.len() + NAME_BYTES_MAX);
    let (names, memory) = memory
        .split_at_mut_checked(names)
        .ok_or(io::ErrorKind::StorageFull)?;
    let (temporary, path) = names.split_at_mut(directory.len() + NAME_BYTES_MAX);
    put_name(temporary, directory, b"/.new-", pid, segment, b"");
    put_name(path, directory, b"/", pid, segment, b".cvj");
    // SAFETY: both names end with a zero; the descriptor is new and has one owner.
    let file = unsafe {
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
        let file = libc::open(temporary.as_ptr().cast(), flags, 0o600);
        if file < 0 {
            return Err(io::Error::last_os_error());
        }
        <File as std::os::fd::FromRawFd>::from_raw_fd(file)
    };
    // SAFETY: the descriptor is open.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    fill(&file, memory)?;
    // SAFETY: both names end with a zero.
    if unsafe { libc::rename(temporary.as_ptr().cast(), path.as_ptr().cast()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file)
}

/// `<directory><before><pid>-0-<segment in hex><after>` and a zero.
#[cfg(feature = "native")]
fn put_name(
    name: &mut [u8],
    directory: &[u8],
    before: &[u8],
    pid: u32,
    segment: &[u8; 16],
    after: &[u8],
) {
    let mut length = 0;
    let mut put = |bytes: &[u8]| {
        if let Some(place) = name.get_mut(length..length + bytes.len()) {
            place.copy_from_slice(bytes);
            length += bytes.len();
        }
    };
    put(directory);
    put(before);
    let mut divisor = 1_000_000_000;
    while divisor > 1 && pid / divisor == 0 {
        divisor /= 10;
    }
    while divisor > 0 {
        put(&[b'0' + (pid / divisor % 10) as u8]);
        divisor /= 10;
    }
    put(b"-0-");
    for byte in segment {
        for digit in [byte >> 4, byte & 15] {
            put(&[b"0123456789abcdef"[usize::from(digit)]]);
        }
    }
    put(after);
    put(b"\0");
}

pub(super) type FileIdentity = (libc::dev_t, libc::ino_t);

/// Device and inode of an open file. Async-signal-safe.
pub(super) fn identity(file: &File) -> Option<FileIdentity> {
    let mut told = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the structure is as large as the call expects; a closed descriptor is an error.
    if unsafe { libc::fstat(file.as_raw_fd(), told.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: fstat has filled it.
    let told = unsafe { told.assume_init() };
    Some((told.st_dev, told.st_ino))
}

#[cfg(all(test, feature = "store"))]
mod tests;
