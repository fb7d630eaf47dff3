//! Writes the fields of a frame's body into memory that is there already: what `event::wire::Encoder` does, for a handler
//! of signals.

use crate::journal::FRAME_HEADER_BYTES;

const FIELD_HEAD_BYTES: usize = 5;

/// A frame that grows in borrowed memory; what does not fit is left out.
pub(super) struct Body<'m> {
    memory: &'m mut [u8],
    length: usize,
}

impl<'m> Body<'m> {
    /// `memory` has room for a frame's head at least.
    pub(super) fn new(memory: &'m mut [u8]) -> Self {
        let length = FRAME_HEADER_BYTES.min(memory.len());
        Self { memory, length }
    }

    /// The frame: room for its head, then the body.
    pub(super) fn into_frame(self) -> &'m mut [u8] {
        let (frame, _) = self.memory.split_at_mut(self.length);
        frame
    }

    fn put(&mut self, bytes: &[u8]) -> bool {
        let end = self.length + bytes.len();
        let Some(place) = self.memory.get_mut(self.length..end) else {
            return false;
        };
        place.copy_from_slice(bytes);
        self.length = end;
        true
    }

    pub(super) fn bytes(&mut self, tag: u8, payload: &[u8]) {
        let start = self.begin(tag);
        if !self.put(payload) {
            self.length = start;
            return;
        }
        self.end(start);
    }

    pub(super) fn keyed(&mut self, tag: u8, key: &str, value: &[u8]) {
        let start = self.begin(tag);
        let is_whole = self.put(&(key.len() as u16).to_le_bytes())
            && self.put(key.as_bytes())
            && self.put(value);
        if !is_whole {
            self.length = start;
            return;
        }
        self.end(start);
    }

    pub(super) fn number(&mut self, tag: u8, number: u64) {
        self.bytes(tag, &number.to_le_bytes());
    }

    /// Begins a field whose payload follows piece by piece; says where, for [`Body::end`].
    pub(super) fn begin(&mut self, tag: u8) -> usize {
        let start = self.length;
        let _ = self.put(&[tag, 0, 0, 0, 0]);
        start
    }

    pub(super) fn end(&mut self, start: usize) {
        let length = self.length.saturating_sub(start + FIELD_HEAD_BYTES) as u32;
        if let Some(place) = self.memory.get_mut(start + 1..start + FIELD_HEAD_BYTES) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }

    /// A piece of the field that was begun.
    pub(super) fn word(&mut self, word: u64) {
        let _ = self.put(&word.to_le_bytes());
    }

    /// A piece of one byte.
    pub(super) fn byte(&mut self, byte: u8) {
        let _ = self.put(&[byte]);
    }

    /// A piece that somebody else writes: `fill` gets at most `bytes_max` bytes of memory and says how many it filled.
    pub(super) fn fill(&mut self, bytes_max: usize, fill: impl FnOnce(&mut [u8]) -> usize) {
        let end = (self.length + bytes_max).min(self.memory.len());
        if let Some(place) = self.memory.get_mut(self.length..end) {
            let room = place.len();
            self.length += fill(place).min(room);
        }
    }
}

#[cfg(all(test, feature = "store"))]
mod tests {
    use super::*;
    use crate::event::wire::{Field, LastWords, SignalPart};

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut memory = [0; 512];
        let mut body = Body::new(&mut memory);
        let signal = body.begin(Field::Signal as u8);
        body.number(SignalPart::Number as u8, 11);
        body.bytes(SignalPart::ThreadName as u8, b"main");
        body.end(signal);
        let stack = body.begin(Field::Stack as u8);
        body.word(0x1000);
        body.fill(16, |place| {
            place[..3].copy_from_slice(b"abc");
            3
        });
        body.end(stack);
        body.keyed(Field::Flaw as u8, "threads", b"none");
        let frame = body.into_frame();
        let event = crate::event::wire::decode(&frame[FRAME_HEADER_BYTES..]);
        let flaw = event.flaws.first().unwrap();
        assert_eq!(
            (flaw.field.as_str(), flaw.reason.as_str()),
            ("threads", "none")
        );
        let mut words = LastWords::default();
        words.read(&frame[FRAME_HEADER_BYTES..]);
        let signal = words.signal.unwrap();
        assert_eq!(
            (signal.number, signal.thread_name.as_deref()),
            (11, Some("main"))
        );
        assert_eq!(words.stack, Some((0x1000, &b"abc"[..])));
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut memory = [0; FRAME_HEADER_BYTES + 8];
        let mut body = Body::new(&mut memory);
        body.bytes(1, b"abc");
        body.bytes(2, b"left out");
        body.number(3, 1);
        assert_eq!(body.into_frame().len(), FRAME_HEADER_BYTES + 8);
    }
}
