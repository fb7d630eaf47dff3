//! Bytes → heads and frames. Believes nothing that its checksum does not confirm.

use super::frame::{Flags, HEADER_BYTES, Head, Kind, MAGIC, VERSION, checksum};
use super::segment::{
    self, BOX_BYTES_AT, CHECKSUM_AT, COUNTERS_AT, FLAG_FORKED, FLAG_MARKED, FLAG_PLACE,
    FLAG_PREALLOCATED, Identity, MARK_AT, Mark, SYMBOLS_KEY_AT, SYMBOLS_KEY_BYTES_MAX,
    SegmentHeader,
};

/// Longest body a reader believes in, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

impl Kind {
    fn from_number(number: u8) -> Option<Self> {
        [
            Self::Event,
            Self::Process,
            Self::Modules,
            Self::Counts,
            Self::Amend,
            Self::Received,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == number)
    }
}

impl Head {
    pub(super) fn kind(&self) -> Option<Kind> {
        Kind::from_number(self.kind)
    }
}

/// What stands at the start of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed<'b> {
    /// A whole valid frame and the bytes it takes.
    Frame(Head, &'b [u8], usize),
    /// A valid frame of a newer version, of which only the length is known.
    Newer(u8, usize),
    /// Nothing that can be read.
    Bad,
}

pub(super) fn parse(bytes: &[u8], seed: u32) -> Parsed<'_> {
    let Some(head) = bytes.get(..HEADER_BYTES) else {
        return Parsed::Bad;
    };
    let length = u32_at(head, 8) as usize;
    if head[..4] != MAGIC || length > BODY_BYTES_MAX {
        return Parsed::Bad;
    }
    let Some(frame) = bytes.get(..HEADER_BYTES + length) else {
        return Parsed::Bad;
    };
    if checksum(frame, seed) != u32_at(head, 12) {
        return Parsed::Bad;
    }
    if head[4] != VERSION {
        return Parsed::Newer(head[4], frame.len());
    }
    let parsed = Head {
        kind: head[5],
        flags: Flags(u16::from_le_bytes([head[6], head[7]])),
        id: array_at(head, 16),
        sequence: u64::from_le_bytes(array_at(head, 32)),
        key_id: u32_at(head, 40),
    };
    Parsed::Frame(parsed, &frame[HEADER_BYTES..], frame.len())
}

pub(super) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, offset))
}

pub(super) fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[offset..offset + N]);
    array
}

/// Why a file is not a segment this version can read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// Shorter than a head, or another magic, or a checksum that does not fit.
    Corrupt(&'static str),
    /// Written by a newer version.
    Newer(u16),
}

impl SegmentHeader {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HeaderFault> {
        let Some(bytes) = bytes.get(..segment::HEADER_BYTES) else {
            return Err(HeaderFault::Corrupt("shorter than a segment's head"));
        };
        if bytes[..8] != segment::MAGIC {
            return Err(HeaderFault::Corrupt("not a journal segment"));
        }
        let version = u16::from_le_bytes(array_at(bytes, 8));
        if version > segment::VERSION {
            return Err(HeaderFault::Newer(version));
        }
        if crc32c::crc32c(&bytes[..CHECKSUM_AT]) != u32_at(bytes, CHECKSUM_AT) {
            return Err(HeaderFault::Corrupt("the segment's head is damaged"));
        }
        let key_length = usize::from(bytes[SYMBOLS_KEY_AT]).min(SYMBOLS_KEY_BYTES_MAX);
        let key = &bytes[SYMBOLS_KEY_AT + 1..SYMBOLS_KEY_AT + 1 + key_length];
        let counters = COUNTERS_AT as usize;
        let flags = u16::from_le_bytes(array_at(bytes, 10));
        Ok(Self {
            identity: Identity {
                process: array_at(bytes, 32),
                vault: array_at(bytes, 48),
                boot: array_at(bytes, 64),
                pid: u32_at(bytes, 80),
                start_ticks: u64::from_le_bytes(array_at(bytes, 88)),
                symbols_key: String::from_utf8_lossy(key).into_owned(),
            },
            segment: array_at(bytes, 16),
            number: u32_at(bytes, 84),
            created_at_ns: i64::from_le_bytes(array_at(bytes, 96)),
            is_preallocated: flags & FLAG_PREALLOCATED != 0,
            is_place: flags & FLAG_PLACE != 0,
            has_mark: flags & FLAG_MARKED != 0,
            is_forked: flags & FLAG_FORKED != 0,
            box_bytes: u32_at(bytes, BOX_BYTES_AT),
            mark: Mark::from_number(u32_at(bytes, MARK_AT as usize)),
            lost_count: u64::from_le_bytes(array_at(bytes, counters)),
            last_errno: u32_at(bytes, counters + 8),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::seal;
    use super::*;

    fn frame(body: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; HEADER_BYTES];
        frame.extend_from_slice(body);
        let head = Head {
            kind: 1,
            flags: Flags::FATAL,
            id: [7; 16],
            sequence: 9,
            key_id: 0,
        };
        seal(&mut frame, head, 42);
        frame
    }

    #[test]
    fn a_frame_comes_back() {
        let bytes = frame(b"body");
        let Parsed::Frame(head, body, length) = parse(&bytes, 42) else {
            panic!()
        };
        assert_eq!(
            (body, length, head.sequence),
            (&b"body"[..], bytes.len(), 9)
        );
        assert!(head.flags.contains(Flags::FATAL) && !head.flags.contains(Flags::JSON));
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let good = frame(b"body");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&bad, 42), Parsed::Bad, "bit {bit}");
        }
    }

    #[test]
    fn a_frame_of_another_segment_is_not_believed() {
        assert_eq!(parse(&frame(b"body"), 43), Parsed::Bad);
    }
}
