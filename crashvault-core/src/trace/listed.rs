//! Enters: a text with JSON whose stacks are lists of lines, as loggers and clouds write them:
//! `{"errorType":"TypeError","stack":["at total (/srv/cart.js:12:5)", …]}`, in one line or in many. Leaves: each such list as
//! the language would have printed it. Never: decides whether a failure is in it, reads JSON as a whole.

use std::ops::Range;

use super::escaped::{end_of_string, unescaped};
use super::text::Text;

/// The ends of keys that hold stacks: `stack`, `callStack`, `stackTrace`, `backtrace` …
const KEYS: &[&str] = &["stack\":", "Stack\":", "race\":"];
const TYPES: &[&str] = &[
    "errorType",
    "error_type",
    "exceptionType",
    "exception_type",
    "exceptionClass",
    "exception_class",
    "type",
    "name",
    "class",
];
const MESSAGES: &[&str] = &["errorMessage", "error_message", "message", "msg", "error"];

/// Lines and bytes of a list.
const LINES_MAX: usize = 2048;
const BYTES_MAX: usize = 1 << 20;
/// Lines around a list that may name the error.
const AROUND_LINES_MAX: usize = 8;
const LISTS_MAX: usize = 10_000;

/// A list as text, and the lines it stands in.
pub(super) struct Listed {
    pub(super) text: String,
    pub(super) lines: Range<usize>,
}

/// The lists of a text, in its order.
pub(super) fn lists(text: &Text<'_>) -> Vec<Listed> {
    let mut places: Vec<(usize, usize)> = Vec::new();
    for key in KEYS {
        places.extend(
            text.places(key)
                .map(|(line, column)| (line, column + key.len())),
        );
    }
    places.sort_unstable();
    let mut listed: Vec<Listed> = Vec::new();
    for (line, column) in places {
        let next = listed.last().map_or(0, |last| last.lines.end);
        let list = text.line(line)[column..].trim_start().strip_prefix('[');
        if let (true, Some(list)) = (line >= next && listed.len() < LISTS_MAX, list) {
            listed.extend(read(text, line, list, next));
        }
    }
    listed
}

fn read(text: &Text<'_>, line: usize, list: &str, free: usize) -> Option<Listed> {
    let (calls, end) = strings(text, line, list);
    if calls.is_empty() {
        return None;
    }
    let around = |keys: &[&str]| {
        let first = free.max(line.saturating_sub(AROUND_LINES_MAX));
        let last = text.len().min(end + AROUND_LINES_MAX);
        // What is nearest above the list, else below it.
        let mut lines = (first..=line).rev().chain(end..last);
        lines.find_map(|number| value_of(text.line(number), keys))
    };
    let ty = around(TYPES);
    let message = around(MESSAGES);
    Some(Listed {
        text: printed(&calls, ty.as_deref(), message.as_deref()),
        lines: line..end,
    })
}

/// The strings of a list whose bracket is open, and the line behind its end.
fn strings(text: &Text<'_>, line: usize, list: &str) -> (Vec<String>, usize) {
    let mut strings = Vec::new();
    let mut bytes = 0;
    for number in line..text.len().min(line + LINES_MAX) {
        let mut rest = match number == line {
            true => list,
            false => text.line(number),
        };
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',', '\r']);
            let Some(inner) = rest.strip_prefix('"') else {
                break;
            };
            let end = end_of_string(inner);
            bytes += end;
            strings.push(unescaped(&inner[..end]));
            rest = inner.get(end + 1..).unwrap_or_default();
        }
        // The end, or something that is no list of strings.
        if !rest.is_empty() || bytes > BYTES_MAX {
            let is_end = rest.starts_with(']');
            return (if is_end { strings } else { Vec::new() }, number + 1);
        }
    }
    (Vec::new(), line + 1)
}

/// The text behind the first of the keys that the line has.
fn value_of(line: &str, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| {
        let mut quoted = line.match_indices(*key);
        quoted.find_map(|(at, _)| {
            let is_key = line[..at].ends_with('"');
            let rest = line[at + key.len()..].strip_prefix('"')?.trim_start();
            let value = rest.strip_prefix(':')?.trim_start().strip_prefix('"')?;
            is_key.then(|| unescaped(&value[..end_of_string(value)]))
        })
    })
}

