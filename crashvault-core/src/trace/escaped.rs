//! Enters: a line in which a log wrote a whole text, its line ends escaped: `{"level":"error","stack":"Error: x\n    at f …"}`,
//! `stack="…"`. Leaves: the text as it was. Never: decides whether a failure is in it.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::text::Text;
use memchr::memmem;

/// The longest line that is read so.
const LINE_BYTES_MAX: usize = 1 << 20;
/// Texts of one line.
const PIECES_MAX: usize = 16;
/// What Docker writes before each line.
const DOCKER: &str = "{\"log\":\"";

/// The numbers of the lines that have escaped line ends and are still free.
pub(super) fn lines(text: &Text<'_>) -> Vec<usize> {
    let mut lines: Vec<usize> = text.places("\\n").map(|(line, _)| line).collect();
    lines.dedup();
    lines.retain(|&line| text.line(line).len() <= LINE_BYTES_MAX && may_tell(text.line(line)));
    lines
}

/// Whether lines of frames may stand behind the line ends: most are indented, the others have a sign of their own.
fn may_tell(line: &str) -> bool {
    static END: LazyLock<memmem::Finder<'_>> = LazyLock::new(|| memmem::Finder::new("\\n"));
    let is_frame = |end: usize| {
        let behind = line.as_bytes()[end + 2..].trim_ascii_start();
        let is_indented = behind.len() < line.len() - end - 2 || behind.starts_with(b"\\t");
        is_indented || behind.starts_with(b"#0")
    };
    END.find_iter(line.as_bytes()).any(is_frame)
        || [":in `", ":in '", "@"]
            .iter()
            .any(|mark| line.contains(mark))
}

/// The values in quotes behind a name, with the line ends that they had; the whole line where none has any.
pub(super) fn values_or_all(line: &str) -> Vec<String> {
    let values = values(line);
    match values.is_empty() {
        true => vec![unescaped(line)],
        false => values,
    }
}

/// The values in quotes behind a name, with the line ends that they had.
pub(super) fn values(line: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut rest = line;
    while let Some(open) = rest.find('"')
        && values.len() < PIECES_MAX
    {
        let is_value = rest[..open].trim_end().ends_with([':', '=']);
        let inner = &rest[open + 1..];
        let close = end_of_string(inner);
        if is_value && inner[..close].contains("\\n") {
            values.push(unescaped(&inner[..close]));
        }
        rest = inner.get(close + 1..).unwrap_or_default();
    }
    values
}

/// Where the quote stands that ends a string.
pub(super) fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.unwrap_or(text.len())
}

/// The text that was escaped: `\n`, `\t`, `\"`, `\u0022`; other escapes stay.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(escaped) = rest.chars().next() else {
            break;
        };
        rest = &rest[escaped.len_utf8()..];
        match escaped {
            'n' => plain.push('\n'),
            't' => plain.push('\t'),
            'r' => {}
            '"' | '\\' | '/' | '\'' => plain.push(escaped),
            'u' => rest = push_code(&mut plain, rest),
            other => {
                plain.push('\\');
                plain.push(other);
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// Puts the character of four hexadecimal digits behind a text; what stands behind them.
fn push_code<'t>(plain: &mut String, rest: &'t str) -> &'t str {
    let digits = rest.get(..4).unwrap_or_default();
    match u32::from_str_radix(digits, 16)
        .ok()
        .and_then(char::from_u32)
    {
        Some(character) => {
            plain.push(character);
            &rest[4..]
        }
        None => {
            // One half of a pair; the text around it is worth more than the sign.
            plain.push_str("\\u");
            rest
        }
    }
}

