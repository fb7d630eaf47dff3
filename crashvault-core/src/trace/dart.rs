//! Dart and Flutter: stacks of the virtual machine, obfuscated ones, the short form of `package:stack_trace`, the box that Flutter
//! draws, also in the log of Android.
//!
//! ```text
//! Unhandled exception:
//! Bad state: no cart
//! #0      Cart.total (package:shop/cart.dart:30:9)
//! #1      main (file:///srv/main.dart:5:3)
//! <asynchronous suspension>
//! ```

use super::at::{self, MESSAGE_LINES_MAX};
use super::text::{Prefix, Text};
use super::{FRAMES_MAX, Trace, exception};
use crate::event::Frame;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    // Every stack has a first frame, and every frame of one names a library or an instruction.
    if text.contains(".dart") || text.contains("dart:") || text.contains("_kDart") {
        find_numbered(text, found);
        let mut more = Vec::new();
        find_short(text, &mut more);
        super::keep_free(found, more);
    }
}

fn find_numbered(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut read_until = 0;
    for (number, column) in text.places("#0") {
        let line = text.line(number);
        if number < read_until {
            continue;
        }
        let prefix = Prefix::of(line, line[..column].trim_end().len());
        let is_behind_blank = column == 0
            || line.as_bytes()[column - 1] == b' '
            || prefix.strip(line).starts_with('#');
        if !is_behind_blank {
            continue;
        }
        let walk = Walk { text, prefix };
        let (read, next) = walk.read(number, read_until);
        found.extend(read);
        read_until = next;
    }
}

/// The reading of one failure, line by line.
struct Walk<'a, 't> {
    text: &'a Text<'t>,
    prefix: Prefix<'a>,
}

