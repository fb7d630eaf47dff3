//! Writing: one `write(2)` of one frame to the process's append segment; the preallocated segment for what must
//! reach the disk, and as the emergency place when it is full.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::Durability;
use super::frame::{self, Flags, Head, Kind};
use super::held::Held;
use super::memory::Memory;
use super::place::{self, Place};
use super::segment::{self, COUNTERS_AT, HEADER_BYTES, Identity, SegmentHeader};
use crate::time::Timestamp;

/// How long an `async` frame may stay in memory.
const ASYNC_DELAY_MAX: Duration = Duration::from_millis(100);
/// An `async` buffer longer than this is written at once, in bytes.
const ASYNC_BYTES_MAX: usize = 64 * 1024;
/// Of the emergency place, kept for fatal events, in bytes.
const EMERGENCY_FATAL_BYTES: u64 = 32 * 1024;
/// A journal's size is believed for so long.
const MEASUREMENT_AGE_MAX: Duration = Duration::from_secs(1);
/// An append segment that cannot be rotated grows up to so many times its size; then it takes nothing more, so that
/// a reader need never hold more than that in memory.
const UNROTATED_GROWTH_MAX: u64 = 12;
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

/// What was received, on its way into a frame.
#[cfg(feature = "server")]
#[derive(Debug)]
pub(crate) struct Unsealed {
    pub(crate) id: [u8; 16],
    /// [`frame::HEADER_BYTES`] bytes of room, then the body.
    pub(crate) bytes: Vec<u8>,
}

/// The journal of one process. Shared by its threads; abandoned, never used or closed, in a forked child.
pub(crate) struct Journal {
    directory: PathBuf,
    limits: Limits,
    identity: Identity,
    preamble: Box<dyn Preamble>,
    random: fn() -> [u8; 16],
    /// Shared with the place for last words.
    sequence: Arc<AtomicU64>,
    segments_made: AtomicU32,
    appended_count: AtomicU64,
    append: RwLock<Option<Segment>>,
    preallocated: RwLock<Option<Segment>>,
    /// What the last preallocated segment began with, in bytes: its head, process and modules.
    preallocated_start: AtomicU64,
    /// Whether the emergency place is to be looked after at the next append that succeeds.
    is_emergency_due: AtomicBool,
    measured: Measured,
    lost_count: AtomicU64,
    last_errno: AtomicU32,
    memory: Memory,
}

struct Segment {
    // Before `file`, since fields are dropped in this order: once closed, the descriptor's number may be another
    // file's, which a forked child that still finds it registered would close.
    _held: Held,
    file: File,
    seed: u32,
    /// Append segment: bytes written. Preallocated segment: bytes reserved.
    length: AtomicU64,
    /// Its length when it was made.
    start: u64,
    /// Whether its name is known to survive a power cut.
    is_name_synced: AtomicBool,
    modules_generation: AtomicU64,
    waiting: Mutex<Waiting>,
    has_waiting: AtomicBool,
    /// The journal's losses when this segment was made: its head counts those since.
    lost_before: u64,
}

/// Frames of durability `async` that are not yet written.
#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    since: Option<Instant>,
}

/// The size of the journal's directory when it was last looked at.
#[derive(Default)]
struct Measured {
    bytes: AtomicU64,
    at: Mutex<Option<Instant>>,
}

