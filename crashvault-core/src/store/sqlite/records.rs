//! Checksums over ground rows: what finds a flipped bit in a value that is read every day and looks as good as another.

/// CRC-32C over the values of a row, each behind its length. Never 0, which stands for "none".
pub(super) fn crc(values: &[&[u8]]) -> u32 {
    let crc = values.iter().fold(0, |crc, value| {
        let crc = crc32c::crc32c_append(crc, &(value.len() as u64).to_le_bytes());
        crc32c::crc32c_append(crc, value)
    });
    crc.max(1)
}

/// Of a row of `event`.
pub(super) struct EventRow<'r> {
    pub(super) event_id: &'r [u8],
    pub(super) variant: i64,
    pub(super) level: i64,
    pub(super) time: i64,
    pub(super) received_at: i64,
    pub(super) process: &'r [u8],
    pub(super) sequence: i64,
}

impl EventRow<'_> {
    pub(super) fn crc(&self) -> u32 {
        crc(&[
            self.event_id,
            &self.variant.to_le_bytes(),
            &self.level.to_le_bytes(),
            &self.time.to_le_bytes(),
            &self.received_at.to_le_bytes(),
            self.process,
            &self.sequence.to_le_bytes(),
        ])
    }
}

/// Of a row of `variant_join`, its columns in order without the id.
pub(super) struct JoinRow<'r> {
    pub(super) project: i64,
    pub(super) variant: &'r [u8],
    pub(super) issue: i64,
    pub(super) reason: &'r str,
    pub(super) parts: &'r str,
    pub(super) algorithm: i64,
    pub(super) joined_at: i64,
}

impl JoinRow<'_> {
    pub(super) fn crc(&self) -> u32 {
        crc(&[
            &self.project.to_le_bytes(),
            self.variant,
            &self.issue.to_le_bytes(),
            self.reason.as_bytes(),
            self.parts.as_bytes(),
            &self.algorithm.to_le_bytes(),
            &self.joined_at.to_le_bytes(),
        ])
    }
}

/// Of a row of `variant_sketch`.
pub(super) struct SketchRow<'r> {
    pub(super) variant: i64,
    pub(super) sketch: &'r [u8],
}

impl SketchRow<'_> {
    pub(super) fn crc(&self) -> u32 {
        crc(&[&self.variant.to_le_bytes(), self.sketch])
    }
}

/// Of a row of `variant_comparison`.
pub(super) struct ComparisonRow<'r> {
    pub(super) variant: i64,
    pub(super) comparison: &'r str,
}

impl ComparisonRow<'_> {
    pub(super) fn crc(&self) -> u32 {
        crc(&[&self.variant.to_le_bytes(), self.comparison.as_bytes()])
    }
}

/// Of a row of `activity`, its columns in order without the sequence.
pub(super) struct ActivityRow<'r> {
    pub(super) id: &'r [u8],
    pub(super) issue: i64,
    pub(super) vault: &'r [u8],
    pub(super) author: &'r str,
    pub(super) wall: i64,
    pub(super) tick: i64,
    pub(super) decided_at: i64,
    pub(super) deed: &'r str,
}

impl ActivityRow<'_> {
    pub(super) fn crc(&self) -> u32 {
        crc(&[
            self.id,
            &self.issue.to_le_bytes(),
            self.vault,
            self.author.as_bytes(),
            &self.wall.to_le_bytes(),
            &self.tick.to_le_bytes(),
            &self.decided_at.to_le_bytes(),
            self.deed.as_bytes(),
        ])
    }
}