impl<'a, 't: 'a> Walk<'a, 't> {
    fn line(&self, number: usize) -> &'a str {
        let line: &'a str = self.text.line(number);
        self.prefix.strip(line)
    }

    /// A failure whose first frame is in line `number`, and the line behind the stack, whatever language it is in.
    fn read(&self, number: usize, read_until: usize) -> (Option<Trace>, usize) {
        let (mut frames, mut next) = (Vec::new(), number);
        while next < self.text.len() {
            let line = self.line(next).trim();
            if let Some(frame) = numbered(line) {
                if frames.len() < FRAMES_MAX {
                    frames.push(frame);
                }
                // The place may have a line of its own.
                next += 1;
                if let Some(last) = frames.last_mut().filter(|last| last.filename.is_none())
                    && set_place(
                        last,
                        self.line(next)
                            .trim()
                            .trim_start_matches('(')
                            .trim_end_matches(')'),
                    )
                {
                    next += 1;
                }
            } else if is_passed(line) && next > number {
                next += 1;
            } else {
                break;
            }
        }
        let is_dart = frames.iter().any(|frame| {
            frame.filename.as_deref().is_some_and(is_library) || frame.instruction_addr.is_some()
        });
        let read = is_dart.then(|| {
            let (start, ty, value) = self.head(number, read_until);
            trace(exception(ty, value.as_deref(), frames), start..next)
        });
        (read, next.max(number + 1))
    }

    /// Where the failure begins, its type and its message.
    fn head(&self, frames: usize, read_until: usize) -> (usize, Option<&'a str>, Option<String>) {
        let lowest = read_until.max(frames.saturating_sub(MESSAGE_LINES_MAX));
        let announced = (lowest..frames).rev().find_map(|above| {
            Some((
                above,
                Announced::read(self.line(above), self.text.line(above))?,
            ))
        });
        match announced {
            Some((above, Announced::Box { ty })) => {
                let value = self.boxed_message(above + 1, frames);
                (self.top_of_box(above, lowest), ty, value)
            }
            Some((above, Announced::Message(""))) => self.message(above, above + 1, frames),
            Some((above, Announced::Message(first))) => {
                let (ty, value) = typed(first);
                (above, ty, self.joined(value, above + 1, frames))
            }
            None => self.plain(frames, lowest),
        }
    }

    /// A message that begins in line `from`.
    fn message(
        &self,
        start: usize,
        from: usize,
        frames: usize,
    ) -> (usize, Option<&'a str>, Option<String>) {
        let (ty, value) = typed(self.line(from.min(frames)).trim());
        if from >= frames {
            return (start, None, None);
        }
        (start, ty, self.joined(value, from + 1, frames))
    }

    fn joined(&self, first: Option<&str>, from: usize, end: usize) -> Option<String> {
        let mut value = first.unwrap_or_default().to_owned();
        for number in from..end {
            let line = self.line(number);
            if is_introduction(line.trim()) {
                break;
            }
            value.push('\n');
            value.push_str(line.trim_end());
        }
        let value = value.trim_end();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Without words of its own before it, a message is right above the stack.
    fn plain(&self, frames: usize, lowest: usize) -> (usize, Option<&'a str>, Option<String>) {
        let mut end = frames;
        while end > lowest
            && (self.line(end - 1).trim().is_empty() || is_introduction(self.line(end - 1).trim()))
        {
            end -= 1;
        }
        if end == lowest || frames - end > 2 {
            return (frames, None, None);
        }
        let whole = self.line(end - 1).trim();
        let is_named = |text: &str| typed(text).0.is_some();
        let begin = whole
            .match_indices(' ')
            .map(|(at, _)| at + 1)
            .take(32)
            .find(|&at| is_named(&whole[at..]));
        let begin = if is_named(whole) { Some(0) } else { begin };
        match begin {
            Some(begin) => {
                let (ty, value) = typed(&whole[begin..]);
                (end - 1, ty, value.map(str::to_owned))
            }
            None if whole.starts_with('#') => (frames, None, None),
            None => (end - 1, None, Some(whole.to_owned())),
        }
    }

    /// What stands in the box between what was thrown and the stack, without remarks.
    fn boxed_message(&self, from: usize, frames: usize) -> Option<String> {
        let ends = [
            "The relevant error-causing widget",
            "When the exception was thrown",
            "This was the stack",
            "Either the assertion",
        ];
        let lines = (from..frames).map(|number| self.line(number).trim_end());
        let lines = lines.take_while(|line| {
            !ends.iter().any(|end| line.starts_with(end)) && !line.starts_with("══")
        });
        let mut value: Vec<&str> = lines.collect();
        while value.last().is_some_and(|line| line.is_empty()) {
            value.pop();
        }
        (!value.is_empty()).then(|| value.join("\n"))
    }

    fn top_of_box(&self, from: usize, lowest: usize) -> usize {
        let near = lowest.max(from.saturating_sub(3));
        (near..from)
            .find(|&above| self.line(above).contains("EXCEPTION CAUGHT BY "))
            .unwrap_or(from)
    }
}

fn trace(exception: crate::event::Exception, lines: std::ops::Range<usize>) -> Trace {
    Trace {
        language: "dart",
        exceptions: vec![exception],
        threads: Vec::new(),
        lines,
    }
}

