//! What PHP prints of an exception that nobody caught, innermost first, what loggers print of others, and its fatal errors.
//!
//! ```text
//! PHP Fatal error:  Uncaught RuntimeException: refused in /srv/shop/pay.php:3
//! Stack trace:
//! #0 /srv/shop/index.php(7): Shop\Pay->charge()
//! #1 {main}
//!   thrown in /srv/shop/pay.php on line 3
//! ```

use super::text::{Prefix, Text};
use super::{Trace, exception};
use crate::event::{Exception, Frame};

/// Lines looked at above a stack for the begin of its message.
const MESSAGE_LINES_MAX: usize = 64;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut marks: Vec<(usize, usize, bool)> = Vec::new();
    marks.extend(
        text.places("tack trace")
            .map(|(line, column)| (line, column, true)),
    );
    marks.extend(
        text.places("stacktrace]")
            .map(|(line, column)| (line, column, true)),
    );
    for kind in ["Fatal error: ", "Parse error: "] {
        marks.extend(
            text.places(kind)
                .map(|(line, column)| (line, column, false)),
        );
    }
    marks.sort_unstable();
    let mut next = 0;
    for (line, column, is_stack) in marks {
        if line < next {
            continue;
        }
        let read = if is_stack {
            exceptions(text, line, column, next)
        } else {
            fatal_error(text, line, column)
        };
        if let Some(trace) = read {
            next = trace.lines.end;
            found.push(trace);
        }
    }
}

fn trace(exceptions: Vec<Exception>, lines: std::ops::Range<usize>) -> Trace {
    Trace {
        language: "php",
        exceptions,
        threads: Vec::new(),
        lines,
    }
}

/// What stands at the line that announces a stack: exceptions until one is not followed by `Next`.
fn exceptions(text: &Text<'_>, line: usize, column: usize, free: usize) -> Option<Trace> {
    let column = column.saturating_sub(1);
    let prefix = Prefix::of(text.line(line), column);
    let below = |number: usize| prefix.strip(text.line(number));
    if line == 0 || !below(line + 1).starts_with("#0 ") {
        return None;
    }
    let start = head(text, &prefix, line, free)?;
    let (mut head_line, mut stack_line) = (start, line);
    let mut read = Vec::new();
    loop {
        let message = (head_line..stack_line)
            .map(below)
            .collect::<Vec<_>>()
            .join("\n");
        let (frames, end) = frames(&below, stack_line + 1);
        read.push(thrown(&message, frames)?);
        head_line = end;
        while head_line < end + 2 && below(head_line).trim().is_empty() {
            head_line += 1;
        }
        let is_next = below(head_line).starts_with("Next ")
            || below(head_line).starts_with("[previous exception] ");
        let stack = (head_line..(head_line + MESSAGE_LINES_MAX).min(text.len()))
            .find(|&number| is_announcement(below(number)));
        match stack.filter(|_| is_next) {
            Some(stack) => stack_line = stack,
            None => {
                let is_thrown = below(end).trim_start().starts_with("thrown in ");
                return Some(trace(read, start..end + usize::from(is_thrown)));
            }
        }
    }
}

fn is_announcement(line: &str) -> bool {
    matches!(line.trim(), "Stack trace:" | "[stacktrace]")
}

/// The line where the message above a stack begins.
fn head(text: &Text<'_>, prefix: &Prefix<'_>, stack: usize, free: usize) -> Option<usize> {
    let first = free.max(stack.saturating_sub(MESSAGE_LINES_MAX));
    let uncaught = (first..stack).rev().find(|&number| {
        text.line(number).contains("Uncaught ") || text.line(number).contains("[object] (")
    });
    let above = stack.checked_sub(1).filter(|above| *above >= first);
    uncaught.or_else(|| {
        above.filter(|&above| {
            let line = prefix.strip(text.line(above));
            line.contains(" in ") || line.contains(" at ")
        })
    })
}

/// `#0 /srv/a.php(7): f()` and so on until `{main}`: where each was called from.
fn frames<'t>(
    line: &impl Fn(usize) -> &'t str,
    start: usize,
) -> (Vec<(Option<Place<'t>>, &'t str)>, usize) {
    let mut frames = Vec::new();
    let mut at = start;
    while let Some(call) = line(at).strip_prefix('#') {
        let digits = call.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            break;
        }
        let call = call[digits..].trim();
        frames.push(match call.strip_prefix("[internal function]: ") {
            Some(function) => (None, function),
            None => match call.split_once("): ") {
                Some((place, function)) => match place.rsplit_once('(') {
                    Some((path, number)) => (
                        Some(Place {
                            path,
                            line: number.parse().ok(),
                        }),
                        function,
                    ),
                    None => (None, call),
                },
                None => (None, call),
            },
        });
        at += 1;
        if call.starts_with("{main}") {
            break;
        }
    }
    (frames, at)
}

struct Place<'t> {
    path: &'t str,
    line: Option<u64>,
}

