//! The place for a process's last words: a segment made beforehand, with room for fatal frames, the mark of a good end,
//! and the black box.
//!
//! After it was made nothing here allocates or waits: all may be called in a signal handler.

use std::fs::File;
use std::io;
#[cfg(feature = "native")]
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::boxed::BOX_BYTES;
use super::frame::{self, Flags, HEADER_BYTES, Head, Kind};
use super::held::Held;
use super::ring::{self, FileIdentity, Ring};
use super::segment::{self, MARK_AT, Mark, SegmentHeader};

/// Frames and black box begin and end on borders that are a page's on every machine, in bytes.
const ALIGNMENT: u64 = 64 * 1024;
/// Room for frames beside what the segment begins with, in bytes.
const FRAMES_BYTES: u64 = 160 * 1024;
/// Of these, what a usual record takes is written beforehand, so that writing it is quick; the rest is only reserved.
pub(super) const ZEROS_BYTES: u64 = 80 * 1024;

/// Bytes of such a segment, of which `used` are its beginning: all, and before the black box.
pub(super) fn sizes(used: u64, has_box: bool) -> (u64, u64) {
    let box_at = (used + FRAMES_BYTES).next_multiple_of(ALIGNMENT);
    (box_at + u64::from(has_box) * BOX_BYTES as u64, box_at)
}

/// Such a segment, held by this process.
pub(crate) struct Place {
    // Before `file`, as in `writer::Segment`.
    _held: Held,
    file: File,
    path: PathBuf,
    identity: Option<FileIdentity>,
    #[cfg(feature = "native")]
    pid: u32,
    seed: u32,
    start: u64,
    /// Up to here room is reserved.
    next: AtomicU64,
    end: u64,
    sequence: Arc<AtomicU64>,
    ring: Option<Ring>,
    /// Whether there is a file of stacks beside it.
    #[cfg(feature = "host")]
    has_stacks: std::sync::atomic::AtomicBool,
    #[cfg(feature = "native")]
    /// None in a child's place, which is used on a small stack and passes on nothing.
    beginning: Option<Box<Beginning>>,
}

#[cfg(feature = "native")]
/// What a segment begins with, for the one that a forked child makes when it crashes before it has captured anything.
struct Beginning {
    head: [u8; segment::HEADER_BYTES],
    /// Process and modules, sealed for the parent's segment.
    frames: Vec<u8>,
    directory: Vec<u8>,
}

impl Place {
    pub(super) fn new(
        (file, path): (File, PathBuf),
        header: &SegmentHeader,
        frames: Vec<u8>,
        end: u64,
        sequence: Arc<AtomicU64>,
    ) -> Self {
        let start = (segment::HEADER_BYTES + frames.len()) as u64;
        let has_box = header.box_bytes > 0;
        #[cfg(feature = "native")]
        let directory = path.parent().map(|path| path.as_os_str().as_bytes());
        Self {
            _held: Held::new(&file),
            identity: ring::identity(&file),
            ring: has_box.then(|| Ring::map(&file, end).ok()).flatten(),
            file,
            #[cfg(feature = "native")]
            pid: header.identity.pid,
            seed: header.seed(),
            start,
            next: AtomicU64::new(start),
            end,
            sequence,
            #[cfg(feature = "host")]
            has_stacks: false.into(),
            #[cfg(feature = "native")]
            beginning: Some(Box::new(Beginning {
                head: header.encode(),
                frames,
                directory: directory.unwrap_or_default().to_vec(),
            })),
            path,
        }
    }

    /// A place for a child of this process that was forked and has none of its own, or for this one after its end in the
    /// usual way, made as it dies: by system calls alone, in `memory`, where the beginning must have room twice. The black box is a copy of the parent's, whose memory
    /// the child has.
    ///
    /// # Errors
    /// What the system says.
    #[cfg(feature = "native")]
    pub(crate) fn for_child(
        &self,
        pid: u32,
        segment: [u8; 16],
        created_at_ns: u64,
        memory: &mut [u8],
    ) -> io::Result<Self> {
        let beginning = self.beginning.as_deref().ok_or(io::ErrorKind::NotFound)?;
        let directory = &beginning.directory;
        let file = ring::create_in_signal(directory, pid, &segment, memory, |file, memory| {
            let head = room_in(memory, segment::HEADER_BYTES)?;
            head.copy_from_slice(&beginning.head);
            segment::adopt(head, pid, segment, created_at_ns);
            file.write_all_at(head, 0)?;
            let frames = room_in(memory, beginning.frames.len())?;
            frames.copy_from_slice(&beginning.frames);
            frame::reseal(frames, crc32c::crc32c(&segment));
            file.write_all_at(frames, segment::HEADER_BYTES as u64)?;
            match &self.ring {
                Some(ring) => ring.copy_to(file, self.end),
                None => file.set_len(self.end),
            }
        })?;
        Ok(Self {
            _held: Held::new(&file),
            identity: ring::identity(&file),
            ring: None,
            file,
            path: PathBuf::new(),
            pid,
            seed: crc32c::crc32c(&segment),
            start: self.start,
            next: AtomicU64::new(self.start),
            end: self.end,
            sequence: Arc::clone(&self.sequence),
            #[cfg(feature = "host")]
            has_stacks: false.into(),
            beginning: None,
        })
    }

