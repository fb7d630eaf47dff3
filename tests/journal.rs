//! The journal as docs/journal.md tells it, written by nothing but that page.
//!
//! Enters: fields and frames. Leaves: the bytes of a segment.
//!
//! Never: uses the engine's code.

/// CRC-32C of pieces, one behind the other.
pub fn crc32c(pieces: &[&[u8]]) -> u32 {
    let bytes = pieces.iter().flat_map(|piece| piece.iter());
    let crc = bytes.fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| match crc & 1 {
            1 => crc >> 1 ^ 0x82F6_3B78,
            _ => crc >> 1,
        })
    });
    !crc
}

/// Flag of a segment: its unused space is zero.
pub const PREALLOCATED: u16 = 1;
/// Flag of a frame: its body is JSON.
pub const JSON: u16 = 1;
/// Flag of a frame: its event ended the program.
pub const FATAL: u16 = 2;

/// A segment in the making: its id, and the sequence of its process.
pub struct Writer {
    /// The segment's.
    pub id: [u8; 16],
    /// The same in all segments of a process.
    pub process: [u8; 16],
    /// Of the next frame.
    pub sequence: u64,
}

impl Writer {
    /// A segment whose id is this byte sixteen times.
    pub fn new(id: u8) -> Self {
        Self {
            id: [id; 16],
            process: [id ^ 0xFF; 16],
            sequence: 0,
        }
    }

    /// The head of the segment.
    pub fn head(&self, flags: u16, number: u32, lost: u64, errno: u32) -> Vec<u8> {
        let mut head = b"CVJRNL\xF7\x01".to_vec();
        head.extend(1u16.to_le_bytes());
        head.extend(flags.to_le_bytes());
        head.extend(512u32.to_le_bytes());
        head.extend(self.id);
        head.extend(self.process);
        head.extend([0; 32]);
        head.extend(4711u32.to_le_bytes());
        head.extend(number.to_le_bytes());
        head.extend(99u64.to_le_bytes());
        head.extend(1_767_607_200_000_000_000i64.to_le_bytes());
        head.resize(432, 0);
        let checksum = crc32c(&[&head]);
        head.extend(checksum.to_le_bytes());
        head.extend([0; 4]);
        head.extend(lost.to_le_bytes());
        head.extend(errno.to_le_bytes());
        head.resize(512, 0);
        head
    }

    /// A whole frame of this version.
    pub fn frame(&mut self, kind: u8, flags: u16, event: u8, body: &[u8]) -> Vec<u8> {
        self.frame_of(1, kind, flags, event, 0, body)
    }

    /// A whole frame; `event` is its id sixteen times.
    pub fn frame_of(
        &mut self,
        version: u8,
        kind: u8,
        flags: u16,
        event: u8,
        key_id: u32,
        body: &[u8],
    ) -> Vec<u8> {
        let mut frame = vec![0xC5, 0x76, 0xF7, 0x1A, version, kind];
        frame.extend(flags.to_le_bytes());
        frame.extend((body.len() as u32).to_le_bytes());
        let mut behind = vec![event; 16];
        behind.extend(self.sequence.to_le_bytes());
        behind.extend(key_id.to_le_bytes());
        behind.extend([0; 4]);
        behind.extend(body);
        frame.extend(crc32c(&[&self.id, &frame, &behind]).to_le_bytes());
        frame.extend(behind);
        self.sequence += 1;
        frame
    }

    /// An event that says something.
    pub fn message(&mut self, event: u8, message: &str) -> Vec<u8> {
        let body = [
            field(1, &1_767_607_200_000_000_000i64.to_le_bytes()),
            field(2, &[1]),
            field(3, message.as_bytes()),
        ]
        .concat();
        self.frame(1, 0, event, &body)
    }

    /// The name of the segment's file, without what follows the dot.
    pub fn name(&self) -> String {
        let hex: String = self.id.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("4711-99-{hex}")
    }
}

/// A field of a body.
pub fn field(tag: u8, payload: &[u8]) -> Vec<u8> {
    [&[tag][..], &(payload.len() as u32).to_le_bytes(), payload].concat()
}

/// A field with a key.
pub fn keyed(tag: u8, key: &str, value: &str) -> Vec<u8> {
    field(
        tag,
        &[
            &(key.len() as u16).to_le_bytes()[..],
            key.as_bytes(),
            value.as_bytes(),
        ]
        .concat(),
    )
}
