//! What the library color-eyre prints of errors and panics of Rust.
//!
//! ```text
//! Error:
//!    0: could not load the cart
//!    1: No such file or directory (os error 2)
//!
//! Location:
//!    src/cart.rs:14
//!
//!   ━━━━━━━━━━━━━ BACKTRACE ━━━━━━━━━━━━━
//!                 ⋮ 5 frames hidden ⋮
//!    6: shop::cart::load::h0123456789abcdef
//!       at /srv/shop/src/cart.rs:14
//! ```

use super::native::set_place;
use super::rust;
use super::rust_panic::{thrown, trace};
use super::text::{Prefix, Text};
use super::{Frame, Trace};
use crate::event::Exception;

const PANIC: &str = "The application panicked (crashed)";
const PLACE: &str = "Location:";
/// Lines of an error with its causes, and of a message.
const HEAD_LINES_MAX: usize = 64;
/// Lines between a place and the stack, and lines of a stack.
const GAP_LINES_MAX: usize = 64;
const STACK_LINES_MAX: usize = 4096;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut marks: Vec<_> = text.places(PANIC).chain(text.places(PLACE)).collect();
    marks.sort_unstable();
    let mut next = 0;
    for (line, column) in marks {
        if line < next {
            continue;
        }
        let read = match text.line(line)[column..].starts_with(PANIC) {
            true => panic(text, line, column),
            false => error(text, line, column, next),
        };
        if let Some(trace) = read {
            next = trace.lines.end;
            found.push(trace);
        }
    }
}

/// An error whose place stands below `line`.
fn error(text: &Text<'_>, line: usize, column: usize, free: usize) -> Option<Trace> {
    let prefix = Prefix::of(text.line(line), column);
    let stripped = |number: usize| prefix.strip(text.line(number)).trim_end();
    if stripped(line) != PLACE {
        return None;
    }
    let first = free.max(line.saturating_sub(HEAD_LINES_MAX));
    let head = (first..line)
        .rev()
        .find(|&number| stripped(number) == "Error:")?;
    let mut said: Vec<String> = Vec::new();
    for number in head + 1..line {
        let told = stripped(number);
        match (numbered(told, said.len()), said.last_mut()) {
            (Some(next), _) => said.push(next.to_owned()),
            (None, Some(last)) if told.starts_with(' ') => {
                last.push('\n');
                last.push_str(told.trim_start());
            }
            _ => {}
        }
    }
    let (frames, end) = stack(text, prefix, line + 1, stripped(line + 1));
    let mut exceptions: Vec<Exception> = said
        .iter()
        .skip(1)
        .rev()
        .map(|cause| thrown(None, cause, Vec::new()))
        .collect();
    exceptions.push(thrown(Some("Error"), said.first()?, frames));
    Some(trace(exceptions, None, head..end))
}

/// `   0: could not load the cart`
fn numbered(line: &str, count: usize) -> Option<&str> {
    let (number, said) = line.trim_start().split_once(": ")?;
    (number.parse() == Ok(count)).then_some(said)
}

fn panic(text: &Text<'_>, line: usize, column: usize) -> Option<Trace> {
    let prefix = Prefix::of(text.line(line), column);
    let stripped = |number: usize| prefix.strip(text.line(number)).trim_end();
    let first = stripped(line + 1).strip_prefix("Message:")?;
    let mut value = first.trim().to_owned();
    let last = text.len().min(line + HEAD_LINES_MAX);
    for number in line + 2..last {
        let told = stripped(number);
        if let Some(place) = told.strip_prefix(PLACE) {
            let (frames, end) = stack(text, prefix, number, place);
            return Some(trace(
                vec![thrown(Some("panic"), &value, frames)],
                None,
                line..end,
            ));
        }
        if told.contains(PANIC) {
            break;
        }
        value.push('\n');
        value.push_str(told);
    }
    None
}

