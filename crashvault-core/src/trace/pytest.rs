//! Failures as pytest prints them in its own manner: the code around each call, or only its line, and what was thrown behind an
//! `E`.
//!
//! ```text
//! _________________________ test_total __________________________
//!
//!     def test_total():
//! >       assert total([]) == 0
//!                ^^^^^^^^^
//!
//! test_cart.py:7:
//! _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _
//! cart.py:3: in total
//!     return sum(prices) / len(prices)
//! E   ZeroDivisionError: division by zero
//! ```

use std::ops::Range;

use super::at::is_absolute;
use super::python::{CAUSE, CONTEXT, trace, type_and_message};
use super::text::{Prefix, Text};
use super::{Frame, Trace, exception};
use crate::event::Exception;

const SECTIONS: &[&str] = &["= FAILURES =", "= ERRORS ="];
const TESTS: &[&str] = &["__ test", "__ Test", "__ ERROR "];

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut marks: Vec<(usize, usize)> = Vec::new();
    for mark in SECTIONS.iter().chain(TESTS) {
        marks.extend(text.places(mark));
    }
    marks.sort_unstable();
    let mut next = 0;
    for (line, column) in marks {
        let read = text.line(line);
        // Where the line that is drawn begins.
        let drawn = read[..column].trim_end_matches(['=', '_']).len();
        if line >= next && is_heading(&read[drawn..]) {
            next = section(text, line, Prefix::of(read, drawn), found);
        }
    }
}

/// `____ test_total ____`, `==== FAILURES ====`
pub(super) fn is_heading(line: &str) -> bool {
    let line = line.trim_end();
    let is_drawn = |sign: char| {
        line.starts_with(sign) && line.ends_with(sign) && line.trim_matches(sign).len() > 2
    };
    let is_named = |sign: char| {
        let name = line.trim_matches(sign);
        name.starts_with(' ') && name.ends_with(' ') && !name.contains(" _ ")
    };
    is_drawn('_') && is_named('_') || is_drawn('=') && is_named('=')
}

/// The tests below a heading, to the end of them all; the line behind.
fn section(text: &Text<'_>, head: usize, prefix: Prefix<'_>, found: &mut Vec<Trace>) -> usize {
    let mut at = head;
    loop {
        let line = prefix.strip(text.line(at));
        let is_section = SECTIONS.iter().any(|mark| line.contains(mark));
        let is_over = line.starts_with('=') && is_heading(line) && !is_section;
        if at >= text.len() || is_over {
            return at;
        }
        let test = Test::read(text, prefix, at);
        at = test.end;
        found.extend(test.traces);
    }
}

/// What is printed below one heading.
struct Test {
    traces: Vec<Trace>,
    end: usize,
}

impl Test {
    fn read(text: &Text<'_>, prefix: Prefix<'_>, head: usize) -> Self {
        let mut traces = Vec::new();
        let mut walk = Walk::default();
        let (mut at, mut is_captured) = (head + 1, false);
        while at < text.len() {
            let line = prefix.strip(text.line(at));
            if is_heading(line) {
                break;
            }
            is_captured |= line.starts_with('-') && line.contains(" Captured ");
            if !is_captured {
                walk.line(line, at);
            }
            at += 1;
        }
        let lines = head..walk.last + 1;
        traces.extend(walk.trace(lines));
        Self { traces, end: at }
    }
}

/// One test, line by line.
#[derive(Default)]
struct Walk<'t> {
    done: Vec<Exception>,
    /// Outermost first.
    frames: Vec<Frame>,
    /// The function whose code is shown.
    function: Option<&'t str>,
    code: Option<&'t str>,
    /// What stands behind each `E`, and how far the first is indented.
    said: Vec<&'t str>,
    ty: Option<&'t str>,
    /// The last line that told something.
    last: usize,
}

impl<'t> Walk<'t> {
    fn line(&mut self, line: &'t str, number: usize) {
        let content = line.trim();
        if let Some(said) = line.strip_prefix("E ") {
            self.said.push(said.trim_end());
        } else if let Some(code) = line.strip_prefix("> ") {
            self.code = Some(code.trim());
        } else if matches!(content, CAUSE | CONTEXT) {
            self.finish();
        } else if line.starts_with([' ', '\t']) {
            self.code_line(content);
            return;
        } else if let Some((place, rest)) = place(line) {
            self.place(place, rest);
        } else {
            return;
        }
        self.last = number;
    }

