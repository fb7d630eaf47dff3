//! Tracebacks of Python in a box, as the library rich draws them, which many programs of the command line use.
//!
//! ```text
//! ╭───────── Traceback (most recent call last) ─────────╮
//! │ /srv/shop/cart.py:3 in total                        │
//! │                                                     │
//! │   2 def total(prices):                              │
//! │ ❱ 3 │   return sum(prices) / len(prices)            │
//! ╰─────────────────────────────────────────────────────╯
//! ZeroDivisionError: division by zero
//! ```

use super::at::is_absolute;
use super::python::{CAUSE, CONTEXT, trace, type_and_message};
use super::record::begins_a_record;
use super::text::{Prefix, Text};
use super::{Frame, Trace, exception};
use crate::event::Exception;

/// Lines of one place, and of one message.
const PLACE_LINES_MAX: usize = 8;
const MESSAGE_LINES_MAX: usize = 100;

/// Whether this is how the upper edge of a box begins.
pub(super) fn is_edge(before: &str) -> bool {
    before.ends_with(['─', '-']) && before.contains(['╭', '┌', '+'])
}

/// The exceptions of all boxes that belong together, and the line behind them.
pub(super) fn read(text: &Text<'_>, line: usize, before: &str) -> (Option<Trace>, usize) {
    let column = before.find(['╭', '┌', '+']).unwrap_or(before.len());
    let prefix = Prefix::of(before, column);
    let content = |number: usize| prefix.strip(text.line(number));
    let mut exceptions = Vec::new();
    let mut at = line;
    loop {
        let (frames, below) = boxed(text, &prefix, at);
        let (exception, behind) = named(text, &prefix, below, frames);
        at = behind;
        exceptions.extend(exception);
        let is_blank = |number: usize| content(number).trim().is_empty();
        let is_linked = is_blank(at) && matches!(content(at + 1).trim(), CAUSE | CONTEXT);
        let next = at + 3;
        let head = content(next).trim();
        let is_box = head.contains("Traceback (most recent call last)")
            && is_edge(head.split(" Traceback").next().unwrap_or_default());
        if !(is_linked && is_box) {
            break;
        }
        at = next;
    }
    let found = (!exceptions.is_empty()).then(|| trace(exceptions, line..at));
    (found, at)
}

/// The frames of one box, outermost first, and the line below it.
fn boxed(text: &Text<'_>, prefix: &Prefix<'_>, edge: usize) -> (Vec<Frame>, usize) {
    let mut frames: Vec<Frame> = Vec::new();
    let mut place = Vec::new();
    let mut is_between = true;
    for number in edge + 1..text.len() {
        let line = prefix.strip(text.line(number)).trim();
        let Some(content) = line.strip_prefix(['│', '|']) else {
            let is_edge = line.starts_with(['╰', '└', '+']);
            return (frames, number + usize::from(is_edge));
        };
        let content = content.trim_end_matches(['│', '|']).trim();
        if content.is_empty() {
            place.clear();
            is_between = true;
        } else if is_source(content) {
            if let (Some(frame), Some(code)) = (frames.last_mut(), marked(content)) {
                frame.context_line = Some(code.to_owned());
            }
            is_between = false;
        } else if is_between && place.len() < PLACE_LINES_MAX {
            // Long paths are broken.
            place.push(content);
            if let Some(frame) = frame(&place.concat()).or_else(|| frame(&place.join(" "))) {
                frames.push(frame);
                is_between = false;
            }
        }
    }
    (frames, text.len())
}

/// A line of code with its number, or of the box that shows variables.
fn is_source(content: &str) -> bool {
    let is_number = |text: &str| {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && (text.len() == digits || text[digits..].starts_with(' '))
    };
    content.starts_with(['❱', '╭', '╰', '┌', '└', '│', '|']) || is_number(content)
}

/// The code of the line that failed.
fn marked(content: &str) -> Option<&str> {
    let numbered = content.strip_prefix('❱')?.trim_start();
    let code = numbered.trim_start_matches(|c: char| c.is_ascii_digit());
    Some(code.trim_start_matches(['│', '|', ' ']))
}