/// The list as the language prints it, its error above or below.
fn printed(calls: &[String], ty: Option<&str>, message: Option<&str>) -> String {
    let starts = |start: &str| {
        calls
            .iter()
            .any(|call| call.trim_start().starts_with(start))
    };
    let is_java = |call: &String| {
        let name = call.trim_end().strip_suffix(')');
        let name = name.and_then(|call| call.split_once('('));
        name.is_some_and(|(name, _)| name.contains('.') && !name.contains(' '))
    };
    let head = match (ty, message) {
        (Some(ty), Some(message)) => format!("{ty}: {message}"),
        (Some(ty), None) => ty.to_owned(),
        (None, Some(message)) => format!("Error: {message}"),
        (None, None) => String::new(),
    };
    let joined = |start: &str| {
        let lines = calls
            .iter()
            .map(|call| match call.trim_start().starts_with("at ") {
                true if !call.starts_with([' ', '\t']) => format!("    {call}\n"),
                _ => format!("{start}{}\n", call.trim_end()),
            });
        lines.collect::<String>()
    };
    if starts("File \"") {
        let is_whole = starts("Traceback (most recent call last)");
        let start = if calls.iter().any(|call| call.starts_with("File ")) {
            "  "
        } else {
            ""
        };
        return match is_whole {
            true => joined(""),
            false => format!(
                "Traceback (most recent call last):\n{}{head}\n",
                joined(start)
            ),
        };
    }
    if calls.iter().all(is_java) && !starts("at ") {
        return format!("{head}\n{}", joined("\tat "));
    }
    // The first may be the error itself.
    let is_call = |call: &str| call.starts_with([' ', '\t']) || call.starts_with("at ");
    match calls.first() {
        Some(first) if !is_call(first) && !first.contains(":in ") => joined(""),
        _ => format!("{head}\n{}", joined("")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{parse, tests::shown};

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(shown(&parse(text.as_bytes()), 0), expected, "{text}");
    }

    #[test]
    fn lists_in_one_line_are_read() {
        check(
            "start\n{\"level\":\"error\",\"error\":{\"type\":\"TypeError\",\"message\":\"no \\\"cart\\\"\",\"stack\":[\"at total (/srv/cart.js:12:5)\",\"at pay (/srv/pay.js:3:7)\"]}}\nend\n",
            &[
                "javascript 1..2 Some(\"TypeError\"): Some(\"no \\\"cart\\\"\"), 1 exceptions, 2 frames",
            ],
        );
        check(
            "{\"stack_trace\":[\"java.lang.IllegalStateException: no cart\",\"\\tat com.shop.Cart.total(Cart.java:12)\",\"\\tat com.shop.Main.main(Main.java:5)\"]}\n",
            &[
                "java 0..1 Some(\"java.lang.IllegalStateException\"): Some(\"no cart\"), 1 exceptions, 2 frames",
            ],
        );
    }

    #[test]
    fn what_clouds_write_is_read() {
        check(
            "{\"errorMessage\": \"division by zero\", \"errorType\": \"ZeroDivisionError\", \"stackTrace\": [\"  File \\\"/var/task/f.py\\\", line 3, in handler\\n    return 1/0\\n\"]}\n",
            &[
                "python 0..1 Some(\"ZeroDivisionError\"): Some(\"division by zero\"), 1 exceptions, 1 frames",
            ],
        );
        check(
            "2026-01-02T03:04:05Z ERROR {\"errorType\":\"CartError\",\"errorMessage\":\"no cart\",\"code\":1,\"trace\":[\"CartError: no cart\",\"    at handler (/var/task/index.js:3:11)\",\"    at run (/var/runtime/index.mjs:1:2)\"]}\n",
            &["javascript 0..1 Some(\"CartError\"): Some(\"no cart\"), 1 exceptions, 2 frames"],
        );
        check(
            "{\"errorMessage\":\"no\",\"errorType\":\"java.lang.Error\",\"stackTrace\":[\"com.shop.Handler.handle(Handler.java:12)\",\"java.base/java.lang.Thread.run(Unknown Source)\"]}\n",
            &["java 0..1 Some(\"java.lang.Error\"): Some(\"no\"), 1 exceptions, 2 frames"],
        );
    }

    #[test]
    fn lists_in_many_lines_are_read() {
        check(
            "{\n  \"name\": \"TypeError\",\n  \"message\": \"no cart\",\n  \"stack\": [\n    \"at total (/srv/cart.js:12:5)\",\n    \"at pay (/srv/pay.js:3:7)\"\n  ],\n  \"pid\": 7\n}\n",
            &["javascript 3..7 Some(\"TypeError\"): Some(\"no cart\"), 1 exceptions, 2 frames"],
        );
    }

    #[test]
    fn other_lists_are_none() {
        for text in [
            "{\"stack\":[]}\n",
            "{\"stack\":[1,2]}\n",
            "{\"stack\":[\"one\",\"two\"]}\n",
            "{\"stack\":[\n",
            "{\"stack\":[\"at total (/srv/cart.js:12:5)\"\n",
            "{\"trace\":[\"at noon\",\"at (3)\"]}\n",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(&"\"stack\":[\"a\",\n".repeat(5_000), &[]);
        check(&"\"stack\":[\"".repeat(5_000), &[]);
    }
}
