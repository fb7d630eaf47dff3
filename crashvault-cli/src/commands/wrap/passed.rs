//! Enters: a stream of bytes. Leaves: the same bytes at once, and of them what an event can hold.
//!
//! Never: keeps more than its bounds, or holds bytes back.

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::commands::kept::Kept;

/// What is kept of a long output: where it began, and where it ended.
const HEAD_BYTES: usize = 16 * 1024;
const TAIL_BYTES: usize = 48 * 1024;
const STEP_BYTES: usize = 16 * 1024;

/// What passed.
pub struct Passed {
    kept: Mutex<Kept>,
    /// Odd while bytes that were read are being written.
    steps: AtomicU64,
}

impl Default for Passed {
    fn default() -> Self {
        Self {
            kept: Mutex::new(Kept::new(HEAD_BYTES, TAIL_BYTES)),
            steps: AtomicU64::default(),
        }
    }
}

impl Passed {
    /// Passes everything on, until either end is closed.
    pub fn pass(&self, mut from: impl Read, mut to: impl Write) {
        let mut bytes = vec![0; STEP_BYTES];
        loop {
            let read = match from.read(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // A terminal of which nobody holds the other side is an error to read, and no more than its end.
                Ok(0) | Err(_) => return,
                Ok(read) => read,
            };
            self.steps.fetch_add(1, Ordering::AcqRel);
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.add(&bytes[..read]);
            drop(kept);
            let written = to.write_all(&bytes[..read]).and_then(|()| to.flush());
            self.steps.fetch_add(1, Ordering::AcqRel);
            if written.is_err() {
                return;
            }
        }
    }

    /// How far it is; odd while bytes are on their way.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Acquire)
    }

    /// What was kept, as text.
    pub fn text(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], starts: &str, ends: &str) {
        let (passed, mut out) = (Passed::default(), Vec::new());
        passed.pass(bytes, &mut out);
        assert_eq!(out, bytes);
        let text = passed.text();
        assert!(text.starts_with(starts) && text.ends_with(ends), "{text}");
        assert!(text.len() <= HEAD_BYTES + TAIL_BYTES + 64);
    }

    #[test]
    fn a_short_text_is_kept_whole() {
        check(b"", "", "");
        check(b"one\ntwo", "one\ntwo", "one\ntwo");
    }

    #[test]
    fn a_letter_on_the_border_stays_whole() {
        let text = format!("{}é{}", "a".repeat(HEAD_BYTES - 1), "b".repeat(9));
        check(text.as_bytes(), &text, &text);
    }

    #[test]
    fn of_a_long_text_both_ends_are_kept() {
        let middle = "m".repeat(300_000);
        let tail = "e".repeat(TAIL_BYTES);
        let text = format!("begin{middle}{tail}");
        let left_out = text.len() - HEAD_BYTES - TAIL_BYTES;
        check(
            text.as_bytes(),
            "beginm",
            &format!("m\n… {left_out} bytes left out …\n{tail}"),
        );
    }

    #[test]
    fn a_closed_reader_ends_it() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        Passed::default().pass(std::io::repeat(b'x'), Closed);
    }
}
