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
    shifts: OnceCell<Vec<Shift>>,
}

/// What `1 << n` zero bytes make of each bit of a checksum.
type Shift = [u32; 32];

impl<'b> Sums<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            before: OnceCell::new(),
            shifts: OnceCell::new(),
        }
    }

    /// CRC-32C of these bytes behind others of which it is `seed`.
    pub(super) fn of(&self, seed: u32, range: Range<usize>) -> u32 {
        // Sums add up: what stands before the part is taken out of the sum of all until its end, the seed put in.
        let before = seed ^ self.until(range.start);
        self.shifted(before, range.len()) ^ self.until(range.end)
    }

    /// The checksum behind so many zero bytes, apart from what these add. What they do is worked out once: each time would
    /// take longer than reading a short frame.
    fn shifted(&self, sum: u32, bytes: usize) -> u32 {
        let shifts = self.shifts.get_or_init(|| {
            let shift = |power: u32| {
                std::array::from_fn(|bit| crc32c::crc32c_combine(1 << bit, 0, 1 << power))
            };
            (0..usize::BITS - self.bytes.len().leading_zeros())
                .map(shift)
                .collect()
        });
        let powers = shifts.iter().enumerate();
        powers
            .filter(|(power, _)| bytes >> power & 1 == 1)
            .fold(sum, |sum, (_, shift)| {
                let bits = shift.iter().enumerate();
                bits.filter(|(bit, _)| sum >> bit & 1 == 1)
                    .fold(0, |shifted, (_, of_bit)| shifted ^ of_bit)
            })
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
        for range in [
            0..0,
            77..77,
            0..5000,
            1..2,
            1023..1025,
            1024..2048,
            4096..5000,
            77..78,
        ] {
            let alone = crc32c::crc32c_append(9, &bytes[range.clone()]);
            assert_eq!(sums.of(9, range.clone()), alone, "{range:?}");
        }
    }
}
