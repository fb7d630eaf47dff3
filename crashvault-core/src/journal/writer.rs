//! Writing: one `write(2)` of one frame to the process's append segment; the preallocated segment for what must
//! reach the disk, and as the emergency place when it is full.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::Durability;
use super::frame::{self, Flags, Head, Kind};
use super::held::Held;
use super::segment::{self, COUNTERS_AT, HEADER_BYTES, Identity, SegmentHeader};
use crate::time::Timestamp;

/// How long an `async` frame may stay in memory.
const ASYNC_DELAY_MAX: Duration = Duration::from_millis(100);
/// An `async` buffer longer than this is written at once, in bytes.
const ASYNC_BYTES_MAX: usize = 64 * 1024;
/// Of the emergency place, kept for fatal events, in bytes.
const EMERGENCY_FATAL_BYTES: u64 = 32 * 1024;
/// How often a journal over its limit is measured again.
const OVER_LIMIT_RECHECK: Duration = Duration::from_secs(1);
/// Attempts to make a segment when a cleaner or another writer is in the way.
const CREATE_ATTEMPTS: usize = 3;

/// Sizes of a journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// An append segment is rotated beyond this, in bytes.
    pub(crate) segment_bytes_max: u64,
    /// The preallocated segment, in bytes.
    pub(crate) preallocated_bytes: u64,
    /// All segments of the vault together, in bytes; beyond it repeats become counters.
    pub(crate) journal_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            segment_bytes_max: 4 * 1024 * 1024,
            preallocated_bytes: 128 * 1024,
            journal_bytes_max: 256 * 1024 * 1024,
        }
    }
}

/// What each segment begins with, so that it can be read without any other.
pub(crate) trait Preamble: Send + Sync {
    /// Appends the body of the process frame.
    fn process(&self, body: &mut Vec<u8>);
    /// Appends the body of the modules frame and returns the generation of the module list it shows.
    fn modules(&self, body: &mut Vec<u8>) -> u64;
}

/// What a caller wants written, beside the body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) flags: Flags,
    pub(crate) id: [u8; 16],
    pub(crate) durability: Durability,
    /// The generation of the module list that the body's addresses belong to.
    pub(crate) modules_generation: u64,
}

/// The journal of one process. Shared by its threads; abandoned, never used or closed, in a forked child.
pub(crate) struct Journal {
    directory: PathBuf,
    limits: Limits,
    identity: Identity,
    preamble: Box<dyn Preamble>,
    random: fn() -> [u8; 16],
    sequence: AtomicU64,
    segments_made: AtomicU32,
    appended_count: AtomicU64,
    append: RwLock<Option<Segment>>,
    preallocated: RwLock<Option<Segment>>,
    over_limit: OverLimit,
    lost_count: AtomicU64,
    last_errno: AtomicU32,
}

struct Segment {
    file: File,
    seed: u32,
    /// Append segment: bytes written. Preallocated segment: bytes reserved.
    length: AtomicU64,
    modules_generation: AtomicU64,
    waiting: Mutex<Waiting>,
    has_waiting: AtomicBool,
    /// The journal's losses when this segment was made: its head counts those since.
    lost_before: u64,
    _held: Held,
}

/// Frames of durability `async` that are not yet written.
#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    since: Option<Instant>,
}

