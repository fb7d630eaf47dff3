//! Enters: a text whose stacks say `at CALL (PLACE)`, one call a line. Leaves: where such lines begin, and the parts of them
//! that all languages of that manner share. Never: decides which language it is.

use super::text::Text;
use crate::event::{Exception, Frame, Mechanism};
use memchr::memmem;

/// Lines of one message, and lines looked at for the head of a stack.
pub(super) const MESSAGE_LINES_MAX: usize = 100;
/// How far into a line a head may begin behind what a log wrote.
pub(super) const HEAD_WITHIN: usize = 1024;

/// The longest call that is read.
const CALL_BYTES_MAX: usize = 4096;

/// Where a line says `at ` behind nothing, a blank or a tab, and ends as calls do: the number of the line, and the byte of
/// the `at`.
pub(super) fn places<'a>(text: &'a Text<'_>) -> impl Iterator<Item = (usize, usize)> + 'a {
    text.calls(|text| {
        let is_call = |&at: &usize| {
            let is_word = at == 0 || matches!(text[at - 1], b' ' | b'\t' | b'\n');
            is_word && ends_as_call(text, at)
        };
        memmem::find_iter(text, "at ").filter(is_call).collect()
    })
}

/// Whether the line that goes on at `at` ends as calls do, in any of the languages; most prose does not.
pub(super) fn ends_as_call(text: &[u8], at: usize) -> bool {
    let rest = &text[at..text.len().min(at + CALL_BYTES_MAX)];
    let end = match memchr::memchr(b'\n', rest) {
        Some(end) => end,
        None if rest.len() < CALL_BYTES_MAX => rest.len(),
        None => return false,
    };
    let last = rest[..end]
        .iter()
        .rev()
        .find(|byte| !byte.is_ascii_whitespace());
    // Lines of Android's logs may end in blanks that do not break.
    last.is_some_and(|byte| byte.is_ascii_digit() || b")]}{>,-.".contains(byte) || *byte >= 0x80)
}

/// `rest:7` in its parts.
pub(super) fn split_number(text: &str) -> Option<(&str, u64)> {
    let (rest, digits) = text.rsplit_once(':')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok().map(|number| (rest, number)))?
}

/// `file`, `file:line` or `file:line:column`; the file itself may hold colons.
pub(super) fn set_place(frame: &mut Frame, place: &str) {
    let (file, line, column) = match split_number(place) {
        Some((rest, last)) => match split_number(rest) {
            Some((file, line)) => (file, Some(line), Some(last)),
            None => (rest, Some(last), None),
        },
        None => (place, None, None),
    };
    set_file(frame, file);
    (frame.lineno, frame.colno) = (line, column);
}

/// The file as printed, and as a whole path where it is one.
pub(super) fn set_file(frame: &mut Frame, file: &str) {
    if file.is_empty() {
        return;
    }
    frame.filename = Some(file.to_owned());
    frame.abs_path = is_absolute(file).then(|| file.to_owned());
}

pub(super) fn is_absolute(file: &str) -> bool {
    let bytes = file.as_bytes();
    let has_drive = bytes.len() > 2
        && bytes[0].is_ascii_alphabetic()
        && bytes[1] == b':'
        && matches!(bytes[2], b'\\' | b'/');
    has_drive || file.starts_with('/') || file.starts_with("\\\\") || file.contains("://")
}

/// How far a line is indented; a tab is eight wide, as in logs that have replaced it.
pub(super) fn indentation(line: &str) -> usize {
    let blanks = line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t'));
    blanks.map(|byte| if byte == b'\t' { 8 } else { 1 }).sum()
}

/// The exceptions of a tree as the event payload has it: each knows its parent by number, 0 is the one that was thrown.
/// Plain chains of causes need none of it.
pub(super) fn set_parent(
    exception: &mut Exception,
    id: usize,
    parent: Option<usize>,
    way: Option<&str>,
) {
    let mechanism = exception.mechanism.get_or_insert_with(Mechanism::default);
    mechanism.ty = way.map(str::to_owned);
    mechanism.other.insert("exception_id".into(), id.into());
    if let Some(parent) = parent {
        mechanism.other.insert("parent_id".into(), parent.into());
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Trace;
    use super::*;

    /// What `find` reads in a text, a line for each exception, innermost frame first:
    /// `Type: message | module.function file:line:column | …`; oldest cause first.
    pub(in super::super) fn shown(find: fn(&Text<'_>, &mut Vec<Trace>), text: &str) -> Vec<String> {
        let mut found = Vec::new();
        find(&Text::new(text), &mut found);
        let exceptions = found.iter().flat_map(|trace| &trace.exceptions);
        exceptions.map(shown_exception).collect()
    }

    fn shown_exception(exception: &Exception) -> String {
        let mut line = exception.ty.clone().unwrap_or_else(|| "?".into());
        if let Some(value) = &exception.value {
            line.push_str(": ");
            line.push_str(value);
        }
        let frames = exception
            .stacktrace
            .iter()
            .flat_map(|stack| stack.frames.iter().rev());
        for frame in frames {
            line.push_str(" | ");
            line.push_str(&shown_frame(frame));
        }
        line
    }

    fn shown_frame(frame: &Frame) -> String {
        let mut shown = match &frame.module {
            Some(module) => format!("{module}::"),
            None => String::new(),
        };
        shown.push_str(frame.function.as_deref().unwrap_or("?"));
        let parts = [
            frame.filename.clone(),
            frame.lineno.map(|line| line.to_string()),
            frame.colno.map(|column| column.to_string()),
        ];
        let place: Vec<String> = parts.into_iter().flatten().collect();
        if !place.is_empty() {
            shown.push(' ');
            shown.push_str(&place.join(":"));
        }
        if let Some(package) = &frame.package {
            shown.push_str(&format!(" [{package}]"));
        }
        shown
    }

    #[test]
    fn places_are_read() {
        let place = |place: &str| {
            let mut frame = Frame::default();
            set_place(&mut frame, place);
            (
                frame.filename.unwrap_or_default(),
                frame.lineno,
                frame.colno,
            )
        };
        assert_eq!(place("/a b.js:1:2"), ("/a b.js".into(), Some(1), Some(2)));
        assert_eq!(place("C:\\a.js:1"), ("C:\\a.js".into(), Some(1), None));
        assert_eq!(place("node:fs"), ("node:fs".into(), None, None));
        assert_eq!(place(":1:2"), (String::new(), Some(1), Some(2)));
    }
}