/// An exception of its message and the calls that led to it. A call tells which function it was that went on, and where from:
/// the place of a frame stands one line above its function.
fn thrown(message: &str, calls: Vec<(Option<Place<'_>>, &str)>) -> Option<Exception> {
    let (ty, value, place) = type_message_place(message)?;
    let mut place = place;
    let mut frames = Vec::with_capacity(calls.len() + 1);
    for (from, function) in calls {
        frames.push(frame(function_name(function), place.take()));
        place = from;
    }
    if place.is_some() {
        frames.push(frame(None, place));
    }
    Some(exception(Some(ty), value, frames))
}

fn frame(function: Option<&str>, place: Option<Place<'_>>) -> Frame {
    let path = place.as_ref().map(|place| place.path);
    Frame {
        function: function.map(str::to_owned),
        abs_path: path
            .filter(|path| path.starts_with('/') || path.as_bytes().get(1) == Some(&b':'))
            .map(str::to_owned),
        filename: path.map(str::to_owned),
        lineno: place.and_then(|place| place.line),
        ..Frame::default()
    }
}

/// A name without what was passed; closures of newer versions name their place within braces.
fn function_name(call: &str) -> Option<&str> {
    if call.starts_with("{main}") {
        return Some("{main}");
    }
    let end = match call.find('}') {
        Some(closure) => closure + call[closure..].find('(').unwrap_or(call.len() - closure),
        None => call.find('(').unwrap_or(call.len()),
    };
    let end = call
        .find('(')
        .filter(|_| !call.contains("{closure"))
        .unwrap_or(end);
    (end > 0).then(|| &call[..end])
}

/// `… Uncaught Type: message in /a.php:3`, `Next Type in /a.php:3`, `[object] (Type(code: 0): message at /a.php:3)`.
fn type_message_place(message: &str) -> Option<(&str, Option<&str>, Option<Place<'_>>)> {
    let message = message.trim_end();
    if let Some((_, object)) = message.rsplit_once("[object] (") {
        let (ty, rest) = object.split_once("(code: ")?;
        let (_, rest) = rest.split_once("): ").or_else(|| rest.split_once(')'))?;
        let rest = rest.strip_suffix(')').unwrap_or(rest);
        let (value, place) = message_and_place(rest, " at ");
        return is_class(ty).then_some((ty, value, place));
    }
    let named = match message.split_once("Uncaught ") {
        Some((_, named)) => named,
        None => message.strip_prefix("Next ").unwrap_or(message),
    };
    let (ty, rest) = match named.split_once(": ") {
        Some((ty, rest)) if is_class(ty) => (ty, Some(rest)),
        _ => (named.split(" in ").next().unwrap_or(named), None),
    };
    let logged = ty.rsplit([' ', ']']).next().unwrap_or(ty);
    let ty = if message.contains("Uncaught ") {
        ty
    } else {
        logged
    };
    let (value, place) = match rest {
        Some(rest) => message_and_place(rest, " in "),
        None => (None, message_and_place(named, " in ").1),
    };
    is_class(ty).then_some((ty, value, place))
}

fn message_and_place<'m>(
    text: &'m str,
    before_place: &str,
) -> (Option<&'m str>, Option<Place<'m>>) {
    let (message, place) = match text.rsplit_once(before_place) {
        Some((message, place)) => (message, Some(place)),
        None => match text.strip_prefix(before_place.trim_start()) {
            Some(place) => ("", Some(place)),
            None => (text, None),
        },
    };
    let place = place.and_then(|place| {
        let (path, line) = place.rsplit_once(':')?;
        Some(Place {
            path,
            line: Some(line.trim_end().parse().ok()?),
        })
    });
    match place {
        Some(place) => (
            Some(message).filter(|message| !message.is_empty()),
            Some(place),
        ),
        None => (Some(text), None),
    }
}

fn is_class(name: &str) -> bool {
    name.starts_with(|first: char| first.is_alphabetic() || matches!(first, '_' | '\\'))
        && name
            .chars()
            .all(|character| character.is_alphanumeric() || matches!(character, '_' | '\\' | '@'))
}