#[derive(Default)]
struct OverLimit {
    is_over: AtomicBool,
    checked: Mutex<Option<Instant>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while such a lock is held cannot leave the data half-changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal {
    /// A journal in `directory`. Nothing is made on disk before the first append.
    pub(crate) fn new(
        directory: PathBuf,
        limits: Limits,
        identity: Identity,
        preamble: Box<dyn Preamble>,
        random: fn() -> [u8; 16],
    ) -> Self {
        Self {
            directory,
            limits,
            identity,
            preamble,
            random,
            sequence: AtomicU64::new(0),
            segments_made: AtomicU32::new(0),
            appended_count: AtomicU64::new(0),
            append: RwLock::new(None),
            preallocated: RwLock::new(None),
            over_limit: OverLimit::default(),
            lost_count: AtomicU64::new(0),
            last_errno: AtomicU32::new(0),
        }
    }

    /// Makes its directory, so that the first capture need not. A failure shows at the first append.
    pub(crate) fn prepare(&self) {
        let _ = make_private_directory(&self.directory);
    }

    /// Where its segments lie.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Captures that could not be written, and the last error number of the operating system (0 if none).
    pub(crate) fn losses(&self) -> (u64, u32) {
        (
            self.lost_count.load(Ordering::Relaxed),
            self.last_errno.load(Ordering::Relaxed),
        )
    }

    /// Whether the journal's directory holds more than its limit; measured at each new segment.
    pub(crate) fn is_over_limit(&self) -> bool {
        if !self.over_limit.is_over.load(Ordering::Relaxed) {
            return false;
        }
        let due = lock(&self.over_limit.checked).is_none_or(|at| at.elapsed() > OVER_LIMIT_RECHECK);
        if due {
            self.measure();
        }
        self.over_limit.is_over.load(Ordering::Relaxed)
    }

    fn measure(&self) -> u64 {
        let bytes = segment::directory_bytes(&self.directory);
        self.over_limit
            .is_over
            .store(bytes > self.limits.journal_bytes_max, Ordering::Relaxed);
        *lock(&self.over_limit.checked) = Some(Instant::now());
        bytes
    }

    /// Writes one frame. `frame` holds [`frame::HEADER_BYTES`] bytes of room, then the body.
    ///
    /// # Errors
    /// What the operating system said, after the emergency place was tried too; the loss is then counted.
    pub(crate) fn append(&self, frame: &mut [u8], entry: Entry) -> io::Result<()> {
        let head = Head {
            kind: entry.kind as u8,
            flags: entry.flags,
            id: entry.id,
            sequence: self.sequence.fetch_add(1, Ordering::Relaxed),
            key_id: 0,
        };
        if self.appended_count.fetch_add(1, Ordering::Relaxed) == 1 {
            self.prepare_emergency();
        }
        let written = match entry.durability {
            Durability::Data => self
                .write_preallocated(frame, head, true)
                .or_else(|_| self.write_append(frame, head, &entry)),
            Durability::Process | Durability::Async => self.write_append(frame, head, &entry),
        };
        written.or_else(|error| self.write_in_emergency(frame, head, error))
    }

    fn write_append(&self, frame: &mut [u8], head: Head, entry: &Entry) -> io::Result<()> {
        let rotate_at = self.limits.segment_bytes_max;
        let is_full = |segment: &Segment| segment.length.load(Ordering::Relaxed) >= rotate_at;
        self.with_segment(&self.append, is_full, Self::open_append, |segment| {
            self.refresh_modules(segment, entry.modules_generation)?;
            frame::seal(frame, head, segment.seed);
            match entry.durability {
                Durability::Async => segment.push_waiting(frame),
                Durability::Process => segment.append(frame),
                Durability::Data => segment
                    .append(frame)
                    .and_then(|()| segment.file.sync_data()),
            }
        })
    }

    /// Reserves room and writes there; nobody else writes at that place.
    fn write_preallocated(&self, frame: &mut [u8], head: Head, sync: bool) -> io::Result<()> {
        let needed = frame.len() as u64;
        let is_full = |segment: &Segment| {
            segment.length.load(Ordering::Relaxed) + needed > self.limits.preallocated_bytes
        };
        self.with_segment(
            &self.preallocated,
            is_full,
            Self::open_preallocated,
            |segment| {
                let offset = segment.reserve(needed, self.limits.preallocated_bytes)?;
                frame::seal(frame, head, segment.seed);
                segment.file.write_all_at(frame, offset)?;
                if sync {
                    segment.file.sync_data()
                } else {
                    Ok(())
                }
            },
        )
    }

    /// The last resort: the preallocated segment as it is, without asking the file system for anything new.
    fn write_in_emergency(&self, frame: &mut [u8], head: Head, cause: io::Error) -> io::Result<()> {
        let errno = cause.raw_os_error().unwrap_or_default() as u32;
        self.last_errno.store(errno, Ordering::Relaxed);
        let guard = self
            .preallocated
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let kept_back = if head.flags.contains(Flags::FATAL) {
            0
        } else {
            EMERGENCY_FATAL_BYTES
        };
        let written = guard.as_ref().map(|segment| {
            let offset = segment.reserve(
                frame.len() as u64,
                self.limits.preallocated_bytes - kept_back,
            )?;
            frame::seal(frame, head, segment.seed);
            segment.file.write_all_at(frame, offset)
        });
        if matches!(written, Some(Ok(()))) {
            return Ok(());
        }
        let lost = self.lost_count.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(segment) = guard.as_ref() {
            let mut counters = [0; 12];
            counters[..8].copy_from_slice(&(lost - segment.lost_before).to_le_bytes());
            counters[8..].copy_from_slice(&errno.to_le_bytes());
            let _ = segment.file.write_all_at(&counters, COUNTERS_AT);
        }
        Err(cause)
    }

    /// Runs `work` with a usable segment, making one first where there is none or it is full.
    fn with_segment(
        &self,
        slot: &RwLock<Option<Segment>>,
        is_full: impl Fn(&Segment) -> bool,
        open: fn(&Self) -> io::Result<Segment>,
        work: impl FnOnce(&Segment) -> io::Result<()>,
    ) -> io::Result<()> {
        {
            let guard = slot.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(segment) = guard.as_ref().filter(|segment| !is_full(segment)) {
                return work(segment);
            }
        }
        let mut guard = slot.write().unwrap_or_else(PoisonError::into_inner);
        if guard.as_ref().is_none_or(&is_full) {
            if let Some(full) = guard.as_ref() {
                full.flush_waiting()?;
            }
            match open(self) {
                Ok(segment) => *guard = Some(segment),
                // On a full disk a full append segment still beats none: what it refuses goes to the emergency place.
                Err(error) if guard.is_none() => return Err(error),
                Err(_) => {}
            }
        }
        match guard.as_ref() {
            Some(segment) => work(segment),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn refresh_modules(&self, segment: &Segment, generation: u64) -> io::Result<()> {
        if segment.modules_generation.load(Ordering::Relaxed) == generation {
            return Ok(());
        }
        let mut frame = vec![0; frame::HEADER_BYTES];
        let shown = self.preamble.modules(&mut frame);
        self.seal_own(&mut frame, Kind::Modules, segment.seed);
        segment.append(&frame)?;
        segment
            .modules_generation
            .store(shown.max(generation), Ordering::Relaxed);
        Ok(())
    }

    fn seal_own(&self, frame: &mut [u8], kind: Kind, seed: u32) {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let head = Head {
            kind: kind as u8,
            flags: Flags::default(),
            id: [0; 16],
            sequence,
            key_id: 0,
        };
        frame::seal(frame, head, seed);
    }

    fn open_append(&self) -> io::Result<Segment> {
        self.measure();
        self.open(false)
    }

    /// Makes the preallocated segment, so that the emergency place is there before it is needed. Not at the first append:
    /// most programs that capture at all do so once, and a crash loop would leave a preallocated file each time.
    fn prepare_emergency(&self) {
        let Ok(mut slot) = self.preallocated.write() else {
            return;
        };
        if slot.is_none() && self.measure() < self.limits.journal_bytes_max / 2 {
            *slot = self.open_preallocated().ok();
        }
    }

    fn open_preallocated(&self) -> io::Result<Segment> {
        self.open(true)
    }

    fn open(&self, is_preallocated: bool) -> io::Result<Segment> {
        let mut last = io::Error::from(io::ErrorKind::Other);
        for _ in 0..CREATE_ATTEMPTS {
            match self.try_open(is_preallocated) {
                Ok(segment) => return Ok(segment),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    make_private_directory(&self.directory)?;
                    last = error;
                }
                Err(error) => last = error,
            }
            if last
                .raw_os_error()
                .is_some_and(|code| code == libc::ENOSPC || code == libc::EROFS)
            {
                break;
            }
        }
        Err(last)
    }

    fn try_open(&self, is_preallocated: bool) -> io::Result<Segment> {
        let number = self.segments_made.fetch_add(1, Ordering::Relaxed);
        let created_at = Timestamp::now().as_nanos();
        let header = SegmentHeader::new(
            &self.identity,
            number,
            created_at,
            is_preallocated,
            (self.random)(),
        );
        let seed = header.seed();
        let (content, generation) = self.preamble(seed);
        let used = (HEADER_BYTES + content.len()) as u64;
        // Zeros are written, not only reserved: later writes then change no metadata and cannot find the disk full.
        let zeros = if is_preallocated {
            self.limits.preallocated_bytes.saturating_sub(used)
        } else {
            0
        };
        let (file, _) = segment::create(&self.directory, &header, &content, zeros)?;
        Ok(Segment {
            _held: Held::new(&file),
            file,
            seed,
            length: AtomicU64::new(used),
            modules_generation: AtomicU64::new(generation),
            waiting: Mutex::default(),
            has_waiting: AtomicBool::new(false),
            lost_before: self.lost_count.load(Ordering::Relaxed),
        })
    }

    /// The process frame and the modules frame, and the generation of the latter.
    fn preamble(&self, seed: u32) -> (Vec<u8>, u64) {
        let mut content = vec![0; frame::HEADER_BYTES];
        self.preamble.process(&mut content);
        self.seal_own(&mut content, Kind::Process, seed);
        let start = content.len();
        content.resize(start + frame::HEADER_BYTES, 0);
        let generation = self.preamble.modules(&mut content);
        self.seal_own(&mut content[start..], Kind::Modules, seed);
        (content, generation)
    }

    /// Writes what waits in memory; `sync` also waits for the disk.
    pub(crate) fn flush(&self, sync: bool) -> io::Result<()> {
        let guard = self.append.read().unwrap_or_else(PoisonError::into_inner);
        let Some(segment) = guard.as_ref() else {
            return Ok(());
        };
        segment.flush_waiting()?;
        if sync {
            segment.file.sync_data()
        } else {
            Ok(())
        }
    }

    /// Writes what has waited long enough; says when to come again, `None` if nothing waits.
    pub(crate) fn flush_due(&self) -> Option<Duration> {
        let guard = self.append.read().unwrap_or_else(PoisonError::into_inner);
        let segment = guard.as_ref()?;
        let since = lock(&segment.waiting).since?;
        let left = ASYNC_DELAY_MAX.saturating_sub(since.elapsed());
        if left.is_zero() {
            // A failure keeps the bytes; the next append tries again and reports it.
            let _ = segment.flush_waiting();
            return None;
        }
        Some(left)
    }

    /// Ends writing: what waits is written and the locks are given up, so that others may drain and remove.
    pub(crate) fn close(&self) -> io::Result<()> {
        let flushed = self.flush(true);
        for slot in [&self.append, &self.preallocated] {
            *slot.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        flushed
    }
}

impl Segment {
    fn append(&self, frame: &[u8]) -> io::Result<()> {
        if self.has_waiting.load(Ordering::Relaxed) {
            self.flush_waiting()?;
        }
        self.write(frame)
    }

    /// One `write(2)`. A short write leaves a torn frame, which readers skip, and is an error here.
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let written = loop {
            match (&self.file).write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.length.fetch_add(written as u64, Ordering::Relaxed);
        if written == bytes.len() {
            return Ok(());
        }
        // Linux writes short only where the next byte would not fit.
        Err(io::Error::from_raw_os_error(libc::ENOSPC))
    }

    fn reserve(&self, bytes: u64, end_max: u64) -> io::Result<u64> {
        self.length
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |length| {
                length.checked_add(bytes).filter(|end| *end <= end_max)
            })
            .map_err(|_| io::ErrorKind::StorageFull.into())
    }

    fn push_waiting(&self, frame: &[u8]) -> io::Result<()> {
        let mut waiting = lock(&self.waiting);
        waiting.bytes.extend_from_slice(frame);
        self.has_waiting.store(true, Ordering::Relaxed);
        let since = *waiting.since.get_or_insert_with(Instant::now);
        if waiting.bytes.len() > ASYNC_BYTES_MAX || since.elapsed() > ASYNC_DELAY_MAX {
            self.write_waiting(&mut waiting)?;
        }
        Ok(())
    }

    fn flush_waiting(&self) -> io::Result<()> {
        self.write_waiting(&mut lock(&self.waiting))
    }

    fn write_waiting(&self, waiting: &mut Waiting) -> io::Result<()> {
        if !waiting.bytes.is_empty() {
            self.write(&waiting.bytes)?;
            waiting.bytes.clear();
        }
        waiting.since = None;
        self.has_waiting.store(false, Ordering::Relaxed);
        Ok(())
    }
}

fn make_private_directory(directory: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}
