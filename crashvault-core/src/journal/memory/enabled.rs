//! The frames of a journal that has no directory.

use std::sync::{Mutex, PoisonError};

use crate::journal::{Entry, FRAME_HEADER_BYTES, Flags, Kind};

/// An event as it would stand in a segment.
pub(crate) struct KeptFrame {
    pub(crate) flags: Flags,
    pub(crate) id: [u8; 16],
    pub(crate) body: Vec<u8>,
}

/// `None` where the journal writes.
pub(in crate::journal) struct Memory(Option<Mutex<Vec<KeptFrame>>>);

impl Memory {
    pub(in crate::journal) fn none() -> Self {
        Self(None)
    }

    pub(in crate::journal) fn keeping() -> Self {
        Self(Some(Mutex::default()))
    }

    /// True if the frame is not to be written. Only events are kept: counts have no reader here.
    pub(in crate::journal) fn keeps(&self, frame: &[u8], entry: &Entry) -> bool {
        let Some(frames) = &self.0 else { return false };
        if entry.kind == Kind::Event {
            let body = frame.get(FRAME_HEADER_BYTES..).unwrap_or_default();
            let kept = KeptFrame {
                flags: entry.flags,
                id: entry.id,
                body: body.to_vec(),
            };
            let mut frames = frames.lock().unwrap_or_else(PoisonError::into_inner);
            frames.push(kept);
        }
        true
    }

    pub(in crate::journal) fn take(&self) -> Vec<KeptFrame> {
        let Some(frames) = &self.0 else {
            return Vec::new();
        };
        std::mem::take(&mut frames.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