/// `PHP Parse error:  syntax error … in /a.php on line 3`: no exception, but the end of the program.
fn fatal_error(text: &Text<'_>, line: usize, column: usize) -> Option<Trace> {
    let (kind, rest) = text.line(line)[column..].split_once(": ")?;
    let rest = rest.trim();
    if rest.starts_with("Uncaught ") {
        return None;
    }
    let (before, number) = rest.rsplit_once(" on line ")?;
    let (message, path) = before.rsplit_once(" in ")?;
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let place = Place {
        path,
        line: Some(number[..digits].parse().ok()?),
    };
    let failed = exception(Some(kind), Some(message), vec![frame(None, Some(place))]);
    Some(trace(vec![failed], line..line + 1))
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        shown::check(find, text, expected);
    }

    const CHAIN: &str = "PHP Fatal error:  Uncaught InvalidArgumentException: bad\nprice in /srv/a.php:3\nStack trace:\n#0 /srv/a.php(4): Shop\\Cart::total('a', Array)\n#1 [internal function]: Shop\\Cart->Shop\\{closure}(1)\n#2 /srv/a b.php(5): array_map(Object(Closure), Array)\n#3 {main}\n\nNext Shop\\Refused: outer in /srv/a.php:9\nStack trace:\n#0 /srv/a.php(6): Shop\\go()\n#1 {main}\n  thrown in /srv/a.php on line 9\n";
    const CHAIN_SHOWN: [&str; 2] = [
        "InvalidArgumentException: bad\nprice | {main} /srv/a b.php:5 | array_map | Shop\\Cart->Shop\\{closure} /srv/a.php:4 | Shop\\Cart::total /srv/a.php:3",
        "Shop\\Refused: outer | {main} /srv/a.php:6 | Shop\\go /srv/a.php:9",
    ];

    #[test]
    fn a_chain_is_read_inner_first() {
        check(CHAIN, &CHAIN_SHOWN);
        check(
            &CHAIN.replace("PHP Fatal error:  ", "\nFatal error: "),
            &CHAIN_SHOWN,
        );
        check(
            &format!("[23-Nov-2026 04:45:06 UTC] {CHAIN}[23-Nov-2026 04:45:07 UTC] x\n"),
            &CHAIN_SHOWN,
        );
        let [first, second] = CHAIN_SHOWN;
        check(
            &format!("{CHAIN}{CHAIN}"),
            &[first, second, "--", first, second],
        );
        let logged: String = CHAIN
            .lines()
            .map(|line| format!("php-1  | {line}\n"))
            .collect();
        check(&logged, &CHAIN_SHOWN);
    }

    #[test]
    fn exceptions_without_message_or_calls_are_read() {
        check(
            "Fatal error: Uncaught Exception in /srv/e.php:2\nStack trace:\n#0 /srv/e.php(7): f()\n#1 {main}\n  thrown in /srv/e.php on line 2\n",
            &["Exception | {main} /srv/e.php:7 | f /srv/e.php:2"],
        );
        check(
            "Fatal error: Uncaught Error: Call to undefined function nope() in C:\\a b\\d.php:2\nStack trace:\n#0 {main}\n  thrown in C:\\a b\\d.php on line 2\n",
            &["Error: Call to undefined function nope() | {main} C:\\a b\\d.php:2"],
        );
    }

    #[test]
    fn exceptions_in_logs_are_read() {
        check(
            "x\nRuntimeException: refused in /srv/a.php:3\nStack trace:\n#0 /srv/b.php(4): f()\n#1 {main}\n",
            &["RuntimeException: refused | {main} /srv/b.php:4 | f /srv/a.php:3"],
        );
        check(
            "[2026-01-02 03:04:05] production.ERROR: refused {\"exception\":\"[object] (Shop\\Refused(code: 0): refused at /srv/a.php:12)\n[stacktrace]\n#0 /srv/b.php(4): f()\n#1 {main}\n\"} \n",
            &["Shop\\Refused: refused | {main} /srv/b.php:4 | f /srv/a.php:12"],
        );
    }

    #[test]
    fn closures_with_a_place_keep_it() {
        check(
            "Fatal error: Uncaught E: m in /a.php:3\nStack trace:\n#0 /a.php(4): {closure:/a.php:3}()\n#1 {main}\n",
            &["E: m | {main} /a.php:4 | {closure:/a.php:3} /a.php:3"],
        );
    }

    #[test]
    fn fatal_errors_are_failures_and_warnings_are_not() {
        check(
            "PHP Parse error:  syntax error, unexpected token \"{\" in /srv/c.php on line 2\n",
            &["Parse error: syntax error, unexpected token \"{\" | ? /srv/c.php:2"],
        );
        check(
            "Fatal error: Allowed memory size of 1 bytes exhausted (tried to allocate 2 bytes) in /a.php on line 7\n",
            &[
                "Fatal error: Allowed memory size of 1 bytes exhausted (tried to allocate 2 bytes) | ? /a.php:7",
            ],
        );
        check(
            "PHP Warning:  Undefined variable $x in /srv/c.php on line 2\n",
            &[],
        );
    }

    #[test]
    fn what_is_no_exception_is_none() {
        for text in [
            "Stack trace:\n#0 {main}\n",
            "x\nStack trace:\n#0 {main}\n",
            "Fatal error: x",
            "a in b\nStack trace:\nx",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(&"Stack trace:\n#0 ".repeat(20_000), &[]);
        check(&"Fatal error: ".repeat(5_000), &[]);
    }

    #[test]
    fn any_bytes_are_read() {
        shown::any_bytes(find, CHAIN);
        shown::any_bytes(
            find,
            "{\"exception\":\"[object] (E(code: 0): m at /a.php:1)\n[stacktrace]\n#0 {main}\n\"}",
        );
    }
}
