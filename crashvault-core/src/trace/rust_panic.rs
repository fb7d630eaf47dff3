//! What a Rust program prints when it panics, and what `main` prints of an `anyhow` or `eyre` error that it returns.
//!
//! ```text
//! thread 'main' (24143) panicked at src/main.rs:3:5:
//! no item
//! stack backtrace:
//!    0: shop::total
//!              at ./src/cart.rs:30:9
//! note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
//! ```
//!
//! The frames themselves are read by `trace::rust`. Where none are printed, the place of the panic is one.

use super::native::set_place;
use super::record::begins_a_record;
use super::rust;
use super::text::{Prefix, Text};
use super::{Frame, Trace, exception};
use crate::event::{Exception, Stacktrace, Thread};

/// Lines of a message.
const MESSAGE_LINES_MAX: usize = 64;
/// Lines of a stack.
const STACK_LINES_MAX: usize = 16_384;
/// Lines of an error and its causes.
const CAUSES_MAX: usize = 32;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut panics: Vec<(usize, usize)> = text.places("panicked at ").collect();
    let overflows = text.places(" has overflowed its stack");
    let causes = text
        .places("Caused by:")
        .filter(|&(line, column)| text.line(line)[column..].trim_end() == "Caused by:");
    panics.extend(overflows);
    panics.extend(causes);
    panics.sort_unstable();
    let mut next_line = 0;
    for (line, column) in panics {
        if line < next_line {
            continue;
        }
        let at = &text.line(line)[column..];
        let trace = match at.as_bytes()[0] {
            b'p' => panic(text, line, column),
            b'C' => returned(text, line, column, next_line),
            _ => overflow(text, line, column),
        };
        if let Some(trace) = trace {
            next_line = trace.lines.end;
            found.push(trace);
        }
    }
}

/// Where `thread 'name' (7) ` begins before a mark, and the thread.
fn thread_before(before: &str) -> Option<(usize, Thread)> {
    let start = before.rfind("thread '")?;
    let about = &before[start + "thread '".len()..];
    let (name, behind) = about.rsplit_once('\'').unwrap_or((about, ""));
    let id = behind
        .trim()
        .strip_prefix('(')
        .and_then(|id| id.strip_suffix(')'));
    let thread = Thread {
        id: id.map(str::to_owned),
        name: Some(name.trim_matches(['<', '>']).to_owned()),
        crashed: Some(true),
        ..Thread::default()
    };
    Some((start, thread))
}

pub(super) fn trace(
    exceptions: Vec<Exception>,
    thread: Option<Thread>,
    lines: std::ops::Range<usize>,
) -> Trace {
    let named = thread.filter(|thread| !matches!(thread.name.as_deref(), Some("main" | "unnamed")));
    Trace {
        language: "rust",
        exceptions,
        threads: named.into_iter().collect(),
        lines,
    }
}

fn panic(text: &Text<'_>, line: usize, column: usize) -> Option<Trace> {
    let first = text.line(line);
    let (start, thread) = match thread_before(&first[..column]) {
        Some((start, thread)) => (start, Some(thread)),
        None => (column, None),
    };
    let prefix = Prefix::of(first, start);
    let said = first[column + "panicked at ".len()..].trim_end();
    let (place, value, behind) = match said.strip_prefix('\'') {
        Some(quoted) => older(text, prefix, line, quoted)?,
        None => newer(text, prefix, line, said.strip_suffix(':')?)?,
    };
    let (frames, end) = backtrace(text, prefix, behind);
    let mut frames = frames;
    if frames.is_empty() {
        let mut frame = Frame::default();
        set_place(&mut frame, place);
        frames.push(frame);
    }
    let mut panic = thrown(Some("panic"), &value, frames);
    panic.thread_id = thread.as_ref().and_then(|thread| thread.id.clone());
    Some(trace(vec![panic], thread, line..end))
}

pub(super) fn thrown(ty: Option<&str>, value: &str, outermost_first: Vec<Frame>) -> Exception {
    let value = Some(value.trim_end()).filter(|value| !value.is_empty());
    Exception {
        stacktrace: (!outermost_first.is_empty()).then(|| Stacktrace {
            frames: outermost_first,
            ..Stacktrace::default()
        }),
        ..exception(ty, value, Vec::new())
    }
}

