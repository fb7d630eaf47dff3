//! Enters: text that anybody may have written. Leaves: text that does nothing but be read.
//!
//! Control characters, escape sequences, marks that reorder or hide text: all become visible escapes (`\x1b`, `\n`,
//! `\u{202e}`), so that a line stays a line and a terminal shows what is there.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// In fewer columns than this nothing is wrapped: the terminal does it as well.
const WRAP_MIN: usize = 20;

/// One line of harmless text.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if !is_hostile(c) => shown.push(c),
            c if c.is_ascii() => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => shown.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    Cow::Owned(shown)
}

/// The lines of a text, each harmless; tabs become blanks. A last line break makes no line.
pub fn visible_lines(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .map(|line| visible(&line.replace('\t', "    ")).into_owned())
}

/// Controls (C0, DEL, C1), line separators, bidirectional marks (Unicode TR 9), and what has no width but changes how
/// text is read. Joiners stay: emoji and several scripts need them.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Columns a text takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Cuts harmless text to `columns`, with `…` where something is missing.
pub fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut left = columns.saturating_sub(1);
    let mut cut = String::new();
    for c in text.chars() {
        let Some(rest) = left.checked_sub(c.width().unwrap_or(0)) else {
            break;
        };
        left = rest;
        cut.push(c);
    }
    let mut cut = cut.trim_end().to_owned();
    if columns > 0 {
        cut.push('…');
    }
    Cow::Owned(cut)
}

/// The end of harmless text that fits into `columns`.
pub fn fit_end(text: &str, columns: usize) -> &str {
    let mut start = text.len();
    let mut left = columns;
    for (place, c) in text.char_indices().rev() {
        let Some(rest) = left.checked_sub(c.width().unwrap_or(0)) else {
            break;
        };
        left = rest;
        start = place;
    }
    &text[start..]
}

/// Breaks harmless text between words into lines of at most `columns`; a longer word stays whole.
pub fn wrap(text: &str, columns: Option<usize>) -> Vec<String> {
    let Some(columns) = columns.filter(|columns| *columns >= WRAP_MIN && width(text) > *columns)
    else {
        return vec![text.to_owned()];
    };
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Bytes for people: `812 B`, `1.4 MB`.
pub fn bytes(count: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = usize::from(value < 99.95);
    format!("{value:.decimals$} {}", units[unit])
}

/// A count with commas between thousands.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 event`, `2 events`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(visible(text), expected);
    }

    #[test]
    fn escape_sequences_are_shown() {
        check("\u{1b}[31mred\u{7}", "\\x1b[31mred\\x07");
        check("\u{9b}2J", "\\u{9b}2J");
    }

    #[test]
    fn a_line_stays_a_line() {
        check("a\nb\r\tc\u{2028}", "a\\nb\\r\\tc\\u{2028}");
    }

    #[test]
    fn order_cannot_be_changed_nor_text_hidden() {
        check("a\u{202e}b\u{2066}c", "a\\u{202e}b\\u{2066}c");
        check("a\u{200b}b\u{e0041}", "a\\u{200b}b\\u{e0041}");
    }

    #[test]
    fn languages_and_emoji_stay() {
        check("añ 漢字 👩‍👩‍👧 עברית", "añ 漢字 👩‍👩‍👧 עברית");
    }

    #[test]
    fn cutting_counts_columns() {
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("abcd", 3), "ab…");
        assert_eq!(fit("漢字漢字", 5), "漢字…");
        assert_eq!(fit("漢字漢字", 4), "漢…");
        assert_eq!(fit("abc", 0), "");
    }

    #[test]
    fn an_end_counts_columns_too() {
        assert_eq!(fit_end("abcd", 3), "bcd");
        assert_eq!(fit_end("漢字", 3), "字");
        assert_eq!(fit_end("ab", 3), "ab");
        assert_eq!(fit_end("ab", 0), "");
    }

    #[test]
    fn lines_break_between_words() {
        let text = "one two three four five six seven";
        assert_eq!(
            wrap(text, Some(20)),
            ["one two three four", "five six seven"]
        );
        assert_eq!(wrap(text, None), [text]);
        assert_eq!(wrap(&"x".repeat(30), Some(20)), ["x".repeat(30)]);
    }

    #[test]
    fn sizes_and_counts_are_for_people() {
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(1_440_000), "1.4 MB");
        assert_eq!(bytes(999_999), "1.0 MB");
        assert_eq!(bytes(250_000_000), "250 MB");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "event", "events"), "1 event");
    }
}
