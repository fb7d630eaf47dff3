//! What the store keeps of a file that belongs to an event.

use std::fmt::Write;

use crate::event::EventId;
use crate::event::limits::{NAME_BYTES_MAX, head};
use crate::time::Timestamp;

/// A file that belongs to an event; its content lies in the vault's `attachments/`, under its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attachment {
    /// The record's own number.
    pub id: u64,
    /// The event, which may come later than its attachment.
    pub event: EventId,
    /// What the sender calls it: to be shown, never to be taken for a path.
    pub name: String,
    /// The kind of its content (`text/plain`), as the sender says.
    pub content_type: Option<String>,
    /// What it is for, in Sentry's words: `event.attachment`, `event.minidump`, `event.view_hierarchy` …
    pub kind: String,
    /// BLAKE3 of its content.
    pub hash: [u8; 32],
    /// Bytes of its content.
    pub size_bytes: u64,
    /// When the vault got it.
    pub added_at: Timestamp,
}

impl Attachment {
    /// The hash as 64 hex digits: the name of the file that holds the content.
    pub fn hash_hex(&self) -> String {
        hex(&self.hash)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Text from outside as one line of data: nothing in it can end a line, a path or a terminal's patience.
pub(crate) fn attachment_name(text: &str) -> Option<String> {
    attachment_line(&text.replace(['/', '\\'], "_"))
}

/// A text without what would break a line, cut.
pub(crate) fn attachment_line(text: &str) -> Option<String> {
    let is_unfit = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let text: String = text
        .trim()
        .chars()
        .map(|c| if is_unfit(c) { '_' } else { c })
        .collect();
    let text = head(&text, NAME_BYTES_MAX);
    (!text.is_empty()).then(|| text.to_owned())
}