/// `/srv/shop/cart.py:3 in total`
fn frame(place: &str) -> Option<Frame> {
    let (place, function) = place.rsplit_once(" in ")?;
    let (path, number) = place.rsplit_once(':')?;
    Some(Frame {
        function: Some(function.to_owned()),
        abs_path: is_absolute(path).then(|| path.to_owned()),
        lineno: Some(number.trim().parse().ok()?),
        filename: Some(path.to_owned()),
        ..Frame::default()
    })
}

/// What is said below a box: the type, and the message to the next blank line.
fn named(
    text: &Text<'_>,
    prefix: &Prefix<'_>,
    line: usize,
    outermost_first: Vec<Frame>,
) -> (Option<Exception>, usize) {
    let content = |number: usize| prefix.strip(text.line(number)).trim_end();
    let mut frames = outermost_first;
    frames.reverse();
    let Some((ty, message)) = type_and_message(content(line)) else {
        let unnamed = (!frames.is_empty()).then(|| exception(None, None, frames));
        return (unnamed, line);
    };
    let mut value = message.map(str::to_owned);
    let mut at = line + 1;
    while at < text.len() && at - line < MESSAGE_LINES_MAX {
        let more = content(at);
        if more.trim().is_empty() || begins_a_record(more) || value.is_none() {
            break;
        }
        value = value.map(|value| value + "\n" + more);
        at += 1;
    }
    (Some(exception(Some(ty), value.as_deref(), frames)), at)
}

#[cfg(test)]
mod tests {
    use super::super::{python, shown};

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        shown::check(python::find, text, expected);
    }

    const PLAIN: &str = "\
╭────────── Traceback (most recent call last) ──────────╮
│ /srv/shop/main.py:9 in pay                            │
│                                                       │
│    8 def pay():                                       │
│ ❱  9 │   return total([])                             │
│   10                                                  │
│                                                       │
│ /srv/shop/a very long path that is broken/by the edge │
│ .py:3 in total                                        │
│                                                       │
│   2 def total(prices):                                │
│ ❱ 3 │   return sum(prices) / len(prices)              │
│                                                       │
│ ╭─ locals ────╮                                       │
│ │ prices = [] │                                       │
│ ╰─────────────╯                                       │
╰───────────────────────────────────────────────────────╯
ZeroDivisionError: division by zero
";
    const PLAIN_SHOWN: &str = "ZeroDivisionError: division by zero | pay /srv/shop/main.py:9 | total /srv/shop/a very long path that is broken/by the edge.py:3";

    #[test]
    fn boxes_are_read() {
        check(PLAIN, &[PLAIN_SHOWN]);
        check(
            &format!("x\n{PLAIN}\ny\n{PLAIN}"),
            &[PLAIN_SHOWN, "--", PLAIN_SHOWN],
        );
        let logged: String = PLAIN
            .lines()
            .map(|line| format!("app  | {line}\n"))
            .collect();
        check(&logged, &[PLAIN_SHOWN]);
        let plain = PLAIN
            .replace(['╭', '╮', '╰', '╯'], "+")
            .replace('─', "-")
            .replace('│', "|");
        check(&plain, &[PLAIN_SHOWN]);
    }

    #[test]
    fn causes_stand_in_boxes_above() {
        let link = "\nThe above exception was the direct cause of the following exception:\n\n";
        let last = PLAIN.replace(
            "ZeroDivisionError: division by zero",
            "ValueError: no total\nof it",
        );
        check(
            &format!("{PLAIN}{link}{last}\nbye\n"),
            &[
                PLAIN_SHOWN,
                &PLAIN_SHOWN.replace(
                    "ZeroDivisionError: division by zero",
                    "ValueError: no total\nof it",
                ),
            ],
        );
    }

    #[test]
    fn other_boxes_are_none() {
        check("╭─ Traceback (most recent call last) ─╮\n╰──╯\n", &[]);
        check("╭─ Traceback (most recent call last) ─╮\n", &[]);
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(
            &"╭─ Traceback (most recent call last) ─╮\n│ x │\n".repeat(10_000),
            &[],
        );
    }

    #[test]
    fn any_bytes_are_read() {
        shown::any_bytes(python::find, PLAIN);
    }
}