    fn code_line(&mut self, content: &'t str) {
        let defined = content.strip_prefix("async ").unwrap_or(content);
        let defined = defined.strip_prefix("def ");
        let name = defined.and_then(|rest| rest.split('(').next());
        if self.code.is_none() {
            // The innermost of functions within functions is shown last above the line that failed.
            self.function = name.or(self.function);
        }
        if let Some(frame) = self.frames.last_mut()
            && name.is_none()
            && frame.context_line.is_none()
            && self.function.is_none()
        {
            frame.context_line = Some(content.to_owned());
        }
    }

    /// `test_cart.py:7: in test_total` above its code, `test_cart.py:7: ZeroDivisionError` below it.
    fn place(&mut self, mut place: Frame, rest: &'t str) {
        if let Some(function) = rest.strip_prefix("in ") {
            place.function = Some(function.to_owned());
        } else {
            place.function = self.function.map(str::to_owned);
            place.context_line = self.code.map(str::to_owned);
            self.ty = Some(rest).filter(|ty| !ty.is_empty()).or(self.ty);
        }
        (self.function, self.code) = (None, None);
        // One call that goes on in the line below is told once.
        self.frames.push(place);
    }

    /// One exception is whole.
    fn finish(&mut self) {
        let mut frames = std::mem::take(&mut self.frames);
        frames.reverse();
        let said = dedented(&std::mem::take(&mut self.said));
        let printed = self.ty.take();
        let (ty, value) = thrown(printed, &said);
        if ty.is_some() || !said.is_empty() {
            let value = value.filter(|value| !value.is_empty());
            self.done.push(exception(ty, value, frames));
        }
        (self.function, self.code) = (None, None);
    }

    fn trace(mut self, lines: Range<usize>) -> Option<Trace> {
        self.finish();
        (!self.done.is_empty()).then(|| trace(self.done, lines))
    }
}

/// The type and the message. `printed` is what stands behind the place; `--tb=line` writes the message there too.
fn thrown<'t>(printed: Option<&'t str>, said: &'t str) -> (Option<&'t str>, Option<&'t str>) {
    let printed = printed.and_then(type_and_message);
    let first = said.lines().next().unwrap_or_default();
    // `assert` is no type, and what is said of a missing fixture has none.
    let named = type_and_message(first).filter(|(ty, message)| message.is_some() || is_type(ty));
    match (printed, named) {
        (_, Some((ty, message))) if printed.is_none_or(|(printed, _)| is_same(ty, printed)) => {
            let rest = &said[first.len()..];
            let value = message.map(|_| said[ty.len() + 1..].trim_start());
            (Some(ty), value.or(Some(rest.trim_start())))
        }
        (Some((ty, message)), _) => (
            Some(ty),
            Some(said).filter(|said| !said.is_empty()).or(message),
        ),
        _ if first == "assert" || first.starts_with("assert ") => {
            (Some("AssertionError"), Some(said))
        }
        _ => (None, Some(said)),
    }
}

fn is_type(name: &str) -> bool {
    let name = name.rsplit('.').next().unwrap_or(name);
    name.starts_with(char::is_uppercase)
}

/// `shop.Refused` and `Refused`
fn is_same(one: &str, other: &str) -> bool {
    let last = |name: &str| name.rsplit('.').next().map(str::to_owned);
    last(one) == last(other)
}