/// Before Rust 1.73: `panicked at 'message', src/main.rs:3:5`. The place, the message, and the line behind.
fn older<'t>(
    text: &Text<'t>,
    prefix: Prefix<'_>,
    line: usize,
    quoted: &'t str,
) -> Option<(&'t str, String, usize)> {
    let mut message = String::new();
    let mut rest = quoted;
    for number in line..text.len().min(line + MESSAGE_LINES_MAX) {
        if number > line {
            message.push('\n');
            rest = prefix.strip(text.line(number));
        }
        if let Some((last, place)) = rest.rsplit_once("', ")
            && rust::split_number(place.trim_end()).1.is_some()
        {
            message.push_str(last);
            return Some((place.trim_end(), message, number + 1));
        }
        message.push_str(rest);
    }
    None
}

/// The message on the lines behind the place. Where the runtime printed nothing behind it, it is one line, but for what
/// `assert_eq!` adds.
fn newer<'t>(
    text: &Text<'t>,
    prefix: Prefix<'_>,
    line: usize,
    place: &'t str,
) -> Option<(&'t str, String, usize)> {
    rust::split_number(place).1?;
    let first = line + 1;
    let stripped = |number: usize| prefix.strip(text.line(number)).trim_end();
    let last = text.len().min(first + MESSAGE_LINES_MAX);
    let end = (first..last)
        .take_while(|&number| !stripped(number).contains("panicked at "))
        .find(|&number| is_end(stripped(number)));
    let end = end.unwrap_or_else(|| {
        let compared = |&number: &usize| is_compared(stripped(number));
        let more = (first + 1..last).take_while(compared).count();
        (first + 1 + more).min(text.len())
    });
    let message: Vec<&str> = (first..end).map(stripped).collect();
    Some((place, message.join("\n"), end))
}

/// What stands behind a message.
fn is_end(line: &str) -> bool {
    let line = line.trim_start();
    line.eq_ignore_ascii_case("stack backtrace:")
        || line.starts_with("note: run with `RUST_BACKTRACE")
        || line.starts_with("note: Run with `RUST_BACKTRACE")
}

/// What `assert_eq!` prints below its message.
fn is_compared(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("left: ") || line.starts_with("right: ")
}

/// The frames of a stack that begins in a line, outermost first, and the line behind it and the note on it.
fn backtrace(text: &Text<'_>, prefix: Prefix<'_>, from: usize) -> (Vec<Frame>, usize) {
    let mut number = from;
    let is_title = |number| {
        let line = prefix.strip(text.line(number)).trim();
        line.eq_ignore_ascii_case("stack backtrace:")
    };
    let mut frames = Vec::new();
    if is_title(number) {
        number += 1;
        let mut stack = String::new();
        while number < text.len().min(from + STACK_LINES_MAX) {
            let line = prefix.strip(text.line(number)).trim_end();
            if !is_of_stack(line) {
                break;
            }
            stack.push_str(line);
            stack.push('\n');
            number += 1;
        }
        frames = rust::frames(&stack);
    }
    let note = prefix.strip(text.line(number)).trim_start();
    if number < text.len() && note.starts_with("note: ") {
        number += 1;
    }
    (frames, number)
}

fn is_of_stack(line: &str) -> bool {
    let call = line.trim_start();
    let numbered = call.starts_with(|first: char| first.is_ascii_digit()) && call.contains(": ");
    numbered || call.starts_with("at ") || line.starts_with("      ")
}

fn overflow(text: &Text<'_>, line: usize, column: usize) -> Option<Trace> {
    let first = text.line(line);
    let (start, thread) = thread_before(&first[..column])?;
    let prefix = Prefix::of(first, start);
    let fatal = prefix.strip(text.line(line + 1)).trim_end();
    let (ty, value, end) = match fatal.split_once(": ") {
        Some((ty @ "fatal runtime error", value)) => (ty, value, line + 2),
        _ => ("fatal runtime error", "stack overflow", line + 1),
    };
    Some(trace(
        vec![exception(Some(ty), Some(value), Vec::new())],
        Some(thread),
        line..end,
    ))
}