/// What was logged, where Docker has put each line into JSON; line for line.
pub(super) fn without_docker(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.lines().take(2).any(|line| line.starts_with(DOCKER)) {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    for line in text.lines() {
        match line.strip_prefix(DOCKER) {
            Some(inner) => {
                let said = &inner[..end_of_string(inner)];
                let said = said.strip_suffix("\\n").unwrap_or(said);
                // A line stays one line.
                let said = unescaped(said).replace('\n', "\\n");
                plain.push_str(&said);
            }
            None => plain.push_str(line),
        }
        plain.push('\n');
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::super::{parse, tests::shown};

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(shown(&parse(text.as_bytes()), 0), expected, "{text}");
    }

    const NODE: &str =
        "javascript 1..2 Some(\"TypeError\"): Some(\"no \\\"cart\\\"\"), 1 exceptions, 2 frames";

    #[test]
    fn stacks_in_json_are_read() {
        check(
            "start\n{\"level\":\"error\",\"stack\":\"TypeError: no \\\"cart\\\"\\n    at f (/a.js:1:2)\\n    at g (/b.js:3:4)\",\"pid\":7}\nend\n",
            &[NODE],
        );
        check(
            "start\n2026-01-02 ERROR {\"err\": {\"stack\": \"TypeError: no \\u0022cart\\u0022\\r\\n\\tat f (\\/a.js:1:2)\\n\\tat g (\\/b.js:3:4)\"}}\n",
            &[NODE],
        );
    }

    #[test]
    fn stacks_escaped_twice_are_read() {
        check(
            "start\n{\"log\":\"{\\\"stack\\\":\\\"TypeError: no cart\\\\n    at f (/a.js:1:2)\\\\n    at g (/b.js:3:4)\\\"}\\n\"}\n",
            &["javascript 1..2 Some(\"TypeError\"): Some(\"no cart\"), 1 exceptions, 2 frames"],
        );
    }

    #[test]
    fn stacks_in_values_of_logs_are_read() {
        check(
            "level=error msg=\"no cart\" trace=\"Traceback (most recent call last):\\n  File \\\"/a.py\\\", line 3, in f\\n    g()\\nKeyError: 'x'\\n\" pid=3\n",
            &["python 0..1 Some(\"KeyError\"): Some(\"'x'\"), 1 exceptions, 1 frames"],
        );
        check(
            "ts=1 stack=\"java.io.IOException: no\\n\\tat a.B.c(B.java:1)\\n\\tat a.B.d(B.java:2)\\nCaused by: a.X\\n\\tat a.B.e(B.java:3)\\n\\t... 2 more\\n\"",
            &["java 0..1 Some(\"java.io.IOException\"): Some(\"no\"), 2 exceptions, 2 frames"],
        );
    }

    #[test]
    fn stacks_escaped_without_quotes_are_read() {
        check(
            "ERROR Traceback (most recent call last):\\n  File \"/a.py\", line 3, in f\\n    g()\\nKeyError: 'x'\n",
            &["python 0..1 Some(\"KeyError\"): Some(\"'x'\"), 1 exceptions, 1 frames"],
        );
    }

    #[test]
    fn lines_of_docker_are_read() {
        check(
            "{\"log\":\"Traceback (most recent call last):\\n\",\"stream\":\"stderr\",\"time\":\"2026-01-02T03:04:05Z\"}\n\
             {\"log\":\"  File \\\"/a.py\\\", line 3, in f\\n\",\"stream\":\"stderr\",\"time\":\"2026-01-02T03:04:05Z\"}\n\
             {\"log\":\"KeyError: 'x'\\n\",\"stream\":\"stderr\",\"time\":\"2026-01-02T03:04:05Z\"}\n",
            &["python 0..3 Some(\"KeyError\"): Some(\"'x'\"), 1 exceptions, 1 frames"],
        );
    }

    #[test]
    fn other_backslashes_are_none() {
        check("C:\\new\\at (C:\\new\\a.js:1:2)\n", &[]);
        check(
            "{\"a\":\"one\\ntwo at noon\\nline 3\"}\n{\"log\":\"x\\n\"}\n",
            &[],
        );
        check("{\"log\":\"\\", &[]);
        check("x=\"\\n at \\u12", &[]);
    }
}
