//! How Crashvault 1 told issues apart: by the first half of the first eight bytes of nothing but the message's SHA-1.
//!
//! Imported issues are founded by this key, so that what is captured later in the same words finds them
//! (docs/decisions/0021).

use std::fmt;

use super::{Grouping, Key};
use crate::event::Event;

/// Why a variant of this kind joined its issue.
pub(crate) const REASON: &str = "v1";

/// Version 1's key of an issue: the first four bytes of the SHA-1 of its message, printed as eight hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LegacyFingerprint([u8; 4]);

impl LegacyFingerprint {
    /// Of a message, as version 1 took it: every byte of it, numbers and blanks too.
    pub(crate) fn of(message: &str) -> Self {
        let [a, b, c, d, ..] = sha1(message.as_bytes());
        Self([a, b, c, d])
    }

    /// From its eight hex digits.
    #[cfg(any(feature = "v1", test))]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_one = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = is_one.then(|| u32::from_str_radix(text, 16).ok())??;
        Some(Self(number.to_be_bytes()))
    }

    /// The variant that an issue of version 1 is founded by.
    pub(crate) fn grouping(self) -> Grouping {
        let key = Key {
            reason: REASON,
            parts: vec![format!("v1 fingerprint {self}")],
        };
        key.grouping(None)
    }
}

impl fmt::Display for LegacyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What version 1 would have taken this event for, where words are all it has: version 1 knew nothing else.
pub(crate) fn legacy_fingerprint(event: &Event) -> Option<LegacyFingerprint> {
    let is_words = event.exceptions.is_empty() && event.fingerprint.is_empty();
    let message = is_words.then(|| event.message_text())??;
    Some(LegacyFingerprint::of(message))
}

/// SHA-1 (FIPS 180-4). It keeps nothing safe here: it is the name that version 1 gave things.
fn sha1(message: &[u8]) -> [u8; 20] {
    let mut state = [
        0x6745_2301_u32,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    let (blocks, rest) = message.as_chunks::<64>();
    for block in blocks {
        compress(&mut state, block);
    }
    let mut last = [0; 128];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    let length = if rest.len() < 56 { 64 } else { 128 };
    last[length - 8..length].copy_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    for block in last[..length].as_chunks::<64>().0 {
        compress(&mut state, block);
    }
    let mut digest = [0; 20];
    for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}

fn compress(state: &mut [u32; 5], block: &[u8; 64]) {
    let mut words = [0_u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    for t in 16..80 {
        let mixed = words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16];
        words[t] = mixed.rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (t, word) in words.into_iter().enumerate() {
        let (chosen, constant) = match t / 20 {
            0 => ((b & c) | (!b & d), 0x5a82_7999),
            1 => (b ^ c ^ d, 0x6ed9_eba1),
            2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc_u32),
            _ => (b ^ c ^ d, 0xca62_c1d6),
        };
        let turned = a.rotate_left(5).wrapping_add(chosen).wrapping_add(e);
        let next = turned.wrapping_add(constant).wrapping_add(word);
        (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
    }
    for (sum, value) in state.iter_mut().zip([a, b, c, d, e]) {
        *sum = sum.wrapping_add(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: &str) {
        let digest = sha1(message.as_bytes());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected, "{} bytes", message.len());
    }

    // Source: the examples that NIST publishes beside FIPS 180.
    #[test]
    fn the_published_examples_come_out() {
        check("abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
        check("", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        check(
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
        );
        check(
            &"a".repeat(1_000_000),
            "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
        );
    }

    #[test]
    fn the_length_finds_its_place_around_a_block() {
        check(&"a".repeat(55), "c1c8bbdc22796e28c0e15163d20899b65621d65a");
        check(&"a".repeat(56), "c2db330f6083854c99d4b5bfb6e8f29f201be699");
        check(&"a".repeat(63), "03f09f5b158a7a8cdad920bddc29b81c18a551f5");
        check(&"a".repeat(64), "0098ba824b5c16427bd7a1122a5a442a25ec644d");
    }

    #[test]
    fn a_fingerprint_is_the_first_eight_digits() {
        let fingerprint = LegacyFingerprint::of("abc");
        assert_eq!(fingerprint.to_string(), "a9993e36");
        assert_eq!(LegacyFingerprint::parse("A9993E36"), Some(fingerprint));
        for wrong in ["", "a9993e3", "a9993e366", "+9993e36", "a9993e3x", "é993e3"] {
            assert_eq!(LegacyFingerprint::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_words_alone_have_one() {
        let mut event = Event::new();
        assert_eq!(legacy_fingerprint(&event), None);
        event.message = Some("abc".into());
        let expected = Some(LegacyFingerprint::of("abc"));
        assert_eq!(legacy_fingerprint(&event), expected);
        event.fingerprint = vec!["mine".into()];
        assert_eq!(legacy_fingerprint(&event), None);
        event.fingerprint.clear();
        event.exceptions.push(crate::event::Exception::default());
        assert_eq!(legacy_fingerprint(&event), None);
    }
}
