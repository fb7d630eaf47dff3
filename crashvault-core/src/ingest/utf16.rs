//! Enters: a text that begins with the mark of UTF-16, as Windows PowerShell writes with `>`, in pieces of any length.
//! Leaves: the same as UTF-8.

use std::borrow::Cow;

/// Which of two bytes comes first, and what is left of the last piece.
#[derive(Debug)]
pub(super) struct Utf16 {
    read: fn([u8; 2]) -> u16,
    left: Vec<u8>,
}

impl Utf16 {
    /// `None` where the text does not begin with the mark. The mark itself is no part of the text.
    pub(super) fn of(text: &[u8]) -> Option<(Self, &[u8])> {
        let (read, text): (fn([u8; 2]) -> u16, _) = match text {
            [0xff, 0xfe, text @ ..] => (u16::from_le_bytes, text),
            [0xfe, 0xff, text @ ..] => (u16::from_be_bytes, text),
            _ => return None,
        };
        let left = Vec::new();
        Some((Self { read, left }, text))
    }

    /// Puts the next piece behind `text`. Half a character waits for the next one.
    pub(super) fn put(&mut self, piece: &[u8], text: &mut Vec<u8>) {
        self.left.extend_from_slice(piece);
        let (pairs, _) = self.left.as_chunks::<2>();
        let mut units: Vec<u16> = pairs.iter().map(|pair| (self.read)(*pair)).collect();
        if units
            .last()
            .is_some_and(|unit| (0xd800..0xdc00).contains(unit))
        {
            units.pop();
        }
        let characters = char::decode_utf16(units.iter().copied());
        let mut buffer = [0; 4];
        for character in characters {
            let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
            text.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
        }
        self.left.drain(..2 * units.len());
    }
}

/// The text as UTF-8, if it was UTF-16.
pub(super) fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    match Utf16::of(text) {
        Some((mut utf16, rest)) => {
            let mut text = Vec::with_capacity(rest.len());
            utf16.put(rest, &mut text);
            Cow::Owned(text)
        }
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_length_are_read() {
        let text = "no \u{1f6d2} – é\n";
        for (mark, bytes) in [
            ("\u{feff}", u16::to_le_bytes as fn(u16) -> [u8; 2]),
            ("\u{feff}", u16::to_be_bytes),
        ] {
            let marked = format!("{mark}{text}");
            let all: Vec<u8> = marked.encode_utf16().flat_map(bytes).collect();
            assert_eq!(decoded(&all), text.as_bytes());
            for at in 2..all.len() {
                let (mut utf16, first) = Utf16::of(&all[..at]).expect("the mark");
                let mut read = Vec::new();
                utf16.put(first, &mut read);
                utf16.put(&all[at..], &mut read);
                assert_eq!(read, text.as_bytes(), "{at}");
            }
        }
    }

    #[test]
    fn other_texts_stay() {
        for text in [&b""[..], b"\xff", b"\xef\xbb\xbfx", b"x\xff\xfe"] {
            assert_eq!(decoded(text), text);
        }
    }
}