/// The frames behind a place, outermost first, and the line behind them; the place alone where there is no stack.
fn stack(text: &Text<'_>, prefix: Prefix<'_>, line: usize, place: &str) -> (Vec<Frame>, usize) {
    let stripped = |number: usize| prefix.strip(text.line(number)).trim_end();
    let last = text.len().min(line + GAP_LINES_MAX);
    let is_next = |number: usize| {
        let told = stripped(number);
        told.contains(PANIC) || told.trim_start().starts_with(PLACE)
    };
    let mut below = (line + 1..last).take_while(|&number| !is_next(number));
    let title = below.find(|&number| stripped(number).contains("━ BACKTRACE ━"));
    if let Some(title) = title {
        let mut printed = String::new();
        let mut end = title + 1;
        while end < text.len().min(title + STACK_LINES_MAX) {
            let told = stripped(end);
            let is_of_stack = told.starts_with(' ') && !told.contains('⋮');
            if !is_of_stack && !told.contains('⋮') {
                break;
            }
            if is_of_stack {
                printed.push_str(told);
                printed.push('\n');
            }
            end += 1;
        }
        let frames = rust::frames(&printed);
        if !frames.is_empty() {
            return (frames, end);
        }
    }
    let mut frame = Frame::default();
    set_place(&mut frame, place.trim());
    let frames = frame.lineno.is_some().then_some(frame);
    (frames.into_iter().collect(), line + 1)
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

    const ERROR: &str = "\
Error: 
   0: could not load the cart
   1: No such file or directory (os error 2)

Location:
   src/cart.rs:14
";
    const STACK: &str = "
  ━━━━━━━━━━━━━ SPANTRACE ━━━━━━━━━━━━━

   0: shop::cart::load with path=\"cart.json\"
      at src/cart.rs:10

  ━━━━━━━━━━━━━ BACKTRACE ━━━━━━━━━━━━━
                ⋮ 5 frames hidden ⋮               
   6: shop::cart::load::h0123456789abcdef
      at /srv/shop/src/cart.rs:14
   7: shop::main::h0123456789abcdef
      at /srv/shop/src/main.rs:5
                ⋮ 10 frames hidden ⋮              

Run with COLORBT_SHOW_HIDDEN=1 environment variable to disable frame filtering.
";
    const CAUSE: &str =
        "?: No such file or directory (os error 2) | \nError: could not load the cart | ";
    const FRAMES: &str =
        "shop::cart::load /srv/shop/src/cart.rs:14 < shop::main /srv/shop/src/main.rs:5";

    #[test]
    fn errors_are_read() {
        check(ERROR, &format!("{CAUSE}? src/cart.rs:14"));
        check(
            &format!("x\n{ERROR}{STACK}y\n"),
            &format!("{CAUSE}{FRAMES}"),
        );
        let logged: String = ERROR
            .lines()
            .map(|line| format!("app | {line}\n"))
            .collect();
        check(&logged, &format!("{CAUSE}? src/cart.rs:14"));
    }

    #[test]
    fn panics_are_read() {
        let panic =
            "The application panicked (crashed).\nMessage:  one\ntwo\nLocation: src/main.rs:9\n";
        check(panic, "panic: one\ntwo | ? src/main.rs:9");
        check(
            &format!("{panic}{STACK}"),
            &format!("panic: one\ntwo | {FRAMES}"),
        );
        check(
            &format!("{panic}{ERROR}{STACK}"),
            &format!("panic: one\ntwo | ? src/main.rs:9\n{CAUSE}{FRAMES}"),
        );
    }

    #[test]
    fn what_is_no_report_is_none() {
        for text in [
            "HTTP/1.1 302\nLocation: /cart:1\n",
            "Error:\nLocation:\n",
            "Location:\n",
            "The application panicked (crashed).\n",
            "The application panicked (crashed).\nMessage: x\n",
        ] {
            check(text, "");
        }
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(&"Location:\n".repeat(20_000), "");
        check(&format!("{PANIC}\nMessage: x\n").repeat(10_000), "");
    }

    #[test]
    fn any_text_is_read() {
        any_bytes(find, &format!("{ERROR}{STACK}"));
    }
}