/// `Error: message`, `Caused by:` with causes, `Location:` or `Stack backtrace:`.
fn returned(text: &Text<'_>, line: usize, column: usize, free: usize) -> Option<Trace> {
    let prefix = Prefix::of(text.line(line), column);
    let stripped = |number: usize| prefix.strip(text.line(number)).trim_end();
    let above = (free.max(line.saturating_sub(CAUSES_MAX))..line).rev();
    let head = above
        .into_iter()
        .find(|&number| behind_error(stripped(number)).is_some())?;
    let mut said: Vec<&str> = (head..line).map(stripped).collect();
    said[0] = behind_error(said[0]).unwrap_or(said[0]).trim_start();
    let mut message = said.join("\n");
    // eyre numbers the error itself as the first of its causes.
    if let Some(first) = message.trim_start().strip_prefix("0: ") {
        message = first.to_owned();
    }
    let mut causes: Vec<String> = Vec::new();
    let mut number = line + 1;
    while number < text.len() && causes.len() < CAUSES_MAX && number < line + MESSAGE_LINES_MAX {
        let cause = stripped(number);
        if !cause.starts_with(' ') {
            break;
        }
        match (cause.trim_start().split_once(": "), causes.last_mut()) {
            (Some((count, cause)), _) if count.parse::<usize>().is_ok() => {
                causes.push(cause.to_owned())
            }
            (_, None) => causes.push(cause.trim_start().to_owned()),
            (_, Some(last)) => {
                last.push('\n');
                last.push_str(cause.trim_start());
            }
        }
        number += 1;
    }
    if causes.is_empty() {
        return None;
    }
    let (frames, end) = stack_of_error(text, prefix, number);
    let mut exceptions: Vec<Exception> = causes
        .iter()
        .rev()
        .map(|cause| thrown(None, cause, Vec::new()))
        .collect();
    exceptions.push(thrown(Some("Error"), &message, frames));
    Some(trace(exceptions, None, head..end))
}

/// What an error says in the line that it begins in; a log may have written something before.
fn behind_error(line: &str) -> Option<&str> {
    match line.strip_prefix("Error:") {
        Some(said) => (said.is_empty() || said.starts_with(' ')).then_some(said),
        None if begins_a_record(line) => Some(line.split_once(" Error: ")?.1),
        None => None,
    }
}