/// What says that a message follows.
enum Announced<'l> {
    /// Behind the words; empty where the message begins in the next line.
    Message(&'l str),
    /// Flutter's: `The following X was thrown …:`
    Box { ty: Option<&'l str> },
}

impl<'l> Announced<'l> {
    fn read(line: &'l str, whole: &'l str) -> Option<Self> {
        let words = [
            "Unhandled exception:",
            "Unhandled Exception:",
            "Uncaught exception:",
            "Uncaught Error:",
            "Unhandled error:",
        ];
        let behind = words
            .iter()
            .find_map(|words| line.split_once(words).or_else(|| whole.split_once(words)));
        if let Some((_, rest)) = behind {
            return Some(Self::Message(rest.trim()));
        }
        let thrown = line.trim_start().strip_prefix("The following ")?;
        if !line.trim_end().ends_with(':') {
            return None;
        }
        let (ty, _) = thrown.split_once(" was thrown")?;
        let is_type = !ty.contains(' ') && ty != "assertion" && ty != "message";
        Some(Self::Box {
            ty: is_type.then_some(ty),
        })
    }
}

/// `Type: message`, as errors with a name are printed; others are a message alone.
fn typed(text: &str) -> (Option<&str>, Option<&str>) {
    let whole = (!text.is_empty()).then_some(text);
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$' | '<' | '>')))
        .unwrap_or(text.len());
    let (ty, rest) = text.split_at(end);
    let ends = ["Exception", "Error", "Failure"];
    let is_type = ty.trim_start_matches('_').starts_with(char::is_uppercase)
        && ends.iter().any(|end| ty.ends_with(end));
    match rest.strip_prefix(':') {
        Some(value) if is_type => (
            Some(ty),
            Some(value.trim_start()).filter(|value| !value.is_empty()),
        ),
        None if is_type && rest.is_empty() => (Some(ty), None),
        // `NoSuchMethodException(code, message)` and its like.
        None if is_type && rest.starts_with('(') => (Some(ty), Some(rest)),
        _ => (None, whole),
    }
}

/// Between a message and its stack.
fn is_introduction(line: &str) -> bool {
    let words = [
        "When the exception was thrown, this was the stack",
        "Stack trace",
        "StackTrace",
        "stack trace",
        "#0 ",
    ];
    words.iter().any(|words| line.starts_with(words))
        || line.starts_with("*** *** ***")
        || line.starts_with("Warning: This VM has been configured")
        || [
            "pid: ",
            "os: ",
            "build_id: ",
            "isolate_dso_base: ",
            "isolate_instructions: ",
        ]
        .iter()
        .any(|words| line.starts_with(words))
}

/// Belongs to a stack and says nothing.
fn is_passed(line: &str) -> bool {
    line == "<asynchronous suspension>"
        || line == "..."
        || line == "====="
        || line.starts_with("===== asynchronous gap")
        || line.starts_with("(elided ")
        || line.starts_with("... ") && line.contains("frames")
}

/// `#0      Class.method (package:x/y.dart:1:2)`, or with an instruction: `#00 abs 0000 virt 0000 _kDartIsolate…+0x12`.
fn numbered(line: &str) -> Option<Frame> {
    let rest = line.strip_prefix('#')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let call = rest
        .get(digits..)
        .filter(|call| digits > 0 && call.starts_with(' '))?
        .trim();
    let mut frame = Frame::default();
    if let Some(address) = call.strip_prefix("abs ") {
        let (address, symbol) = address.split_once(' ')?;
        frame.instruction_addr = u64::from_str_radix(address.trim_start_matches("0x"), 16).ok();
        frame.function = symbol
            .split(' ')
            .find(|part| part.starts_with('_'))
            .map(str::to_owned);
        return frame.instruction_addr.is_some().then_some(frame);
    }
    match call
        .strip_suffix(')')
        .and_then(|inner| inner.rsplit_once(" ("))
    {
        Some((name, place)) => {
            if !set_place(&mut frame, place) {
                at::set_place(&mut frame, place);
            }
            frame.function = Some(name.trim_end().to_owned());
        }
        None => frame.function = Some(call.to_owned()),
    }
    Some(frame)
}

fn set_place(frame: &mut Frame, place: &str) -> bool {
    let mut read = Frame::default();
    at::set_place(&mut read, place);
    if !read.filename.as_deref().is_some_and(is_library) {
        return false;
    }
    (frame.filename, frame.abs_path) = (read.filename, read.abs_path);
    (frame.lineno, frame.colno) = (read.lineno, read.colno);
    true
}

fn is_library(file: &str) -> bool {
    file.ends_with(".dart") || file.starts_with("dart:") || file.starts_with("package:")
}

/// `package:shop/cart.dart 30:9   Cart.total`, the form of `package:stack_trace`; in the browser too.
fn find_short(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut read_until = 0;
    for (number, _) in text.places(".dart ") {
        if number < read_until {
            continue;
        }
        read_until = number + 1;
        let line = text.line(number);
        let Some(column) = short_beginning(line) else {
            continue;
        };
        let walk = Walk {
            text,
            prefix: Prefix::of(line, column),
        };
        let mut frames = Vec::new();
        let mut next = number;
        while next < text.len() {
            let line = walk.line(next).trim();
            match short(line) {
                Some(frame) if frames.len() < FRAMES_MAX => frames.push(frame),
                Some(_) => {}
                None if is_passed(line) && next > number => {}
                None => break,
            }
            next += 1;
        }
        let lowest = found.last().map_or(0, |trace: &Trace| trace.lines.end);
        let mut first = number;
        // The libraries of the language itself have no such ending.
        while first > lowest && number - first < MESSAGE_LINES_MAX {
            let Some(frame) = short(walk.line(first - 1).trim()) else {
                break;
            };
            frames.insert(0, frame);
            first -= 1;
        }
        let (start, ty, value) = walk.head(first, lowest);
        if frames.len() > 1 || start < first {
            read_until = next;
            found.push(trace(exception(ty, value.as_deref(), frames), start..next));
        }
    }
}

/// Where a short frame begins behind what a log may have written.
fn short_beginning(line: &str) -> Option<usize> {
    let begins = |at: usize| short(&line[at..]).is_some().then_some(at);
    begins(0).or_else(|| {
        line.match_indices(' ')
            .take(16)
            .find_map(|(at, _)| begins(at + 1))
    })
}

fn short(line: &str) -> Option<Frame> {
    let line = line.trim_start();
    let (file, rest) = line.split_once(' ')?;
    let (place, name) = rest.split_once("  ")?;
    let (row, column) = match place.split_once(':') {
        Some((row, column)) => (row, Some(column)),
        None => (place, None),
    };
    let lineno = row.parse().ok()?;
    let colno = column.map(str::parse).transpose().ok()?;
    if !is_library(file) {
        return None;
    }
    let mut frame = Frame {
        function: Some(name.trim().to_owned()),
        lineno: Some(lineno),
        colno,
        ..Frame::default()
    };
    at::set_file(&mut frame, file);
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::super::at::tests::shown;
    use super::super::shown::any_bytes;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(shown(find, text), expected, "{text}");
    }

    /// One frame below a head.
    #[track_caller]
    fn check_frame(line: &str, expected: &str) {
        check(
            &format!("Unhandled exception:\nx\n{line}\n"),
            &[&format!("?: x | {expected}")],
        );
    }

    /// A head above one frame.
    #[track_caller]
    fn check_head(head: &str, expected: &str) {
        check(
            &format!("{head}\n#0      f (package:a/b.dart:1:2)\n"),
            &[&format!("{expected} | f package:a/b.dart:1:2")],
        );
    }

    const BOX: &str = "══╡ EXCEPTION CAUGHT BY WIDGETS LIBRARY ╞═════\nThe following StateError was thrown building Cart(dirty):\nBad state: no cart\nsecond\n\nThe relevant error-causing widget was:\n  Cart\n\nWhen the exception was thrown, this was the stack:\n#0      Cart.total (package:shop/cart.dart:30:9)\n#1      _State.build (package:flutter/src/x.dart:1:2)\n(elided 2 frames from class _RawReceivePort)\n════\n";

    #[test]
    fn frames_are_read() {
        check_frame(
            "#0      A.b (package:a/b.dart:1:2)\n#1      main (file:///srv/a b/m.dart:5)",
            "A.b package:a/b.dart:1:2 | main file:///srv/a b/m.dart:5",
        );
        check_frame(
            "#0      A.b.<anonymous closure> (package:a/b.dart:1:2)",
            "A.b.<anonymous closure> package:a/b.dart:1:2",
        );
        check_frame(
            "#0      new A (dart:core-patch/a.dart:1:2)\n<asynchronous suspension>\n#1      b (dart:async/zone.dart:3:4)",
            "new A dart:core-patch/a.dart:1:2 | b dart:async/zone.dart:3:4",
        );
        check_frame(
            "#0      List.[] (dart:core-patch/growable_array.dart:264:36)",
            "List.[] dart:core-patch/growable_array.dart:264:36",
        );
        check_frame(
            "#0      A.b (file:///C:/a.dart:1:2)",
            "A.b file:///C:/a.dart:1:2",
        );
    }

    #[test]
    fn the_place_may_be_in_the_next_line() {
        check_frame(
            "#0      A.b\n    package:a/b.dart:1:2\n#1      c\n    (package:a/c.dart:3)",
            "A.b package:a/b.dart:1:2 | c package:a/c.dart:3",
        );
    }

    #[test]
    fn obfuscated_frames_have_addresses() {
        let text = "Unhandled exception:\nx\n*** *** ***\npid: 1, tid: 2, name 1.ui\n    #00 abs 00000073a1 virt 00000000a1 _kDartIsolateSnapshotInstructions+0x12\n    #01 abs 00000073b2 virt 00000000b2 _kDartIsolateSnapshotInstructions+0x23\n";
        check(
            text,
            &[
                "?: x | _kDartIsolateSnapshotInstructions+0x12 | _kDartIsolateSnapshotInstructions+0x23",
            ],
        );
    }

    #[test]
    fn messages_may_have_a_type() {
        check_head("Unhandled exception:\nBad state: y", "?: Bad state: y");
        check_head(
            "Unhandled exception:\nFormatException: y: z",
            "FormatException: y: z",
        );
        check_head(
            "Unhandled exception:\nNoSuchMethodError: one\nReceiver: null\nTried calling: f()",
            "NoSuchMethodError: one\nReceiver: null\nTried calling: f()",
        );
        check_head(
            "Unhandled exception:\ntype 'Null' is not a subtype of type 'String'",
            "?: type 'Null' is not a subtype of type 'String'",
        );
        check_head(
            "Unhandled exception:\nPlatformException(error, y, null, null)",
            "PlatformException: (error, y, null, null)",
        );
        check_head(
            "[ERROR:flutter/runtime/x.cc(41)] Unhandled Exception: Null check operator",
            "?: Null check operator",
        );
        check_head(
            "12:01 severe failed FormatException: y",
            "FormatException: y",
        );
        check_head("Exception: y\n", "Exception: y");
    }

    #[test]
    fn the_box_of_flutter_is_read() {
        check(
            BOX,
            &[
                "StateError: Bad state: no cart\nsecond | Cart.total package:shop/cart.dart:30:9 | _State.build package:flutter/src/x.dart:1:2",
            ],
        );
    }

    #[test]
    fn logs_of_android_are_read() {
        check(
            "E/flutter ( 4415): [ERROR:flutter/x.cc(41)] Unhandled Exception: boom\nE/flutter ( 4415): #0      A.b (package:a/b.dart:570:53)\nE/flutter ( 4415): <asynchronous suspension>\nE/flutter ( 4415): #1      c (dart:async/z.dart:1:2)\nE/flutter ( 4415):\n",
            &["?: boom | A.b package:a/b.dart:570:53 | c dart:async/z.dart:1:2"],
        );
    }

    #[test]
    fn the_short_form_is_read() {
        check(
            "Unhandled exception:\nBad state: y\ndart:core  1:2      x\npackage:a/b.dart 1:2         A.b\n===== asynchronous gap ======\nbin/main.dart 5  main.<fn>\n",
            &[
                "?: Bad state: y\ndart:core  1:2      x | A.b package:a/b.dart:1:2 | main.<fn> bin/main.dart:5",
            ],
        );
    }

    #[test]
    fn other_stacks_are_passed_over() {
        check("#0  main () at a.c:3\n#1  0x0 in b () from dart:\n", &[]);
        check(
            "#0 /srv/a.php(3): f()\n#1 {main}\nsee main.dart for more\n",
            &[],
        );
    }

    #[test]
    fn two_failures_are_two() {
        check(
            "Unhandled exception:\na\n#0      f (package:a/b.dart:1:2)\nUnhandled exception:\nb\n#0      g (package:a/b.dart:3:4)\n",
            &[
                "?: a | f package:a/b.dart:1:2",
                "?: b | g package:a/b.dart:3:4",
            ],
        );
    }

    #[test]
    fn bytes_of_any_kind_are_read() {
        any_bytes(find, BOX);
        any_bytes(
            find,
            "x 1 Unhandled exception: é\nx 1 #0  A.b\n  package:a/b.dart:1:2\n#01 abs 00a virt 0 _k+0\npackage:a/b.dart 1:2  c\n",
        );
    }
}
