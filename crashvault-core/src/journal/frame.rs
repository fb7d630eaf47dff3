//! One frame: a fixed head of 48 bytes and a body.

/// Opens every frame. `0xC5` followed by a letter is never valid UTF-8, so no text in a body looks like it.
pub(super) const MAGIC: [u8; 4] = [0xC5, b'v', 0xF7, 0x1A];
pub(super) const VERSION: u8 = 1;
/// Bytes before the body.
pub(crate) const HEADER_BYTES: usize = 48;

/// What a frame's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// One event.
    Event = 1,
    /// What all following events of the segment share.
    Process = 2,
    /// The module table: the binaries mapped into the process.
    Modules = 3,
    /// Counters of what was suppressed since the process's last such frame.
    Counts = 4,
    /// What is to be added to the event that the frame's id names.
    Amend = 5,
    /// What somebody sent: an event or another item, behind a head that tells of its way.
    #[cfg(feature = "store")]
    Received = 6,
}

/// Bits that say how to read a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Flags(pub(crate) u16);

impl Flags {
    /// The body is a whole JSON event payload instead of wire fields.
    pub(crate) const JSON: Self = Self(1);
    /// The event ended the program, thread or task; it may use the last of the emergency place.
    pub(crate) const FATAL: Self = Self(2);

    /// Whether all bits of `other` are set.
    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The head of a frame, without magic, version, length and checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// As written; a number this version does not know is kept for the caller to skip.
    pub(super) kind: u8,
    pub(super) flags: Flags,
    pub(super) id: [u8; 16],
    pub(super) sequence: u64,
    pub(super) key_id: u32,
}

/// Fills the first 48 bytes of `frame`, whose body already stands behind them.
///
/// `seed` is the segment's: a frame is valid in its own segment alone, so nobody can smuggle one in as text.
pub(super) fn seal(frame: &mut [u8], head: Head, seed: u32) {
    let length = (frame.len() - HEADER_BYTES) as u32;
    frame[0..4].copy_from_slice(&MAGIC);
    frame[4] = VERSION;
    frame[5] = head.kind;
    frame[6..8].copy_from_slice(&head.flags.0.to_le_bytes());
    frame[8..12].copy_from_slice(&length.to_le_bytes());
    frame[16..32].copy_from_slice(&head.id);
    frame[32..40].copy_from_slice(&head.sequence.to_le_bytes());
    frame[40..44].copy_from_slice(&head.key_id.to_le_bytes());
    frame[44..48].fill(0);
    let checksum = checksum(frame, seed);
    frame[12..16].copy_from_slice(&checksum.to_le_bytes());
}

/// Seals a run of sealed frames anew, for another segment.
#[cfg(feature = "native")]
pub(super) fn reseal(mut frames: &mut [u8], seed: u32) {
    while let Some(length) = length_at(frames).filter(|length| *length <= frames.len()) {
        let (frame, rest) = frames.split_at_mut(length);
        let checksum = checksum(frame, seed);
        frame[12..16].copy_from_slice(&checksum.to_le_bytes());
        frames = rest;
    }
}

/// Bytes of the sealed frame at the start of `frames`; `None` if there is not even a head.
pub(super) fn length_at(frames: &[u8]) -> Option<usize> {
    let length = frames.get(8..12)?.try_into().ok()?;
    Some(HEADER_BYTES + u32::from_le_bytes(length) as usize)
}

/// CRC-32C of everything but the checksum itself.
pub(super) fn checksum(frame: &[u8], seed: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(seed, &frame[..12]), &frame[16..])
}
