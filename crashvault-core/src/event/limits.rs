//! Enters: nothing. Leaves: the bounds of one event, in one place.
//!
//! Never: applies to foreign payloads, which are kept whole; these bound what capture itself writes.

/// Largest frame body an in-process capture writes, in bytes; longer records are visibly cut.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;
/// Message and exception value, in bytes (Sentry: 8,192 characters).
pub const MESSAGE_BYTES_MAX: usize = 8 * 1024;
/// Exceptions in one chain.
pub const EXCEPTIONS_MAX: usize = 50;
/// Raw return addresses kept of one stack: the innermost ones.
pub const ADDRESSES_MAX: usize = 256;
/// The text of a stack that an error brings along, in bytes: the innermost frames of it.
pub const BACKTRACE_BYTES_MAX: usize = 64 * 1024;
/// Breadcrumbs kept on a scope.
pub const BREADCRUMBS_MAX: usize = 100;
/// Bytes of all breadcrumbs of a scope together.
pub const BREADCRUMBS_BYTES_MAX: usize = 32 * 1024;
/// One breadcrumb's message or data value, in bytes.
pub const BREADCRUMB_TEXT_BYTES_MAX: usize = 2 * 1024;
/// Tags on one event.
pub const TAGS_MAX: usize = 200;
/// A tag's key, in bytes.
pub const TAG_KEY_BYTES_MAX: usize = 200;
/// A tag's value, in bytes.
pub const TAG_VALUE_BYTES_MAX: usize = 200;
/// Fields of a user beside id, e-mail, name and address.
pub const USER_FIELDS_MAX: usize = 32;
/// Names such as release, environment, transaction, thread, in bytes.
pub const NAME_BYTES_MAX: usize = 200;
/// One entry of `extra` as JSON, in bytes.
pub const EXTRA_ITEM_BYTES_MAX: usize = 16 * 1024;
/// All of `extra` as JSON, in bytes.
pub const EXTRA_BYTES_MAX: usize = 128 * 1024;
/// One context as JSON, in bytes.
pub const CONTEXT_BYTES_MAX: usize = 8 * 1024;
/// Contexts on one scope.
pub const CONTEXTS_MAX: usize = 50;
/// Parts of a fingerprint.
pub const FINGERPRINT_PARTS_MAX: usize = 32;
/// Program arguments kept, and the bytes of each.
pub const ARGUMENTS_MAX: usize = 64;
/// Nesting of JSON values; deeper ones are replaced by a mark.
pub const JSON_DEPTH_MAX: usize = 32;

/// What stands at the end of a text that was cut.
pub const CUT_MARK: &str = "…[cut]";
/// What stands in the place of a value under a forbidden key.
pub const FILTERED: &str = "[Filtered]";

/// Cuts `text` to at most `bytes_max` bytes at a character border, with a visible mark.
///
/// ```
/// use crashvault::event::limits::cut;
/// assert_eq!(cut("short", 100), "short");
/// assert_eq!(cut("añoañoañoaño", 10), "a…[cut]");
/// ```
pub fn cut(text: &str, bytes_max: usize) -> std::borrow::Cow<'_, str> {
    if text.len() <= bytes_max {
        return text.into();
    }
    let mut cut = String::with_capacity(bytes_max);
    cut.push_str(head(text, bytes_max.saturating_sub(CUT_MARK.len())));
    cut.push_str(CUT_MARK);
    cut.into()
}

/// The longest prefix of `text` that ends at a character border and has at most `bytes_max` bytes.
pub fn head(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let mut end = bytes_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
