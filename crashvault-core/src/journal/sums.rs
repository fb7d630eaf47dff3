//! Checksums of any parts of a segment, each byte read once: within a damaged frame anything may look like the heads of
//! frames, a head every 48 bytes, each claiming all that follows.

use std::cell::OnceCell;
use std::ops::Range;

/// Sums are kept of every so many bytes.
const BLOCK_BYTES: usize = 1024;

pub(super) struct Sums<'b> {
    bytes: &'b [u8],
    /// The checksum of all bytes before each block; made when it is first asked for.
    before: OnceCell<Vec<u32>>,
}

impl<'b> Sums<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            before: OnceCell::new(),
        }
    }

    /// CRC-32C of these bytes, of which there are some, behind others of which it is `seed`.
    pub(super) fn of(&self, seed: u32, range: Range<usize>) -> u32 {
        // Sums add up: what stands before the part is taken out of the sum of all until its end, the seed put in.
        let before = seed ^ self.until(range.start);
        crc32c::crc32c_combine(before, self.until(range.end), range.len())
    }

    fn until(&self, end: usize) -> u32 {
        let before = self.before.get_or_init(|| {
            let blocks = self.bytes.chunks_exact(BLOCK_BYTES);
            let sums = blocks.scan(0, |sum, block| {
                *sum = crc32c::crc32c_append(*sum, block);
                Some(*sum)
            });
            std::iter::once(0).chain(sums).collect()
        });
        let block = end / BLOCK_BYTES;
        crc32c::crc32c_append(before[block], &self.bytes[block * BLOCK_BYTES..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_the_sum_that_it_has_alone() {
        let bytes: Vec<u8> = (0..5000u32)
            .map(|number| (number * 7 % 251) as u8)
            .collect();
        let sums = Sums::new(&bytes);
        for range in [0..5000, 1..2, 1023..1025, 1024..2048, 4096..5000, 77..78] {
            let alone = crc32c::crc32c_append(9, &bytes[range.clone()]);
            assert_eq!(sums.of(9, range.clone()), alone, "{range:?}");
        }
    }
}