    /// The black box, where it could be had.
    pub(crate) fn ring(&self) -> Option<&Ring> {
        self.ring.as_ref()
    }

    /// The process that made it.
    #[cfg(feature = "native")]
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Bytes that a frame may still have, its head included.
    #[cfg(feature = "native")]
    pub(crate) fn room(&self) -> u64 {
        self.end.saturating_sub(self.next.load(Ordering::Relaxed))
    }

    /// Writes one frame: [`HEADER_BYTES`] bytes of room, then the body.
    ///
    /// # Errors
    /// `StorageFull`; what the system says; `NotFound` if the host closed our descriptor, whose number may by now be
    /// another file's.
    pub(crate) fn write(
        &self,
        frame: &mut [u8],
        kind: Kind,
        flags: Flags,
        id: [u8; 16],
    ) -> io::Result<()> {
        self.check()?;
        let head = Head {
            kind: kind as u8,
            flags,
            id,
            sequence: self.sequence.fetch_add(1, Ordering::Relaxed),
            key_id: 0,
        };
        debug_assert!(frame.len() >= HEADER_BYTES);
        let offset = self
            .next
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |next| {
                next.checked_add(frame.len() as u64)
                    .filter(|end| *end <= self.end)
            })
            .map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
        frame::seal(frame, head, self.seed);
        self.file.write_all_at(frame, offset)
    }

    /// Whether nothing more can be written: the process has ended in the usual way, or there is no room.
    #[cfg(feature = "native")]
    pub(crate) fn is_done(&self) -> bool {
        self.position() >= self.end
    }

    /// Up to where frames are written, for [`Place::withdraw`].
    #[cfg(feature = "native")]
    pub(crate) fn position(&self) -> u64 {
        self.next.load(Ordering::Acquire)
    }

    /// Takes back what was written since: it did not come to an end after all.
    #[cfg(feature = "native")]
    pub(crate) fn withdraw(&self, since: u64) {
        static ZEROS: [u8; 4096] = [0; 4096];
        let written = self.position();
        if self.check().is_err() {
            return;
        }
        let mut at = since;
        while at < written {
            let length = (written - at).min(ZEROS.len() as u64);
            let _ = self.file.write_all_at(&ZEROS[..length as usize], at);
            at += length;
        }
        self.put_mark(Mark::None);
        // Where another frame came in between, the room stays unused.
        let _ = self
            .next
            .compare_exchange(written, since, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Makes the file beside it that the runtime of the program's language may say its threads' stacks in.
    ///
    /// # Errors
    /// What the system says.
    #[cfg(feature = "host")]
    pub(crate) fn open_stacks(&self) -> io::Result<File> {
        let file = super::stacks::create(&self.path)?;
        self.has_stacks.store(true, Ordering::Release);
        Ok(file)
    }

    /// Says how the process ends.
    pub(crate) fn put_mark(&self, mark: Mark) {
        if self.check().is_ok() {
            let _ = self
                .file
                .write_all_at(&(mark as u32).to_le_bytes(), MARK_AT);
        }
    }

    /// Waits until the disk has what was written.
    #[cfg(feature = "native")]
    pub(crate) fn sync(&self) {
        if self.check().is_ok() {
            let _ = self.file.sync_data();
        }
    }

    /// The end in the usual way: nothing is written here after it. A segment that has nothing to tell goes.
    pub(crate) fn retire(&self) {
        self.put_mark(Mark::Ended);
        #[cfg(feature = "host")]
        if self.has_stacks.load(Ordering::Acquire) {
            let _ = std::fs::remove_file(super::stacks::path_of(&self.path));
        }
        if self.check().is_err() {
            return;
        }
        let is_empty = self.next.swap(self.end, Ordering::AcqRel) == self.start;
        if is_empty && !self.ring.as_ref().is_some_and(Ring::has_suppressed) {
            let _ = std::fs::remove_file(&self.path);
        }
        // The file stays open, as a handler may be looking at it; the lock is what says that the writer lives.
        let _ = self.file.unlock();
    }

    fn check(&self) -> io::Result<()> {
        let is_ours = self.identity.is_some() && ring::identity(&self.file) == self.identity;
        is_ours
            .then_some(())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

#[cfg(feature = "native")]
fn room_in(memory: &mut [u8], bytes: usize) -> io::Result<&mut [u8]> {
    memory
        .get_mut(..bytes)
        .ok_or_else(|| io::ErrorKind::StorageFull.into())
}