/// How full a journal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fullness {
    /// Everything may be written.
    HasRoom,
    /// Repeats become counters; the first event of each key is kept.
    Over,
    /// Even firsts become counters: so many kinds of events are a flood too.
    FarOver,
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
            sequence: Arc::default(),
            segments_made: AtomicU32::new(0),
            appended_count: AtomicU64::new(0),
            append: RwLock::new(None),
            preallocated: RwLock::new(None),
            preallocated_start: AtomicU64::new(HEADER_BYTES as u64),
            is_emergency_due: AtomicBool::new(false),
            measured: Measured::default(),
            lost_count: AtomicU64::new(0),
            last_errno: AtomicU32::new(0),
            memory: Memory::none(),
        }
    }

    /// A journal that writes nothing down: frames are kept until [`take_kept`](Self::take_kept) is called.
    #[cfg(feature = "test")]
    pub(crate) fn in_memory(preamble: Box<dyn Preamble>, random: fn() -> [u8; 16]) -> Self {
        Self {
            memory: Memory::keeping(),
            ..Self::new(
                PathBuf::new(),
                Limits::default(),
                Identity::default(),
                preamble,
                random,
            )
        }
    }

    /// The events kept so far, in the order of their captures.
    #[cfg(feature = "test")]
    pub(crate) fn take_kept(&self) -> Vec<super::KeptFrame> {
        self.memory.take()
    }

    /// Makes its directory, so that the first capture need not. A failure shows at the first append.
    pub(crate) fn prepare(&self) {
        let _ = make_private_directory(&self.directory);
        self.measure();
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

    /// Whether the journal's directory holds more than its limit, and then whether more than twice that.
    ///
    /// Measured at each new segment, and each second while it is over.
    pub(crate) fn fullness(&self) -> Fullness {
        let max = self.limits.journal_bytes_max;
        if self.measured.bytes.load(Ordering::Relaxed) <= max {
            return Fullness::HasRoom;
        }
        if self.is_measurement_old() {
            self.measure();
        }
        match self.measured.bytes.load(Ordering::Relaxed) {
            bytes if bytes <= max => Fullness::HasRoom,
            bytes if bytes <= max.saturating_mul(2) => Fullness::Over,
            _ => Fullness::FarOver,
        }
    }

    fn is_measurement_old(&self) -> bool {
        lock(&self.measured.at).is_none_or(|at| at.elapsed() > MEASUREMENT_AGE_MAX)
    }

    fn measure(&self) -> u64 {
        let bytes = segment::directory_bytes(&self.directory);
        self.measured.bytes.store(bytes, Ordering::Relaxed);
        *lock(&self.measured.at) = Some(Instant::now());
        bytes
    }

    /// Writes one frame. `frame` holds [`frame::HEADER_BYTES`] bytes of room, then the body.
    ///
    /// # Errors
    /// What the operating system said, after the emergency place was tried too; the loss is then counted.
    pub(crate) fn append(&self, frame: &mut [u8], entry: Entry) -> io::Result<()> {
        if self.memory.keeps(frame, &entry) {
            return Ok(());
        }
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
                .write_preallocated(frame, head, &entry)
                .or_else(|_| self.write_append(frame, head, &entry)),
            Durability::Process | Durability::Async => self.write_append(frame, head, &entry),
        };
        if written.is_ok() && self.is_emergency_due.swap(false, Ordering::Relaxed) {
            self.prepare_emergency();
        }
        written.or_else(|error| self.write_in_emergency(frame, head, &entry, error))
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
                    .and_then(|()| segment.sync(&self.directory)),
            }
        })
    }

    /// Reserves room, writes there (nobody else writes at that place), and waits for the disk.
    fn write_preallocated(&self, frame: &mut [u8], head: Head, entry: &Entry) -> io::Result<()> {
        let length_max = self.limits.preallocated_bytes;
        let needed = frame.len() as u64;
        // Else each such frame would make a segment and leave it empty.
        if self.preallocated_start.load(Ordering::Relaxed) + needed > length_max {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let is_full = |segment: &Segment| {
            let modules = self.modules_if_stale(segment, entry.modules_generation);
            let needed = needed + modules.map_or(0, |(frame, _)| frame.len() as u64);
            segment.length.load(Ordering::Relaxed) + needed > length_max
        };
        self.with_segment(
            &self.preallocated,
            is_full,
            Self::open_preallocated,
            |segment| {
                self.write_reserved(segment, frame, head, entry, length_max)?;
                segment.sync(&self.directory)
            },
        )
    }

    /// Writes frames one behind the other with one `write(2)`, all of them in one segment, and then waits for the disk once,
    /// if asked. `bodies` hold [`frame::HEADER_BYTES`] bytes of room each.
    ///
    /// # Errors
    /// What the operating system said; some of the frames may be in the journal then.
    #[cfg(feature = "server")]
    pub(crate) fn append_all(&self, frames: &mut [Unsealed], is_synced: bool) -> io::Result<()> {
        self.appended_count
            .fetch_add(frames.len() as u64, Ordering::Relaxed);
        let rotate_at = self.limits.segment_bytes_max;
        let is_full = |segment: &Segment| segment.length.load(Ordering::Relaxed) >= rotate_at;
        self.with_segment(&self.append, is_full, Self::open_append, |segment| {
            let length = frames.iter().map(|frame| frame.bytes.len()).sum();
            let mut run = Vec::with_capacity(length);
            for frame in frames {
                let head = Head {
                    kind: Kind::Received as u8,
                    flags: Flags::JSON,
                    id: frame.id,
                    sequence: self.sequence.fetch_add(1, Ordering::Relaxed),
                    key_id: 0,
                };
                frame::seal(&mut frame.bytes, head, segment.seed);
                run.extend_from_slice(&frame.bytes);
            }
            segment.append(&run)?;
            match is_synced {
                true => segment.sync(&self.directory),
                false => Ok(()),
            }
        })
    }

    /// The last resort: the preallocated segment as it is, without asking the file system for anything new.
    fn write_in_emergency(
        &self,
        frame: &mut [u8],
        head: Head,
        entry: &Entry,
        cause: io::Error,
    ) -> io::Result<()> {
        let errno = cause.raw_os_error().unwrap_or_default() as u32;
        self.last_errno.store(errno, Ordering::Relaxed);
        let guard = self
            .preallocated
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let written = guard
            .as_ref()
            .map(|segment| self.write_at_last(segment, frame, head, entry));
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

    fn write_at_last(
        &self,
        segment: &Segment,
        frame: &mut [u8],
        head: Head,
        entry: &Entry,
    ) -> io::Result<()> {
        let length_max = self.limits.preallocated_bytes;
        let kept_back = if head.flags.contains(Flags::FATAL) {
            0
        } else {
            EMERGENCY_FATAL_BYTES
        };
        let end_max = length_max.saturating_sub(kept_back);
        let written = self.write_reserved(segment, frame, head, entry, end_max);
        // Also after a failure: the place may be full, and there may be room for another by now.
        if segment.is_half_used(length_max) {
            self.is_emergency_due.store(true, Ordering::Relaxed);
        }
        written?;
        match entry.durability {
            Durability::Data => segment.sync(&self.directory),
            Durability::Process | Durability::Async => Ok(()),
        }
    }

    /// Writes a frame into reserved room, behind the module table that its addresses need. Where only the frame itself
    /// has room, it goes without.
    fn write_reserved(
        &self,
        segment: &Segment,
        frame: &mut [u8],
        head: Head,
        entry: &Entry,
        end_max: u64,
    ) -> io::Result<()> {
        frame::seal(frame, head, segment.seed);
        if let Some((mut both, shown)) = self.modules_if_stale(segment, entry.modules_generation) {
            self.seal_own(&mut both, Kind::Modules, segment.seed);
            both.extend_from_slice(frame);
            if let Ok(offset) = segment.reserve(both.len() as u64, end_max) {
                segment.file.write_all_at(&both, offset)?;
                segment
                    .modules_generation
                    .fetch_max(shown, Ordering::Relaxed);
                return Ok(());
            }
        }
        let offset = segment.reserve(frame.len() as u64, end_max)?;
        segment.file.write_all_at(frame, offset)
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
                // Without a new one (full disk, no descriptor left) a full append segment still beats none, for a while.
                Err(error) if guard.as_ref().is_none_or(|full| self.is_overgrown(full)) => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
        match guard.as_ref() {
            Some(segment) => work(segment),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn is_overgrown(&self, segment: &Segment) -> bool {
        let length_max = self.limits.segment_bytes_max * UNROTATED_GROWTH_MAX;
        segment.length.load(Ordering::Relaxed) >= length_max
    }

    fn refresh_modules(&self, segment: &Segment, generation: u64) -> io::Result<()> {
        let Some((mut frame, shown)) = self.modules_if_stale(segment, generation) else {
            return Ok(());
        };
        self.seal_own(&mut frame, Kind::Modules, segment.seed);
        segment.append(&frame)?;
        segment
            .modules_generation
            .fetch_max(shown, Ordering::Relaxed);
        Ok(())
    }

    /// An unsealed modules frame and its generation, if the segment's last table is older than `generation`.
    fn modules_if_stale(&self, segment: &Segment, generation: u64) -> Option<(Vec<u8>, u64)> {
        if segment.modules_generation.load(Ordering::Relaxed) >= generation {
            return None;
        }
        let mut frame = vec![0; frame::HEADER_BYTES];
        let shown = self.preamble.modules(&mut frame);
        Some((frame, shown.max(generation)))
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
        // The first one comes right after `prepare`, as a rule.
        let is_first = self.appended_count.load(Ordering::Relaxed) <= 1;
        if !is_first || self.is_measurement_old() {
            self.measure();
        }
        let segment = self.open(false)?;
        let is_rotation = self.appended_count.load(Ordering::Relaxed) > 1;
        self.is_emergency_due
            .fetch_or(is_rotation, Ordering::Relaxed);
        Ok(segment)
    }

    /// Makes the preallocated segment, so that the emergency place is there before it is needed. Not at the first append:
    /// most programs that capture at all do so once, and a crash loop would leave a preallocated file each time. Made
    /// anew when it is used up by half, so that the next full disk finds it whole.
    fn prepare_emergency(&self) {
        let Ok(mut slot) = self.preallocated.write() else {
            return;
        };
        let length_max = self.limits.preallocated_bytes;
        let is_usable = slot
            .as_ref()
            .is_some_and(|segment| !segment.is_half_used(length_max));
        if is_usable || self.measure() >= self.limits.journal_bytes_max / 2 {
            return;
        }
        if let Ok(segment) = self.open_preallocated() {
            *slot = Some(segment);
        }
    }

    fn open_preallocated(&self) -> io::Result<Segment> {
        let segment = self.open(true)?;
        self.preallocated_start
            .store(segment.start, Ordering::Relaxed);
        Ok(segment)
    }

    fn open(&self, is_preallocated: bool) -> io::Result<Segment> {
        self.attempt(|| self.try_open(is_preallocated))
    }

    /// Makes the place for the process's last words, with a black box if asked.
    pub(crate) fn open_place(&self, has_box: bool, is_forked: bool) -> io::Result<Place> {
        self.attempt(|| self.try_open_place(has_box, is_forked))
    }

    /// Tries to make a segment, several times where a cleaner may have been in the way.
    fn attempt<T>(&self, make: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let mut last = io::Error::from(io::ErrorKind::Other);
        for _ in 0..CREATE_ATTEMPTS {
            match make() {
                Ok(made) => return Ok(made),
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

    fn new_header(&self, is_preallocated: bool) -> SegmentHeader {
        SegmentHeader::new(
            &self.identity,
            self.segments_made.fetch_add(1, Ordering::Relaxed),
            Timestamp::now().as_nanos(),
            is_preallocated,
            (self.random)(),
        )
    }

    fn try_open_place(&self, has_box: bool, is_forked: bool) -> io::Result<Place> {
        let mut header = self.new_header(true);
        let seed = header.seed();
        let (content, _) = self.preamble(seed);
        let used = (HEADER_BYTES + content.len()) as u64;
        let (length, box_at) = place::sizes(used, has_box);
        header.is_place = true;
        header.has_mark = has_box;
        header.is_forked = is_forked;
        header.box_bytes = (length - box_at) as u32;
        let zeros = place::ZEROS_BYTES.min(box_at - used);
        let room = (zeros, length - used - zeros);
        let made = segment::create(&self.directory, &header, &content, room)?;
        let sequence = Arc::clone(&self.sequence);
        Ok(Place::new(made, &header, content, box_at, sequence))
    }

    fn try_open(&self, is_preallocated: bool) -> io::Result<Segment> {
        let header = self.new_header(is_preallocated);
        let seed = header.seed();
        let (content, generation) = self.preamble(seed);
        let used = (HEADER_BYTES + content.len()) as u64;
        // Zeros are written, not only reserved: later writes then change no metadata and cannot find the disk full.
        let zeros = if is_preallocated {
            self.limits.preallocated_bytes.saturating_sub(used)
        } else {
            0
        };
        let (file, _) = segment::create(&self.directory, &header, &content, (zeros, 0))?;
        Ok(Segment {
            _held: Held::new(&file),
            file,
            seed,
            length: AtomicU64::new(used),
            start: used,
            is_name_synced: AtomicBool::new(false),
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

    /// Writes what waits in memory; `sync` also waits until the disk has every segment of the process.
    pub(crate) fn flush(&self, sync: bool) -> io::Result<()> {
        let guard = self.append.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = guard.as_ref() {
            segment.flush_waiting()?;
        }
        if sync && self.segments_made.load(Ordering::Relaxed) > 0 {
            segment::sync_all(&self.directory, &self.identity)?;
        }
        Ok(())
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
        self.write(frame).map_err(|(_, error)| error)
    }

    /// One `write(2)`. A short write leaves a torn frame, which readers skip, and is an error here; beside it stands
    /// how many bytes were written.
    fn write(&self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let written = loop {
            match (&self.file).write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other.map_err(|error| (0, error))?,
            }
        };
        self.length.fetch_add(written as u64, Ordering::Relaxed);
        if written == bytes.len() {
            return Ok(());
        }
        // Linux writes short only where the next byte would not fit.
        Err((written, io::Error::from_raw_os_error(libc::ENOSPC)))
    }

    /// Waits until what was written survives a power cut, and at the first time the file's name too.
    fn sync(&self, directory: &Path) -> io::Result<()> {
        self.file.sync_data()?;
        if !self.is_name_synced.load(Ordering::Relaxed) && segment::sync_names(directory)? {
            self.is_name_synced.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether a preallocated segment has used half of its room for frames.
    fn is_half_used(&self, length_max: u64) -> bool {
        let used = self.length.load(Ordering::Relaxed) - self.start;
        used * 2 > length_max.saturating_sub(self.start)
    }

    fn reserve(&self, bytes: u64, end_max: u64) -> io::Result<u64> {
        self.length
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |length| {
                length.checked_add(bytes).filter(|end| *end <= end_max)
            })
            .map_err(|_| io::ErrorKind::StorageFull.into())
    }

    /// A frame that is refused does not stay in memory: its caller takes it elsewhere.
    fn push_waiting(&self, frame: &[u8]) -> io::Result<()> {
        let mut waiting = lock(&self.waiting);
        waiting.bytes.extend_from_slice(frame);
        self.has_waiting.store(true, Ordering::Relaxed);
        let since = *waiting.since.get_or_insert_with(Instant::now);
        if waiting.bytes.len() <= ASYNC_BYTES_MAX && since.elapsed() <= ASYNC_DELAY_MAX {
            return Ok(());
        }
        self.write_waiting(&mut waiting).inspect_err(|_| {
            let kept = waiting.bytes.len() - frame.len();
            waiting.bytes.truncate(kept);
            self.note_waiting(&mut waiting);
        })
    }

    fn flush_waiting(&self) -> io::Result<()> {
        self.write_waiting(&mut lock(&self.waiting))
    }

    fn write_waiting(&self, waiting: &mut Waiting) -> io::Result<()> {
        let written = if waiting.bytes.is_empty() {
            Ok(())
        } else {
            self.write(&waiting.bytes)
        };
        match &written {
            Ok(()) => waiting.bytes.clear(),
            Err((length, _)) => {
                let whole = whole_frames_in(&waiting.bytes, *length);
                waiting.bytes.drain(..whole);
            }
        }
        self.note_waiting(waiting);
        written.map_err(|(_, error)| error)
    }

    fn note_waiting(&self, waiting: &mut Waiting) {
        let has_waiting = !waiting.bytes.is_empty();
        if !has_waiting {
            waiting.since = None;
        }
        self.has_waiting.store(has_waiting, Ordering::Relaxed);
    }
}

/// Bytes of the whole frames among the first `length` bytes of a run of frames: those need not be written again.
fn whole_frames_in(frames: &[u8], length: usize) -> usize {
    let mut end = 0;
    while let Some(next) = frame::length_at(&frames[end..]).map(|frame| end + frame) {
        if next > length {
            break;
        }
        end = next;
    }
    end
}

fn make_private_directory(directory: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(body: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; frame::HEADER_BYTES];
        frame.extend_from_slice(body);
        let head = Head {
            kind: Kind::Event as u8,
            flags: Flags::default(),
            id: [1; 16],
            sequence: 1,
            key_id: 0,
        };
        frame::seal(&mut frame, head, 1);
        frame
    }

    fn segment_on(path: &str) -> Segment {
        let file = File::options().append(true).open(path).unwrap();
        Segment {
            _held: Held::new(&file),
            file,
            seed: 1,
            length: AtomicU64::new(0),
            start: 0,
            is_name_synced: AtomicBool::new(false),
            modules_generation: AtomicU64::new(1),
            waiting: Mutex::default(),
            has_waiting: AtomicBool::new(false),
            lost_before: 0,
        }
    }

    #[test]
    fn only_frames_that_were_written_whole_are_forgotten() {
        let (first, second) = (sealed(b"first"), sealed(b"the second"));
        let both = [&first[..], &second].concat();
        for length in 0..=both.len() {
            let expected = match length {
                length if length == both.len() => both.len(),
                length if length >= first.len() => first.len(),
                _ => 0,
            };
            assert_eq!(whole_frames_in(&both, length), expected, "{length} written");
        }
    }

    #[test]
    fn a_full_disk_does_not_fill_the_memory() {
        let segment = segment_on("/dev/full");
        let frame = sealed(&[b'x'; 1000]);
        let kept = (0..1000).filter(|_| segment.push_waiting(&frame).is_ok());
        assert!(kept.count() <= ASYNC_BYTES_MAX / frame.len());
        let waiting = lock(&segment.waiting);
        assert!(waiting.bytes.len() <= ASYNC_BYTES_MAX);
        assert_eq!(waiting.bytes.len() % frame.len(), 0, "whole frames");
    }
}