/// Lines without the blanks that the first of them begins with.
fn dedented(lines: &[&str]) -> String {
    let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let first = lines.first().map_or(0, |line| blanks(line));
    let cut = lines.iter().map(|line| &line[blanks(line).min(first)..]);
    cut.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// `cart.py:3: ` and what stands behind it.
fn place(line: &str) -> Option<(Frame, &str)> {
    let line = line.trim_end();
    let ends = line
        .match_indices(':')
        .map(|(at, _)| at)
        .skip(1)
        .chain([line.len()]);
    for end in ends.take(8) {
        let (path, number) = line[..end].rsplit_once(':')?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && path.contains('.') && !path.starts_with(' ') {
            let frame = Frame {
                abs_path: is_absolute(path).then(|| path.to_owned()),
                filename: Some(path.to_owned()),
                lineno: number.parse().ok(),
                ..Frame::default()
            };
            return Some((frame, line.get(end + 1..).unwrap_or_default().trim()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        shown::check(find, text, expected);
    }

    const LONG: &str = "\
=================================== FAILURES ===================================
_____________________________ TestCart.test_total ______________________________

self = <test_t.TestCart object at 0x7f41192a9a90>

    def test_total(self):
        cart = {\"a\": 1}
>       assert total(cart) == 3
               ^^^^^^^^^^^

test_t.py:7: 
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ 

c = {'a': 1}

    def total(c):
>       return c[\"a\"] / 0
               ^^^^^^^^^^
E       ZeroDivisionError: division by zero

/srv/shop/t.py:3: ZeroDivisionError
------------------------------ Captured log call -------------------------------
ERROR    root:t.py:9 no
___________________________________ test_eq ____________________________________

    def test_eq():
>       assert [1, 2] == [1, 3]
E       assert [1, 2] == [1, 3]
E         
E         At index 1 diff: 2 != 3

test_t.py:9: AssertionError
=========================== short test summary info ============================
FAILED test_t.py::TestCart::test_total - ZeroDivisionError: division by zero
";
    const TOTAL: &str =
        "ZeroDivisionError: division by zero | test_total test_t.py:7 | total /srv/shop/t.py:3";
    const EQ: &str = "AssertionError: assert [1, 2] == [1, 3]\n\n  At index 1 diff: 2 != 3 | test_eq test_t.py:9";

    #[test]
    fn failures_are_read() {
        check(LONG, &[TOTAL, "--", EQ]);
        check(
            &format!("x\n{LONG}y\n{LONG}"),
            &[TOTAL, "--", EQ, "--", TOTAL, "--", EQ],
        );
        let logged =
            |time: &str| -> String { LONG.lines().map(|line| format!("{time}{line}\n")).collect() };
        check(&logged("2026-01-02T03:04:05.678Z "), &[TOTAL, "--", EQ]);
        let (_, without_section) = LONG.split_once('\n').expect("lines");
        check(without_section, &[TOTAL, "--", EQ]);
    }

    #[test]
    fn short_ones_are_read() {
        check(
            "= FAILURES =\n__ TestCart.test_total __\ntest_t.py:7: in test_total\n    assert total(cart) == 3\n           ^^^^^\nC:\\a b\\t.py:3: in total\n    return c[\"a\"] / 0\nE   shop.errors.Refused: no\nE   more\n__ test_eq __\ntest_t.py:9: in test_eq\n    assert [1] == [2]\nE   assert [1] == [2]\n",
            &[
                "shop.errors.Refused: no\nmore | test_total test_t.py:7 | total C:\\a b\\t.py:3",
                "--",
                "AssertionError: assert [1] == [2] | test_eq test_t.py:9",
            ],
        );
        check(
            "= FAILURES =\n/srv/test_t.py:3: ZeroDivisionError: division by zero\n= 1 failed in 0.03s =\n",
            &["ZeroDivisionError: division by zero | ? /srv/test_t.py:3"],
        );
    }

    #[test]
    fn causes_come_first() {
        check(
            "= ERRORS =\n__ ERROR at setup of test_a __\n    def db():\n>       open()\nE       OSError: no\n\nt.py:3: OSError\n\nThe above exception was the direct cause of the following exception:\n\n    async def db():\n>       raise E from e\nE       app.E\n\nt.py:5: E\n",
            &["OSError: no | db t.py:3", "app.E | db t.py:5"],
        );
    }

    #[test]
    fn what_has_no_type_is_a_message() {
        check(
            "= ERRORS =\n__ ERROR at setup of test_a __\nfile /srv/t.py, line 3\n  def test_a(db):\nE       fixture 'db' not found\n>       available fixtures: cache\n\n/srv/t.py:3\n",
            &["?: fixture 'db' not found | test_a /srv/t.py:3"],
        );
    }

    #[test]
    fn what_is_no_failure_is_none() {
        for text in [
            "= FAILURES =",
            "__ test",
            "__ test __\n",
            "= FAILURES =\n__ test_a __\n__ test_b __\n",
            "x = FAILURES = y\nE   Error: x\n",
            "__ test_a __\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nError\n",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(&"= FAILURES =\n".repeat(20_000), &[]);
        check(&"__ test __\n".repeat(20_000), &[]);
    }

    #[test]
    fn any_bytes_are_read() {
        shown::any_bytes(find, LONG);
    }
}
