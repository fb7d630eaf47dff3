//! What stands for a value in the full-text index: a word of its own that no text holds.
//!
//! Each begins with a private-use character, which is neither letter nor digit, so that no query's words and no wildcard
//! come near them.

/// The first character of a term, and the one behind the last that begins a term or a barrier.
pub(super) const FIRST: char = '\u{E000}';
pub(super) const BEHIND: char = '\u{E006}';

/// Stands before each text of a document, so that no phrase reaches from one into the other.
pub(super) const BARRIER: &str = "\u{E000}";
/// Every document has it.
pub(super) const EVERY: &str = "\u{E001}";
/// No document has it.
pub(super) const NONE: &str = "\u{E002}";

/// Has this value.
pub(super) fn value(id: i64) -> String {
    format!("\u{E003}{id}")
}

/// Has any value of this key.
pub(super) fn key(id: i64) -> String {
    format!("\u{E004}{id}")
}

/// Has this text under a name whose values have no ids: they are found by their whole text alone.
pub(super) fn hashed(name: &str, text: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(name.as_bytes())
        .update(&[0])
        .update(text.as_bytes());
    format!("\u{E005}{}", &hasher.finalize().to_hex()[..16])
}