/// The stack or the place that stands behind an error, and the line behind it.
fn stack_of_error(text: &Text<'_>, prefix: Prefix<'_>, from: usize) -> (Vec<Frame>, usize) {
    let stripped = |number: usize| prefix.strip(text.line(number)).trim();
    let next = if stripped(from).is_empty() {
        from + 1
    } else {
        from
    };
    if stripped(next) == "Location:" {
        let mut frame = Frame::default();
        set_place(&mut frame, stripped(next + 1));
        if frame.lineno.is_some() {
            return (vec![frame], next + 2);
        }
    }
    match backtrace(text, prefix, next) {
        (frames, _) if frames.is_empty() => (frames, from),
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::native::testing::shown;
    use crate::trace::shown::any_bytes;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(shown(find, text), expected, "{text}");
    }

    const PANIC: &str = "
thread 'ingest' (241) panicked at asserteq.rs:1:20:
assertion `left == right` failed: after 3 tries
  left: 5
 right: 4
stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/59/library/std/src/panicking.rs:689:5
   1: shop::check
             at ./my shop/a.rs:1:20
   2: 0x55 - <unknown>
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
";
    const READ: &str = "panic: assertion `left == right` failed: after 3 tries\n  left: 5\n right: 4 | __rustc::rust_begin_unwind /rustc/59/library/std/src/panicking.rs:689:5 < shop::check my shop/a.rs:1:20 < 0x55\n\
         thread 241 ingest | ";

    #[test]
    fn a_log_may_write_something_before_an_error() {
        let alone = shown(find, "Error: no cart\n\nCaused by:\n    no disk\n");
        assert!(alone.contains("no disk"), "{alone}");
        assert_eq!(
            shown(
                find,
                "2026-01-02T03:04:05Z ERROR shop: Error: no cart\n\nCaused by:\n    no disk\n"
            ),
            alone
        );
    }

    #[test]
    fn a_panic_with_its_stack_is_read() {
        check(PANIC, READ);
        let mut found = Vec::new();
        find(&Text::new(PANIC), &mut found);
        assert_eq!(found[0].lines, 1..12);
    }

    #[test]
    fn a_panic_in_a_log_is_read() {
        let logged: String = PANIC
            .lines()
            .map(|line| format!("app_1  | {line}\n"))
            .collect();
        check(&logged, READ);
    }

    #[test]
    fn a_panic_without_a_stack_has_its_place() {
        check(
            "thread 'main' panicked at src/main.rs:3:5:\nboom: 1\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
            "panic: boom: 1 | ? src/main.rs:3:5",
        );
        check(
            "thread 'main' panicked at C:\\my shop\\main.rs:3:5:\nassertion failed\n  left: 1\n right: 2\nother words\n",
            "panic: assertion failed\n  left: 1\n right: 2 | ? C:\\my shop\\main.rs:3:5",
        );
        check(
            "panicked at src/lib.rs:3:5:\nboom\n\nStack:\n",
            "panic: boom | ? src/lib.rs:3:5",
        );
    }

    #[test]
    fn messages_may_have_lines() {
        check(
            "thread 'main' panicked at a.rs:3:5:\none\n\n  at b.rs:1\nnote: run with `RUST_BACKTRACE=1` environment variable\n",
            "panic: one\n\n  at b.rs:1 | ? a.rs:3:5",
        );
    }

    #[test]
    fn the_older_form_is_read() {
        check(
            "thread '<unnamed>' panicked at 'called `Option::unwrap()` on a `None` value', src/main.rs:3:5\nnote: run with `RUST_BACKTRACE=1`\n",
            "panic: called `Option::unwrap()` on a `None` value | ? src/main.rs:3:5",
        );
        check(
            "thread 'main' panicked at 'one\n two', a.rs:3\nstack backtrace:\n   0: f\n",
            "panic: one\n two | f",
        );
    }

    #[test]
    fn two_panics_are_two() {
        check(
            "thread 'main' panicked at a.rs:3:5:\none\nthread 'main' panicked at b.rs:3:5:\ntwo\nstack backtrace:\n   0: f\nthread caused non-unwinding panic. aborting.\n",
            "panic: one | ? a.rs:3:5\npanic: two | f",
        );
    }

    #[test]
    fn an_overflow_is_read() {
        check(
            "\nthread 'main' (3) has overflowed its stack\nfatal runtime error: stack overflow, aborting\nAborted\n",
            "fatal runtime error: stack overflow, aborting | ",
        );
    }

    #[test]
    fn an_error_of_main_is_read_with_its_causes() {
        check(
            "Error: cannot start\n\nCaused by:\n    0: cannot read shop.toml\n    1: No such file or directory (os error 2)\n\nStack backtrace:\n   0: shop::main\n             at ./src/main.rs:5:9\n",
            "?: No such file or directory (os error 2) | \n?: cannot read shop.toml | \nError: cannot start | shop::main src/main.rs:5:9",
        );
        check(
            "Error: cannot start\n\nCaused by:\n    no\n    more\n\nLocation:\n    src/main.rs:5:9\n",
            "?: no\nmore | \nError: cannot start | ? src/main.rs:5:9",
        );
    }

    #[test]
    fn what_is_no_panic_is_passed_over() {
        check("he panicked at the disco\n", "");
        check("panicked at noon: nothing\n", "");
        check("Caused by:\n    x\n", "");
        check(
            "Error: x\nCaused by: java.io.IOException\n\tat a.b(C.java:1)\n",
            "",
        );
    }

    #[test]
    fn any_text_is_read() {
        any_bytes(find, PANIC);
        any_bytes(
            find,
            "Error: a\n\nCaused by:\n    0: b\n\nLocation:\n    a.rs:1\nthread 'x' has overflowed its stack\nthread 'a' panicked at 'b', c:1\n",
        );
    }
}
